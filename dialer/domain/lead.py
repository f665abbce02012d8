"""A person to reach: what the cells of a list mean. Pure: no clock, no file, no database.

Every reader returns the value or a `Problem` whose reason a person can act on. Nothing is
guessed: what can be read in two ways is a problem. A reason never repeats the cell, which is
personal data; whoever reports the problem has the cell at hand.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final, NewType
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

Phone = NewType("Phone", str)
"""One dialable number in E.164: ``+919876543210``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a cell cannot be taken, and what to do about it."""

    reason: str


class PhoneProblem(Problem):
    """Why a phone cell cannot be taken."""


@dataclass(frozen=True, slots=True)
class PhoneCell:
    """A cell that may hold several numbers. ``unread``: some part of it was no number."""

    phone: Phone
    others: tuple[Phone, ...] = ()
    unread: bool = False


# The Indian fast path, in the dialect that `re` and polars' engine share, so that a list can be
# read by the column with exactly the rules of `normalise_phone`. Dots are not separators here:
# stripped from ``987654321.0``, nine digits and Excel's decimal would pass for ten.
FAST_SEPARATORS: Final = r"([0-9])[ \-()]+"
FAST_PHONE: Final = r"^(?:\+91|91|0091|0)?([6-9][0-9]{9})$"
FAST_PHONE_ABROAD: Final = r"^\+91([6-9][0-9]{9})$"

_HAS_LETTERS = re.compile(r"[^\W\d_]")
_EXTENSION = re.compile(r"(?:\bext|\d\s*x|\bextn?\.?|#)[\s.=:]*\d", re.IGNORECASE)
_DECIMAL = re.compile(r"^(\+?\d{7,})\.0{1,2}$")
_SCIENTIFIC = re.compile(r"^(\+?\d)[.,]?(\d*)E\+?(\d{1,2})$", re.IGNORECASE)
_GROUPED = re.compile(r"^\d{1,3}(?:,\d{2,3}){2,}$")
_BETWEEN_NUMBERS = re.compile(r"[/;,|&\n]+|\s+(?:or|and)\s+|(?<=\d)\s*(?=\+)", re.IGNORECASE)
_SEPARATORS = str.maketrans("", "", " -.()[]\t")

# compliance.md section 1.8: voice headers of companies, never a person. The library calls 1600
# and 1601 mobile numbers, so they are told apart by prefix, before it is asked (section 3).
_INDIAN_SERIES = ("140", "1600", "1601", "1800", "1860")
_INDIAN_FILLER = "1234567890"  # the library holds it for a landline


def normalise_phone(text: str, default_region: str = "IN") -> Phone | PhoneProblem:
    """Read one number as a person or a spreadsheet wrote it, into E.164.

    default_region: ISO 3166 code of the country whose national numbers need no prefix.
    """
    return _read_number(_plain(text), default_region.upper())


def read_region(text: str) -> str | Problem:
    """Read the ISO 3166 code of a country that has phone numbers."""
    import phonenumbers

    region = text.strip().upper()
    if region not in phonenumbers.SUPPORTED_REGIONS:
        return Problem("is not a country code; use one such as IN")
    return region


def read_phones(text: str, default_region: str = "IN") -> PhoneCell | PhoneProblem:
    """Read a cell of one or more numbers; the first valid one is the lead's phone."""
    plain, region = _plain(text), default_region.upper()
    whole = _read_number(plain, region)
    if not isinstance(whole, PhoneProblem):
        return PhoneCell(whole)
    parts = [part.strip() for part in _BETWEEN_NUMBERS.split(plain)]
    if len(parts) < 2 or _EXTENSION.search(plain):
        return whole
    read = [_read_number(part, region) for part in parts if part]
    phones = list(dict.fromkeys(number for number in read if not isinstance(number, PhoneProblem)))
    if not phones:
        return whole
    unread = any(isinstance(number, PhoneProblem) for number in read)
    return PhoneCell(phones[0], tuple(phones[1:]), unread)


def _plain(text: str) -> str:
    """Full-width and Indian digits to ASCII, every dash to ``-``, every space to one blank."""
    if text.isascii():
        plain = text.strip()
    else:
        plain = "".join(_plain_char(char) for char in unicodedata.normalize("NFKC", text)).strip()
    if plain.startswith("="):  # ="98…" is how a spreadsheet is made to leave digits alone
        plain = plain[1:]
    plain = plain.strip("\"'` ")
    return plain[4:].strip() if plain[:4].lower() == "tel:" else plain


