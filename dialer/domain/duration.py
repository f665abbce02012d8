"""ISO 8601 durations of fixed length: weeks, days, hours, minutes, seconds."""

from __future__ import annotations

import re
from datetime import timedelta

_FORM = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def parse_duration(text: str) -> timedelta | None:
    """Return the length of ``text`` (``PT20S``, ``P1DT2H``), or None if it is no such duration.

    Months and years are refused: their length depends on when they start.
    """
    match = _FORM.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        return None
    return timedelta(**{unit: float(n) for unit, n in match.groupdict().items() if n is not None})
