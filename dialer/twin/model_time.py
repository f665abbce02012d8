"""When a callee wants to be called: words and the local time now, to a local time. Pure.

An hour from 1 to 7 without more is in the afternoon; a day without an hour means eleven o'clock,
a part of the day its middle.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from dialer.twin.model_numbers import NUMBER_WORDS
from dialer.twin.model_words import any_of, flat

_DAYS = {
    name: number
    for number, names in enumerate(
        (
            "monday mon somvaar somwar somvar सोमवार",
            "tuesday tue mangalvaar mangalwar mangalvar मंगलवार",
            "wednesday wed budhvaar budhwar budhvar बुधवार",
            "thursday thu guruvaar guruwar guruvar veervaar गुरुवार वीरवार",
            "friday fri shukravaar shukrawar shukravar शुक्रवार",
            "saturday sat shanivaar shaniwar shanivar शनिवार",
            "sunday sun ravivaar raviwar ravivar itvaar itwar रविवार इतवार",
        )
    )
    for name in names.split()
}
_PARTS = {
    "morning": any_of("morning|subah|सुबह|सवेरे"),
    "noon": any_of("noon|midday"),
    "afternoon": any_of("afternoon|dopahar|dopehar|दोपहर"),
    "evening": any_of("evening|shaam|sham|शाम"),
    "night": any_of("night|tonight|raat|रात"),
}
_MIDDLE = {"morning": 10, "noon": 12, "afternoon": 14, "evening": 18, "night": 20}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

_DAY_AFTER_TOMORROW = any_of("day after tomorrow|day after|parso|parson|परसों|परसो")
_TOMORROW = any_of("tomorrow|tommorow|kal|कल")
_TODAY = any_of("today|tonight|this (?:afternoon|evening|morning)|aaj|आज")
_NEXT_WEEK = any_of("next week|agle hafte|अगले हफ्ते")
_UNITS = (
    ("minutes", "minutes? mins? minat मिनट मिनिट"),
    ("hours", "hours? hrs? ghante ghanta घंटे घंटा"),
    ("days", "days? din दिन"),
    ("weeks", "weeks? hafte hafta हफ्ते हफ्ता"),
)
_OCLOCK = r"(?:baje|bje|बजे|oclock|o clock)"
_CLOCK = re.compile(
    rf"(?<= )(?:(at|by|around|about|after|post|before) )?(half past |quarter past |quarter to |"
    rf"saade |sadhe |sava |paune |साढे |सवा |पौने )?(\d{{1,2}})(?:[:.](\d\d)| (\d\d))?"
    rf"( {_OCLOCK})?(?: ?(am|pm|a m|p m))?(?= )"
)
_QUARTERS = {
    "half past": 30, "quarter past": 15, "quarter to": -15, "saade": 30, "sadhe": 30, "sava": 15,
    "paune": -15, "साढे": 30, "सवा": 15, "पौने": -15,
}  # fmt: skip
_UNIT_AHEAD = re.compile(r" (?:minute|min|hour|hr|ghant|day|din|week|haft|month|घंट|मिनट|दिन|हफ्त)")


class _Clock(NamedTuple):
    hour: int
    minute: int
    half: str  # am, pm or ""


def callback_time(text: str, now: datetime) -> datetime | None:
    """Return the local time (naive, like ``now``) the words name, or None if they name none."""
    words = _in_digits(flat(text))
    span = _span(words)
    day = _day(words, now)
    part = next((name for name, pattern in _PARTS.items() if pattern.search(words)), None)
    clock = _clock(words, has_day=day is not None or part is not None)
    if span is not None and span < timedelta(days=1):
        return now + span
    if span is not None:
        day = now + span
    if day is None and part is None and clock is None:
        return None
    wanted = _at((day or now).replace(second=0, microsecond=0), clock, part)
    if wanted <= now:
        # Without a day the next such hour is meant, and "Friday" on a Friday is the next one.
        wanted += timedelta(days=7 if _weekday(words) is not None else 1)
    return wanted


def _at(day: datetime, clock: _Clock | None, part: str | None) -> datetime:
    if clock is None:
        return day.replace(hour=_MIDDLE[part] if part else 11, minute=0)
    hour = clock.hour
    if clock.half == "pm" or (not clock.half and _is_late(hour, part)):
        hour = hour % 12 + 12
    elif clock.half == "am" or part == "morning":
        hour %= 12
    return day.replace(hour=hour, minute=0) + timedelta(minutes=clock.minute)


def _is_late(hour: int, part: str | None) -> bool:
    if hour >= 12:
        return hour == 12 and part != "night"
    return part in ("afternoon", "evening", "night") or (part is None and hour <= 7)


def _day(words: str, now: datetime) -> datetime | None:
    if _DAY_AFTER_TOMORROW.search(words):
        return now + timedelta(days=2)
    if _TOMORROW.search(words):
        return now + timedelta(days=1)
    if _TODAY.search(words):
        return now
    weekday = _weekday(words)
    if weekday is not None:
        return now + timedelta(days=(weekday - now.weekday()) % 7)
    if _NEXT_WEEK.search(words):
        return now + timedelta(days=7)
    return _date(words, now)


def _weekday(words: str) -> int | None:
    return next((_DAYS[word] for word in words.split() if word in _DAYS), None)


def _date(words: str, now: datetime) -> datetime | None:
    """A day of a month: ``25th november``, ``november 25``, ``on the 25th``."""
    month = next(
        (at for at, name in enumerate(_MONTHS, 1) if re.search(rf" {name}[a-z]* ", words)), None
    )
    day = re.search(r" (\d{1,2})(?:st|nd|rd|th)(?= )", words)
    if day is None and month is not None:
        day = re.search(r" (\d{1,2})(?= )(?! ?(?:am|pm|baje))", words)
    if day is None:
        return None
    for ahead in range(13):
        year, zero_month = divmod(now.year * 12 + now.month - 1 + ahead, 12)
        if month is not None and zero_month + 1 != month:
            continue
        try:
            found = now.replace(year=year, month=zero_month + 1, day=int(day[1]))
        except ValueError:
            continue
        if found > now:
            return found
    return None


def _span(words: str) -> timedelta | None:
    """``in two hours``, ``after half an hour``, ``do ghante baad``."""
    for unit, names in _UNITS:
        name = f"(?:{'|'.join(names.split())})"
        found = re.search(
            rf" (?:in|after|within) (an?|half an?|\d+) {name}(?= )|"
            rf" (aadhe|आधे|\d+) {name} (?:baad|ke baad|mein|me|later|from now|बाद|में|के बाद)(?= )",
            words,
        )
        if found:
            amount = (found[1] or found[2]).split()[0]
            count = 0.5 if amount in ("half", "aadhe", "आधे") else 1.0
            return timedelta(**{unit: float(amount) if amount.isdigit() else count})
    return None


def _clock(words: str, *, has_day: bool) -> _Clock | None:
    """The hour: sure with a preposition, ``baje`` or am/pm; bare only beside a day or its part."""
    if re.search(r" (?:at |by |around )?(?:noon|midday) ", words):
        return _Clock(12, 0, "pm")
    for found in _CLOCK.finditer(words):
        before, shift, hour, minutes, spoken, oclock, half = found.groups()
        is_sure = bool(before or shift or minutes or oclock or half)
        if int(hour) > 23 or int(minutes or spoken or 0) > 59:
            continue
        if _UNIT_AHEAD.match(words, found.end()) or not (is_sure or has_day):
            continue
        minute = int(minutes or spoken or 0) + _QUARTERS.get((shift or "").strip(), 0)
        return _Clock(int(hour), minute, (half or "").replace(" ", ""))
    return None


def _in_digits(words: str) -> str:
    """Number words as digits: ``six thirty`` to ``6 30``, ``twenty five`` to ``25``."""
    out: list[str] = []
    for word in words.split():
        value = NUMBER_WORDS.get(word)
        tens = out and out[-1] in ("20", "30", "40", "50")
        if value is not None and tens and 0 < value < 10:
            out[-1] = str(int(out[-1]) + value)
        else:
            out.append(word if value is None else str(value))
    return f" {' '.join(out)} "