def _plain_char(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category == "Pd" or char == "−":
        return "-"
    if category == "Zs":
        return " "
    if category == "Cf":  # zero-width and direction marks that come with copied numbers
        return ""
    return "'" if char in "‘’" else char


def _read_number(plain: str, region: str) -> Phone | PhoneProblem:
    fast = FAST_PHONE if region == "IN" else FAST_PHONE_ABROAD
    if found := re.match(fast, re.sub(FAST_SEPARATORS, r"\1", plain)):
        return Phone("+91" + found[1])
    digits = _undamaged(plain)
    if isinstance(digits, PhoneProblem):
        return digits
    if region == "IN" and (found := re.match(FAST_PHONE, digits)):
        return Phone("+91" + found[1])
    return _ask_library(digits, region)


def _undamaged(plain: str) -> str | PhoneProblem:
    """Undo what spreadsheets do to numbers where that is exact; return bare digits, maybe +."""
    if not plain:
        return PhoneProblem("the phone is empty; give a number")
    if plain.startswith("-"):
        return PhoneProblem(
            "a negative number: a spreadsheet calculated +91-… as a sum; format the column as "
            "text and enter the number again"
        )
    if found := _SCIENTIFIC.match(plain):
        return _from_scientific(found[1], found[2], int(found[3]))
    if found := _DECIMAL.match(plain):
        return found[1]
    if _GROUPED.match(plain):
        return plain.replace(",", "")
    if _EXTENSION.search(plain):
        return PhoneProblem("has an extension, which cannot be dialed; give a direct number")
    if _HAS_LETTERS.search(plain):
        return PhoneProblem("has letters in it; give digits only")
    digits = plain.translate(_SEPARATORS)
    if not re.fullmatch(r"\+?[0-9]+", digits):
        return PhoneProblem("has characters that are no part of a phone number; give one number")
    return digits


def _from_scientific(head: str, fraction: str, exponent: int) -> str | PhoneProblem:
    kept, beyond = fraction[:exponent], fraction[exponent:]
    if len(kept) < exponent or beyond.strip("0"):
        return PhoneProblem(
            "Excel rounded this number and its last digits are lost; format the column as text "
            "and enter the number again"
        )
    return head + kept


def _ask_library(digits: str, region: str) -> Phone | PhoneProblem:
    import phonenumbers  # 0.1 s, and most lists never come here

    if digits.startswith("00"):  # the international prefix of India and most of the world
        digits = "+" + digits[2:]
    if region not in phonenumbers.SUPPORTED_REGIONS:  # `read_region` says so once for a file
        return PhoneProblem(f"the default region {region} is not known; use a code such as IN")
    if len(digits) > 17:
        return PhoneProblem("has too many digits; put ; between two numbers")
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return PhoneProblem("is not a phone number; give it with + and country code")
    return _dialable(number, digits, region)


def _dialable(number: PhoneNumber, digits: str, region: str) -> Phone | PhoneProblem:
    import phonenumbers

    national = str(number.national_number)
    if number.country_code == 91 and national.startswith(_INDIAN_SERIES):
        return PhoneProblem(
            "a company's service number (140, 1600, 1601, 1800, 1860 are never dialed); give the "
            "person's own number"
        )
    if not phonenumbers.is_valid_number(number) or (
        number.country_code == 91 and national == _INDIAN_FILLER
    ):
        return PhoneProblem(_why_invalid(number.country_code == 91, national, digits, region))
    kind = phonenumbers.number_type(number)
    if kind in (phonenumbers.PhoneNumberType.TOLL_FREE, phonenumbers.PhoneNumberType.PREMIUM_RATE):
        return PhoneProblem("a toll-free or premium number, never dialed; give the person's own")
    return Phone(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _why_invalid(is_indian: bool, national: str, digits: str, region: str) -> str:
    if is_indian and len(national) != 10:
        count = len(digits.lstrip("+"))
        return f"has {count} digits; an Indian number has 10, others need + and country code"
    if is_indian:
        return "no Indian number begins like this; check it, others need + and country code"
    if digits.startswith("+"):
        return "is not a valid number in its country; check the digits"
    return f"is not a valid number in {region}; others need + and country code"


def read_timezone(text: str) -> str | Problem | None:
    """Read an IANA zone name into its canonical form: Asia/Calcutta is Asia/Kolkata.

    Abbreviations and offsets are refused: IST has three meanings, an offset no daylight saving.
    """
    name = text.strip()
    if not name:
        return None
    canonical = _zones().get(name.replace(" ", "_").casefold())
    if canonical is None:
        return Problem("is not an IANA time zone; write it as Area/City, such as Asia/Kolkata")
    return canonical


@cache
def _zones() -> dict[str, str]:
    """Casefolded zone name to canonical name, from tzdata's own tables.

    A name in zone.tab stays as it is, although tzdata also links Amsterdam to Brussels; any
    other follows its link to such a name.
    """
    folder = resources.files("tzdata") / "zoneinfo"
    rows = (folder / "zone.tab").read_text("utf-8").splitlines()
    settled = {row.split("\t")[2] for row in rows if row and not row.startswith("#")}
    links: dict[str, str] = {}
    for row in (folder / "tzdata.zi").read_text("utf-8").splitlines():
        if row.startswith("L "):
            _, target, alias = row.split()
            links[alias] = target
    named = [name for name in available_timezones() if "/" in name] + ["UTC"]
    return {
        name.casefold(): name if name in settled else links.get(name, name)
        for name in named
        if name != "Etc/Unknown"
    }


# ISO 639-1, and the languages of India's Eighth Schedule that have no two-letter code.
_LANGUAGES: Final = frozenset(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da
    de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy
    hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg
    li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or
    os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta
    te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
    bho brx doi hne kok mai mni raj sat tcy
    """.split()  # noqa: SIM905 - as a list literal it would be 190 lines
)
_LANGUAGE_NAMES: Final = {
    "hindi": "hi", "हिन्दी": "hi", "हिंदी": "hi", "english": "en", "bengali": "bn", "bangla": "bn",
    "marathi": "mr", "telugu": "te", "tamil": "ta", "gujarati": "gu", "urdu": "ur",
    "kannada": "kn", "odia": "or", "oriya": "or", "malayalam": "ml", "punjabi": "pa",
    "assamese": "as", "maithili": "mai", "konkani": "kok", "nepali": "ne", "sindhi": "sd",
    "kashmiri": "ks", "dogri": "doi", "manipuri": "mni", "santali": "sat", "bodo": "brx",
    "sanskrit": "sa", "bhojpuri": "bho",
}  # fmt: skip  # one line per language would be a page
_LANGUAGE_TAG = re.compile(r"^([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?$")


def read_language(text: str) -> str | Problem | None:
    """Read a BCP 47 tag (``hi``, ``en-IN``) or the English name of an Indian language."""
    name = text.strip().casefold().replace("_", "-")
    if not name:
        return None
    if name in _LANGUAGE_NAMES:
        return _LANGUAGE_NAMES[name]
    found = _LANGUAGE_TAG.match(name)
    if found is None or found[1] not in _LANGUAGES:
        return Problem("is not a language tag; write one such as hi, en-IN or ta")
    script, region = found[2], found[3]
    return "-".join(filter(None, (found[1], script and script.title(), region and region.upper())))


#: What the rule packs ask for; ``inferred:ended`` is a contract or relationship that is over.
CONSENT_KINDS: Final = (
    "explicit_dca",
    "inquiry",
    "inferred",
    "inferred:ended",
    "express",
    "express_written",
    "ebr",
    "notified_consent",
)


def read_consent_kind(text: str) -> str | Problem | None:
    """Read a kind of consent; empty and ``none`` are no consent."""
    kind = re.sub(r"[\s\-]+", "_", text.strip().casefold()).replace("_:", ":").replace(":_", ":")
    if kind in ("", "none"):
        return None
    if kind not in CONSENT_KINDS:
        return Problem(f"is not a kind of consent; use none, {', '.join(CONSENT_KINDS)}")
    return kind


_DAY_FIRST = re.compile(r"^(\d{1,2})([/.\-])(\d{1,2})\2(\d{4})(?:[ T,]+(\d{1,2}:\d\d(?::\d\d)?))?$")
_ISO_START = re.compile(r"^\d{4}-\d\d-\d\d(?:[T ]|$)")
CONSENT_ZONE: Final = ZoneInfo("Asia/Kolkata")


def read_consent_at(
    text: str, *, now: datetime, default_zone: tzinfo = CONSENT_ZONE
) -> datetime | Problem | None:
    """Read when consent was given, as UTC.

    Accepts ISO 8601, and dates with slashes, dots or dashes, always day first as in India: 3/4
    is the third of April and 4/25 is refused. Without an offset the time is ``default_zone``'s,
    without a time it is that day's first instant. More than a day after ``now`` is refused.
    """
    written = text.strip()
    if not written:
        return None
    try:
        read = datetime.fromisoformat(_iso(written))
        aware = read if read.tzinfo is not None else read.replace(tzinfo=default_zone)
        at = aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return Problem("is not a date; write 2026-04-03, 2026-04-03T10:30:00+05:30 or 03/04/2026")
    if at > now + timedelta(days=1):
        return Problem("is in the future; consent is given before the call")
    return at


def _iso(written: str) -> str:
    if found := _DAY_FIRST.match(written):
        day, _, month, year, time = found.groups()
        return f"{year}-{month:0>2}-{day:0>2}" + (
            f"T{time.zfill(8 if time.count(':') > 1 else 5)}" if time else ""
        )
    if not _ISO_START.match(written):  # 20260403 is more often a number than a date
        raise ValueError(written)
    return written
