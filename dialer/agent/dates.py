"""Days as people say them: read relative to the lead's local time, and said back in words.

A day without a year lies ahead: the next one that fits. Hindi's "kal" and "parso" are read as
tomorrow and the day after, because the agent asks about what is to come.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final

from dialer.agent.numbers import SMALL
from dialer.agent.unclear import Unclear
from dialer.agent.words import clean, words_of

_FIRST_YEAR, _LAST_YEAR = 1900, 2199

MONTHS: Final[Mapping[str, int]] = {
    clean(word): number
    for number, line in enumerate(
        (
            "january jan janvari जनवरी",
            "february feb farvari फरवरी",
            "march mar मार्च",
            "april apr aprail अप्रैल",
            "may मई",
            "june jun जून",
            "july jul julai जुलाई",
            "august aug agast अगस्त",
            "september sep sept sitambar सितंबर सितम्बर",
            "october oct aktubar अक्टूबर अक्तूबर",
            "november nov navambar नवंबर नवम्बर",
            "december dec disambar दिसंबर दिसम्बर",
        ),
        start=1,
    )
    for word in line.split()
}
WEEKDAYS: Final[Mapping[str, int]] = {
    clean(word): number
    for number, line in enumerate(
        (
            "monday mon somvar somwar सोमवार",
            "tuesday tue tues mangalvar mangalwar मंगलवार",
            "wednesday wed budhvar budhwar बुधवार",
            "thursday thu thurs guruvar guruwar brihaspativar गुरुवार बृहस्पतिवार",
            "friday fri shukravar shukrawar शुक्रवार",
            "saturday sat shanivar shaniwar शनिवार",
            "sunday sun ravivar raviwar itvar itwar रविवार इतवार",
        )
    )
    for word in line.split()
}
_NEAR: Mapping[str, int] = {
    clean(word): days
    for days, line in {
        0: "today aaj tonight आज",
        1: "tomorrow tmrw kal कल",
        2: "parso parson परसों",
        -1: "yesterday",
    }.items()
    for word in line.split()
}
_UNITS: Mapping[str, str] = {
    clean(word): unit
    for unit, line in {
        "day": "day days din दिन",
        "week": "week weeks hafte hafta haftay हफ्ते हफ्ता सप्ताह",
        "month": "month months mahine mahina महीने महीना",
    }.items()
    for word in line.split()
}
_AFTER = frozenset(words_of("baad bad बाद later hence now"))
_BEFORE_COUNT = frozenset({"in", "after"})
_NEXT = frozenset(words_of("next agle agla अगले अगला coming"))
_ORDINAL_WORDS: Mapping[str, int] = {
    word: number
    for number, word in enumerate(
        words_of(
            "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
            "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
        ),
        start=1,
    )
} | {"thirtieth": 30}
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})(?!\d)")
_ORDINAL = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?")
_SUFFIXED = re.compile(r"(\d{1,2})(?:st|nd|rd|th)")
_TAARIKH = frozenset(words_of("tarikh taarikh tareekh तारीख"))


def read_date(text: str, now_local: datetime) -> date | Unclear:
    """Return the one day ``text`` names; ``now_local`` is the wall clock at the callee."""
    try:
        found = days_in(text, now_local.date())
    except (ValueError, OverflowError):
        return Unclear("there is no such day in the calendar")
    if not found:
        return Unclear("no day was heard")
    if len(found) > 1:
        return Unclear("more than one day was heard")
    if not _FIRST_YEAR <= found[0].year <= _LAST_YEAR:
        return Unclear("the year is out of range")
    return found[0]


def read_keyed_date(keys: str) -> date | Unclear:
    """Read DDMMYYYY from the keypad."""
    if not re.fullmatch(r"[0-9]{8}", keys):
        return Unclear("eight digits are needed: day, month, year")
    return read_date(f"{keys[:2]}/{keys[2:4]}/{keys[4:]}", datetime(2000, 1, 1))


def days_in(text: str, today: date) -> list[date]:
    """Return the days named in ``text``, each once; raise `ValueError` for one that does not
    exist. A weekday beside its date, "Tuesday, the 1st", names no other day."""
    found = list(_days(text, today))
    dated = {day for day, is_weekday in found if not is_weekday}
    weekdays = {day.weekday() for day in dated}
    days = (day for day, is_weekday in found if not (is_weekday and day.weekday() in weekdays))
    return list(dict.fromkeys(days))


def _days(text: str, today: date) -> Iterator[tuple[date, bool]]:
    """Yield each day, and whether only its weekday was named."""
    text = clean(text)
    for match in _ISO.finditer(text):
        yield date(int(match[1]), int(match[2]), int(match[3])), False
    text = _ISO.sub(" ", text)
    for match in _NUMERIC.finditer(text):  # day first, as India writes
        year = int(match[3]) + (2000 if len(match[3]) == 2 else 0)
        yield date(year, int(match[2]), int(match[1])), False
    words = words_of(_NUMERIC.sub(" ", text))
    at = 0
    while at < len(words):
        for reader in _READERS:
            if (read := reader(words, at, today)) is not None:
                day, size = read
                yield day, reader is _weekday
                at += size
                break
        else:
            at += 1


Words = tuple[str, ...]
_Read = tuple[date, int] | None


def _counted(words: Words, at: int, today: date) -> _Read:
    """``in two weeks``, ``after a month``, ``10 days later``, ``do hafte baad``."""
    start = at
    has_lead = words[at] in _BEFORE_COUNT
    at += has_lead
    if at + 1 >= len(words) or (count := _count(words[at])) is None:
        return None
    unit = _UNITS.get(words[at + 1])
    has_tail = at + 2 < len(words) and words[at + 2] in _AFTER
    if unit is None or not (has_lead or has_tail):
        return None
    return _later(today, count, unit), at + 2 + has_tail - start


def _count(word: str) -> int | None:
    if word in ("a", "an", "one"):
        return 1
    return int(word) if re.fullmatch(r"\d{1,3}", word) else SMALL.get(word)


def _later(today: date, count: int, unit: str) -> date:
    if unit != "month":
        return today + timedelta(days=count * (7 if unit == "week" else 1))
    months = today.year * 12 + today.month - 1 + count
    year, month = divmod(months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(today.day, last))


def _near(words: Words, at: int, today: date) -> _Read:
    for phrase, days in ((("day", "after", "tomorrow"), 2), (("aane", "wale", "kal"), 1)):
        if words[at : at + len(phrase)] == phrase:
            return today + timedelta(days=days), len(phrase)
    if words[at] in _NEAR:
        return today + timedelta(days=_NEAR[words[at]]), 1
    return None


def _weekday(words: Words, at: int, today: date) -> _Read:
    """A weekday's name is its next one, with or without "next"; never today."""
    has_lead = words[at] in _NEXT or words[at] in ("this", "on", "is", "इस")
    name = words[at + has_lead] if at + has_lead < len(words) else ""
    if name not in WEEKDAYS:
        return None
    ahead = (WEEKDAYS[name] - today.weekday() - 1) % 7 + 1
    if words[max(0, at - 2) : at] == ("next", "week"):
        ahead = 7 - today.weekday() + WEEKDAYS[name]
    return today + timedelta(days=ahead), 1 + has_lead


