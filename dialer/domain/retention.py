"""How long each kind of row is kept. Checks are kept for ever: they are the proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from dialer.errors import FieldError, InvalidInput

#: Days by kind (compliance.md §1.14, §5): logs of traffic a year (DPDP Rules 2025, rules 6 and
#: 8(3)), recordings six months (RBI 2026, reported), the rest as long as it is of use.
DEFAULT_DAYS: Mapping[str, int] = {
    "recordings": 184,
    "transcripts": 366,
    "carrier_events": 366,
    "scrub_results": 366,
    "rejects": 90,
    "events": 30,
    "inbound_calls": 30,
    "replies": 2,
}
LONGEST_DAYS = 36_500
#: At least so long: a report of a call that is still asked about, a repeat that still comes.
SHORTEST_DAYS = 1


@dataclass(frozen=True, slots=True)
class Retention:
    """``days`` has every kind of `DEFAULT_DAYS`."""

    days: Mapping[str, int]

    @classmethod
    def of(cls, changed: Mapping[str, int]) -> Retention:
        """Return the periods that a user's changes make of the defaults."""
        return cls({kind: changed.get(kind, days) for kind, days in DEFAULT_DAYS.items()})

    def age(self, kind: str) -> timedelta:
        """Return how old a row of a kind may become."""
        return timedelta(days=self.days[kind])


def check_days(changed: Mapping[str, int]) -> None:
    """Raise `InvalidInput` naming each kind that does not exist and each period out of bounds."""
    problems = []
    for kind, days in changed.items():
        if kind not in DEFAULT_DAYS:
            known = ", ".join(DEFAULT_DAYS)
            problems.append(FieldError(kind, f"is no kind of row; known are {known}", days))
        elif not SHORTEST_DAYS <= days <= LONGEST_DAYS:
            message = f"found {days}; give {SHORTEST_DAYS} to {LONGEST_DAYS} days"
            problems.append(FieldError(kind, message, days))
    if problems:
        raise InvalidInput("; ".join(f"{one.path}: {one.message}" for one in problems), problems)
