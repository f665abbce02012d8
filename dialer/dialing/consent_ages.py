"""Which of many thousand consents are live at one instant, by comparison with a cutoff. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dialer.compliance.durations import parse_duration
from dialer.compliance.facts import Consent
from dialer.compliance.rules_consent import is_expired
from dialer.compliance.schema import ConsentAge

#: A row of consents: lead id, kind, captured_at, has_ended, source.
Row = Sequence[Any]
State = tuple[str, bool, bool, str | None, tuple[bool, ...]]


def consent_of(row: Row) -> Consent:
    return Consent(row[1], row[2], row[3], row[4])


class ConsentAges:
    """What the law can see of a consent at ``at``: its kind and source, whether it ended, whether
    it was given, and which ages are reached. Equal states are one object."""

    def __init__(self, ages: Sequence[ConsentAge], at: datetime) -> None:
        self._ages, self._at = ages, at
        self._cutoffs: dict[tuple[str, str | None], tuple[tuple[ConsentAge, Any], ...]] = {}
        self._states: dict[State, State] = {}

    def of(self, row: Row) -> State:
        _, kind, captured_at, has_ended, source = row
        cutoffs = self._cutoffs.get((kind, source))
        if cutoffs is None:
            cutoffs = self._cutoffs[kind, source] = self._cutoffs_of(kind, source)
        expired = tuple(
            captured_at is None
            or (
                captured_at <= cutoff
                if cutoff is not None
                else is_expired(consent_of(row), rule, self._at)
            )
            for rule, cutoff in cutoffs
        )
        given = captured_at is None or captured_at <= self._at
        state = (kind, has_ended, given, source, expired)
        return self._states.setdefault(state, state)

    def _cutoffs_of(self, kind: str, source: str | None) -> tuple[tuple[ConsentAge, Any], ...]:
        """Return each rule about such a consent with the latest time of capture that is too long
        ago; None beside it where months have to be counted."""
        found = []
        for rule in self._ages:
            if kind not in rule.consent:
                continue
            is_inquiry = rule.inquiry_max_age is not None and source == "inquiry"
            length = parse_duration((rule.inquiry_max_age if is_inquiry else None) or rule.max_age)
            exact = timedelta(days=length.days, seconds=length.seconds)
            found.append((rule, None if length.months else self._at - exact))
        return tuple(found)


def is_live(state: State) -> bool:
    _, has_ended, given, _, expired = state
    return given and not has_ended and not any(expired)


def may_expire(state: State) -> bool:
    return bool(state[4])
