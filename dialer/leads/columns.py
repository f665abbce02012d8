"""A file's header → which column is which field of a lead; the others are attributes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dialer.domain.lead import PhoneProblem, normalise_phone
from dialer.errors import FieldError, InvalidInput

FIELDS: Final = (
    "phone",
    "name",
    "first_name",
    "external_id",
    "timezone",
    "language",
    "consent_kind",
    "consent_at",
    "consent_source",
    "consent_evidence",
)

#: What our own rejects file puts before the original columns; dropped when it comes back.
REJECT_COLUMNS: Final = ("line", "column", "reason")

# Other words for a field, most telling first: with both "Mobile" and "Phone No", the mobile is
# dialed. Only words that mean one thing; anything else is for --map.
_SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "phone": (
        "mobile", "mobile number", "mobile no", "mobile phone", "mobile phone number", "mob",
        "mob no", "cell", "cell phone", "cellphone", "cell number", "phone number", "phone no",
        "phonenumber", "phoneno", "mobilenumber", "mobileno", "contact number", "contact no",
        "contactnumber", "contactno", "contact phone", "contact mobile", "customer phone",
        "customer mobile", "customer mobile number", "primary phone", "registered mobile",
        "registered mobile number", "msisdn", "whatsapp number", "whatsapp no", "whatsapp",
        "telephone", "telephone number", "tel", "tel no", "ph no", "ph", "मोबाइल",
        "मोबाइल नंबर", "मोबाइल नम्बर", "फोन", "फ़ोन", "फोन नंबर", "फ़ोन नंबर", "दूरभाष",
        "मोबाईल", "मोबाईल नंबर", "মোবাইল", "கைபேசி", "மொபைல்", "మొబైల్", "ಮೊಬೈಲ್", "મોબાઇલ",
    ),
    "name": ("full name", "fullname", "customer name", "lead name", "contact name",
             "borrower name", "patient name", "नाम", "पूरा नाम"),
    "first_name": ("firstname", "first", "given name", "forename", "पहला नाम"),
    "external_id": ("externalid", "customer id", "customerid", "crm id", "lead id", "client id"),
    "timezone": ("time zone", "tz"),
    "language": ("lang", "preferred language", "भाषा"),
    "consent_kind": ("consent", "consent type"),
    "consent_at": ("consent date", "consent time", "consented at", "consent on"),
    "consent_source": (),
    "consent_evidence": ("consent proof",),
}  # fmt: skip  # one word per line would be three pages


@dataclass(frozen=True, slots=True)
class Columns:
    """``header``: unique names in file order; ``fields``: field → position in the row;
    ``attributes``: (name, position) of every other column."""

    header: tuple[str, ...]
    fields: Mapping[str, int]
    attributes: tuple[tuple[str, int], ...]
    is_rejects_file: bool = False

    def name_of(self, field: str) -> str:
        """The header over ``field``, as the person who made the file knows it."""
        return self.header[self.fields[field]]


def match_columns(cells: Sequence[str], mapping: Mapping[str, str]) -> Columns:
    """Find the fields in a header: ``mapping`` (column → field) first, then exact names, then
    common synonyms. Raises `InvalidInput` when no column is the phone, or the mapping is wrong.
    """
    header = _unique(cells)
    returned = tuple(header[: len(REJECT_COLUMNS)]) == REJECT_COLUMNS
    open_columns = {
        _key(name): position
        for position, name in reversed(list(enumerate(header)))
        if not (returned and position < len(REJECT_COLUMNS))
    }
    fields = _mapped(header, open_columns, mapping)
    for field in FIELDS:
        words = (field.replace("_", " "), *_SYNONYMS[field])
        for position in (open_columns.get(_key(word)) for word in words):
            if field not in fields and position is not None and position not in fields.values():
                fields[field] = position
    if "phone" not in fields:
        raise _no_phone(header)
    taken = set(fields.values()) | set(range(len(REJECT_COLUMNS) if returned else 0))
    attributes = tuple((name, at) for at, name in enumerate(header) if at not in taken)
    return Columns(tuple(header), fields, attributes, returned)


def _unique(cells: Sequence[str]) -> list[str]:
    """Trimmed names; a missing one becomes ``column_3``, a repeated one ``city_2``."""
    names: list[str] = []
    seen: set[str] = set()
    for position, cell in enumerate(cells, start=1):
        wanted = " ".join(cell.replace("\x00", "").lstrip("\ufeff").split()) or f"column_{position}"
        name, count = wanted, 1
        while _key(name) in seen:
            count += 1
            name = f"{wanted}_{count}"
        seen.add(_key(name))
        names.append(name)
    return names


def _key(name: str) -> str:
    """``Mobile No.``, ``mobile_no`` and ``MOBILE-NO`` are one name."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\s_.\-:*#]+", " ", folded).strip() or folded


def _mapped(
    header: Sequence[str], columns: Mapping[str, int], mapping: Mapping[str, str]
) -> dict[str, int]:
    fields: dict[str, int] = {}
    for column, field in mapping.items():
        wanted = field.strip().casefold()
        if wanted not in FIELDS:
            raise _bad_map(column, f"{field!r} is no field; use one of {', '.join(FIELDS)}")
        position = columns.get(_key(column))
        if position is None:
            raise _bad_map(column, f"no column {column!r}; the file has {_listed(header)}")
        if wanted in fields or position in fields.values():
            raise _bad_map(column, f"{column!r} and {wanted} may be mapped only once")
        fields[wanted] = position
    return fields


def _bad_map(column: str, message: str) -> InvalidInput:
    return InvalidInput(f"map: {message}", [FieldError(f"map.{column}", message)])


def _listed(header: Sequence[str]) -> str:
    shown = ", ".join("a number" if _is_number(name) else name[:40] for name in header[:30])
    return shown if len(header) <= 30 else f"{shown} and {len(header) - 30} more"


def _no_phone(header: Sequence[str]) -> InvalidInput:
    if any(map(_is_number, header)):
        message = "the first line holds data; put a header line above it, such as phone,name"
    else:
        message = (
            f"no phone column; the file has {_listed(header)}: "
            'name the right one with --map "COLUMN=phone"'
        )
    return InvalidInput(message, [FieldError("file", message)])


def _is_number(name: str) -> bool:
    """A first line that is no header holds a person's number; no message may show it."""
    return not isinstance(normalise_phone(name), PhoneProblem)
