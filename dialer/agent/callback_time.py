"""When to call again: the instant the callee named, checked, and said back in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from dialer.agent.dates import days_in
from dialer.agent.numbers import SMALL
from dialer.agent.unclear import Unclear
from dialer.agent.words import clean, words_of

MAX_AHEAD: Final = timedelta(days=60)

_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::\d{2}(?:\.\d+)?)?(Z|z|[+-]\d{2}:?\d{2})?"
)
_CLOCK = re.compile(r"(?<![\d:])(\d{1,2})[:.](\d{2})(?![\d:])")
_PARTS: Mapping[str, str] = {
    clean(word): part
    for part, line in {
        "am": "am morning subah subeh savere सुबह सवेरे",
        "noon": "noon",
        "afternoon": "afternoon dopahar dopeher दोपहर",
        "evening": "evening shaam sham शाम",
        "night": "night tonight raat रात",
        "pm": "pm",
    }.items()
    for word in line.split()
}
# A part of the day alone is taken at its usual hour: the agent says it back, so the callee hears.
_USUAL_HOUR = {"am": 10, "noon": 12, "afternoon": 15, "evening": 18, "night": 20}
_LATEST_GUESS = 9  # "at ten", heard at eleven in the morning, is not ten at night
_OCLOCK = frozenset(words_of("baje bajey bje बजे o'clock oclock"))
_AT = frozenset({"at", "by", "around", "about", "after"})
_HOURS = frozenset(words_of("hour hours hr hrs ghante ghanta घंटे घंटा घण्टे"))
_MINUTES = frozenset(words_of("minute minutes min mins मिनट"))
_HALF_HOUR = frozenset(words_of("half aadhe adhe aadha आधे आधा"))
_LATER = frozenset(words_of("later baad bad बाद"))
_SHIFT: Mapping[str, int] = {
    clean(word): minutes
    for minutes, line in {30: "saadhe sadhe साढ़े", 15: "sava सवा", -15: "paune पौने"}.items()
    for word in line.split()
}
_HALF_TIMES = {"dedh": (1, 30), "dhai": (2, 30), clean("डेढ़"): (1, 30), clean("ढाई"): (2, 30)}

_NEAR = {0: "today", 1: "tomorrow"}
_HINDI_NEAR = {0: "आज", 1: "कल"}
_MONTH_NAMES = (
    "|January|February|March|April|May|June|July|August|September|October|November|December"
)
_DAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_HINDI_MONTHS = "|जनवरी|फ़रवरी|मार्च|अप्रैल|मई|जून|जुलाई|अगस्त|सितंबर|अक्टूबर|नवंबर|दिसंबर"
_HINDI_DAYS = ["सोमवार", "मंगलवार", "बुधवार", "गुरुवार", "शुक्रवार", "शनिवार", "रविवार"]


def read_callback(text: str, now_local: datetime, zone: ZoneInfo) -> datetime | Unclear:
    """Return the instant (aware, UTC) that ``text`` names on the wall clock of ``zone``.

    text: the tool's ``YYYY-MM-DDTHH:MM``, or plain words such as "tomorrow at six" or "do ghante
        baad". It must lie ahead of ``now_local`` (aware), by 60 days at most. A wall time that
        the zone skips in spring is taken as late as the clocks then are; of one it has twice in
        autumn, the first.
    """
    try:
        at = _instant(text.strip(), now_local, zone)
    except (ValueError, OverflowError):
        return Unclear("there is no such time")
    if isinstance(at, Unclear):
        return at
    if at <= now_local:
        return Unclear("that time has passed")
    if at - now_local > MAX_AHEAD:
        return Unclear("that is more than 60 days ahead")
    return at


def _instant(text: str, now_local: datetime, zone: ZoneInfo) -> datetime | Unclear:
    if match := _ISO.fullmatch(text):
        year, month, day, hour, minute = (int(match[group]) for group in range(1, 6))
        wall = datetime(year, month, day, hour, minute)
        if not match[6]:
            return _to_utc(wall, zone)
        if match[6] in "Zz":  # written out of habit: six in the evening would become midnight
            return Unclear("write the local time, without a zone")
        return datetime.fromisoformat(f"{wall.isoformat()}{match[6]}").astimezone(UTC)
    words = words_of(text)
    if (pause := _pause(words)) is not None:
        return now_local.astimezone(UTC) + pause  # in UTC: a pause is not wall time
    days = days_in(text, now_local.date())
    if len(days) > 1:
        return Unclear("more than one day was heard")
    moment = _time_of_day(clean(text), words)
    if isinstance(moment, Unclear):
        return moment
    return _to_utc(_place(days[0] if days else None, moment, now_local), zone)


def _to_utc(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _pause(words: tuple[str, ...]) -> timedelta | None:
    """``after two hours``, ``in half an hour``, ``aadhe ghante baad``, ``30 minutes later``."""
    for at, word in enumerate(words):
        if word not in _HOURS and word not in _MINUTES:
            continue
        before = words[max(0, at - 3) : at]
        has_lead = bool({"in", "after", "within"} & set(before))
        if not has_lead and not _LATER & set(words[at + 1 : at + 3]):
            continue
        if count := _count(before):
            return timedelta(hours=count) if word in _HOURS else timedelta(minutes=count)
    return None


def _count(before: tuple[str, ...]) -> float | None:
    if _HALF_HOUR & set(before):
        return 0.5
    for word in reversed(before):
        if word in _HALF_TIMES:
            hours, minutes = _HALF_TIMES[word]
            return hours + minutes / 60
        if word in ("a", "an"):
            return 1
        if word in SMALL or re.fullmatch(r"\d{1,3}", word):
            return SMALL[word] if word in SMALL else int(word)
    return None


class _Moment:
    """A clock reading; ``part`` is the part of the day that was named, if one was."""

    def __init__(self, hour: int, minute: int, part: str | None) -> None:
        if not (0 <= hour <= 23 and 0 <= minute <= 59):
            raise ValueError("no such time")
        self.hour, self.minute, self.part = hour, minute, part


def _time_of_day(text: str, words: tuple[str, ...]) -> _Moment | Unclear:
    part = next((_PARTS[word] for at, word in enumerate(words) if _is_part(words, at)), None)
    if match := re.search(r"(?<!\d)(\d{1,2})(?:[:.](\d{2}))? ?([ap])\.?m\b", text):
        return _Moment(int(match[1]), int(match[2] or 0), "am" if match[3] == "a" else "pm")
    if match := _CLOCK.search(text):
        return _Moment(int(match[1]), int(match[2]), part)
    if found := _spoken_clock(words):
        return _Moment(*found, part)
    if part in _USUAL_HOUR:
        return _Moment(_USUAL_HOUR[part], 0, None)
    return Unclear("no time of day was heard")


def _is_part(words: tuple[str, ...], at: int) -> bool:
    """Whether a part of the day stands there; "am" is one only after its hour ("I am busy")."""
    if words[at] in ("am", "pm"):
        return at > 0 and (_hour(words[at - 1]) > 0 or words[at - 1] in ("fifteen", "thirty"))
    return words[at] in _PARTS


def _spoken_clock(words: tuple[str, ...]) -> tuple[int, int] | None:
    """``half past six``, ``saadhe chhe baje``, ``six thirty``, ``at six``, ``chhe baje``."""
    for at, word in enumerate(words):
        if word in ("past", "to") and at and at + 1 < len(words) and _hour(words[at + 1]):
            minutes = {"half": 30, "quarter": 15}.get(words[at - 1], SMALL.get(words[at - 1], 0))
            signed = minutes if word == "past" else 60 - minutes
            hour = _hour(words[at + 1]) - (word == "to")
            if 0 < minutes < 60:
                return hour or 12, signed
    for at, word in enumerate(words):
        after = words[at + 1] if at + 1 < len(words) else ""
        before = words[at - 1] if at else ""
        if after in _OCLOCK and word in _HALF_TIMES:
            return _HALF_TIMES[word]
        if not (hour := _hour(word)):
            continue
        if before in _SHIFT:
            minute = _SHIFT[before]
            return (hour, minute) if minute > 0 else ((hour - 1) or 12, 60 + minute)
        is_told = after in _OCLOCK or before in _AT or bool({before, after} & _PARTS.keys())
        if is_told or after == "thirty" or len(words) == 1:
            return hour, _minute(words, at + 1)
    return None


def _hour(word: str) -> int:
    if re.fullmatch(r"\d{1,2}", word):
        return int(word) if 1 <= int(word) <= 23 else 0
    number = SMALL.get(word, 0)
    return number if 1 <= number <= 12 else 0


def _minute(words: tuple[str, ...], at: int) -> int:
    word = words[at] if at < len(words) else ""
    return {"fifteen": 15, "thirty": 30, "15": 15, "30": 30, "45": 45}.get(word, 0)


def _place(day: date | None, moment: _Moment, now_local: datetime) -> datetime:
    """Put a clock reading on a day, in the half of it that was meant; naive, local."""
    now = now_local.replace(tzinfo=None)
    hour = _in_half(moment)
    wall = datetime.combine(day or now.date(), time(hour, moment.minute))
    is_open = moment.part is None and moment.hour < 12  # "eight" may be either
    if wall <= now and is_open and hour < 12 and (day == now.date() or hour < _LATEST_GUESS):
        wall += timedelta(hours=12) if wall.date() == now.date() else timedelta(0)
    if wall <= now and day is None:
        wall = datetime.combine(now.date() + timedelta(days=1), time(hour, moment.minute))
    return wall


def _in_half(moment: _Moment) -> int:
    """People who say "six" to a caller mean working hours: 8 to 11 before noon, else after."""
    hour, part = moment.hour, moment.part
    if hour > 12 or hour == 0:
        return hour
    if part == "am":
        return hour % 12
    if part == "night" and (hour == 12 or hour < 5):
        return hour % 12
    if part is None and 8 <= hour <= 11:
        return hour
    return hour % 12 + 12


def callback_in_words(at_local: datetime, now_local: datetime, *, is_hindi: bool) -> str:
    """Return "tomorrow at 6 pm", "on Friday, 27 November, at 10:30 am", or the same in Hindi."""
    days = (at_local.date() - now_local.date()).days
    hour, minute = at_local.hour % 12 or 12, at_local.minute
    if is_hindi:
        month = _HINDI_MONTHS.split("|")[at_local.month]
        other_day = f"{_HINDI_DAYS[at_local.weekday()]}, {at_local.day} {month} को"
        clock = f"{hour} बजकर {minute} मिनट पर" if minute else f"{hour} बजे"
        return f"{_HINDI_NEAR.get(days, other_day)} {_hindi_part(at_local.hour)} {clock}"
    month = _MONTH_NAMES.split("|")[at_local.month]
    other_day = f"on {_DAY_NAMES[at_local.weekday()]}, {at_local.day} {month},"
    clock = f"{hour}:{minute:02}" if minute else f"{hour}"
    half = "am" if at_local.hour < 12 else "pm"
    return f"{_NEAR.get(days, other_day)} at {clock} {half}"


def _hindi_part(hour: int) -> str:
    if 4 <= hour < 12:
        return "सुबह"
    if 12 <= hour < 16:
        return "दोपहर"
    return "शाम" if 16 <= hour < 20 else "रात"