def _day_and_month(words: Words, at: int, today: date) -> _Read:
    """``15th of August 2026``, ``August 15``, ``pandrah agast``."""
    start = at
    at += words[at] == "the"
    if at < len(words) and words[at] in MONTHS:
        month, (day, size) = MONTHS[words[at]], _day(words, at + 1)
        at += 1 + size
    else:
        day, size = _day(words, at)
        at += size
        at += at < len(words) and words[at] == "of"
        month = MONTHS.get(words[at], 0) if size and at < len(words) else 0
        at += 1
    if not day or not month:
        return None
    if at < len(words) and re.fullmatch(r"\d{4}", words[at]):
        return date(int(words[at]), month, day), at + 1 - start
    return _next(day, month, today), at - start


def _next(day: int, month: int, today: date) -> date:
    """29 February may be years ahead; 31 June never is."""
    if month != 2 or day > 29:
        date(2000, month, day)  # raises for a day no year has
    for year in range(today.year, today.year + 9):
        if day <= calendar.monthrange(year, month)[1] and date(year, month, day) >= today:
            return date(year, month, day)
    raise ValueError("no such day")


def _day(words: Words, at: int) -> tuple[int, int]:
    """Read a day of the month and how many words it takes; (0, 0) if there is none."""
    at += at < len(words) and words[at] == "the"
    if at >= len(words):
        return 0, 0
    word, following = words[at], words[at + 1] if at + 1 < len(words) else ""
    if word in ("twenty", "thirty") and (following in _ORDINAL_WORDS or following in SMALL):
        unit = _ORDINAL_WORDS.get(following, SMALL.get(following, 0))
        if 1 <= unit <= 9:
            return (20 if word == "twenty" else 30) + unit, 2
    if match := _ORDINAL.fullmatch(word):
        return int(match[1]), 1
    day = _ORDINAL_WORDS.get(word, SMALL.get(word, 0))
    return (day, 1) if 1 <= day <= 31 else (0, 0)


def _day_alone(words: Words, at: int, today: date) -> _Read:
    """``the 15th``, ``15 tarikh``: of this month or the next that has it."""
    day, size = _day(words, at)
    if not size:
        return None
    is_dated = at + size < len(words) and words[at + size] in _TAARIKH
    if not (_SUFFIXED.fullmatch(words[at + size - 1]) or is_dated):
        return None
    for ahead in range(13):
        year, month = divmod(today.year * 12 + today.month - 1 + ahead, 12)
        if day <= calendar.monthrange(year, month + 1)[1]:
            found = date(year, month + 1, day)
            if found >= today:
                return found, size + is_dated
    raise ValueError("no such day")


_READERS: tuple[Callable[[Words, int, date], _Read], ...] = (
    _counted,
    _near,
    _weekday,
    _day_and_month,
    _day_alone,
)
