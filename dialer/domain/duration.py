"""ISO 8601 durations of fixed length: weeks, days, hours, minutes, seconds."""

from __future__ import annotations

import re
from datetime import timedelta

_FORM = re.compile(
    r"P(?:(?P<weeks>[0-9]+)W)?(?:(?P<days>[0-9]+)D)?"
    r"(?:T(?:(?P<hours>[0-9]+)H)?(?:(?P<minutes>[0-9]+)M)?(?:(?P<seconds>[0-9]+(?:\.[0-9]+)?)S)?)?"
)
_LONGEST = timedelta(days=3650)


def parse_duration(text: str) -> timedelta | None:
    """Return the length of ``text`` (``PT20S``, ``P1DT2H``), or None if it is no such duration.

    Months and years are refused: their length depends on when they start. So is more than ten
    years, which added to a date could leave the calendar.
    """
    match = _FORM.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        return None
    try:
        length = timedelta(**{unit: float(n) for unit, n in match.groupdict().items() if n})
    except OverflowError:
        return None
    return length if length <= _LONGEST else None
