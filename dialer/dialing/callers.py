"""Which of a campaign's caller ids a lead sees. Pure: what it needs was read before.

A lead keeps the number that it answered, as long as the campaign has it and the law accepts it.
Everyone else sees the one that was not used for longest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from dialer.compliance.alike import AtOnce
from dialer.compliance.facts import Caller, Facts
from dialer.compliance.packs import Pack
from dialer.compliance.verdict import Verdict
from dialer.dialing.facts import facts_for
from dialer.domain.definition import Definition
from dialer.store.campaigns import Campaign
from dialer.store.facts import Batch

#: Denials that another number may lift.
_ABOUT_CALLER = frozenset({"CLI_SERIES_MISMATCH", "A2P_UNDECLARED"})


@dataclass(slots=True)
class CallerPool:
    """The account's caller ids while one pass chooses among them.

    rows: number → row; a number without one has no known series. kept: lead id → the number the
    lead answered last.
    """

    rows: Mapping[str, Any]
    kept: dict[UUID, str] = field(default_factory=dict)
    _turn: int = 0
    _uses: dict[str, int] = field(default_factory=dict)  # number → its latest turn in this pass
    _refused: set[tuple[UUID, str | None]] = field(default_factory=set)

    def choices(self, campaign_id: UUID, definition: Definition, lead_id: UUID) -> Iterator[Caller]:
        """Yield the numbers to ask the law about, the best first.

        One a series, as the law knows no more of a number. A series that it refused to this
        campaign earlier in the pass comes last: leads of another country may have another law.
        """
        numbers = definition.dialing.caller_ids
        if len(numbers) > 1:
            numbers = self._in_order(campaign_id, numbers, self.kept.get(lead_id))
        seen: set[str | None] = set()
        for number in numbers:
            series = self._series(number)
            if series not in seen:
                seen.add(series)
                yield _caller(number, series)

    def refuse(self, campaign_id: UUID, caller: Caller) -> None:
        self._refused.add((campaign_id, caller.series))

    def use(self, number: str) -> None:
        """A call was allowed that shows this number."""
        self._turn += 1
        self._uses[number] = self._turn

    @property
    def used(self) -> list[str]:
        """The numbers this pass has used, the latest last."""
        return sorted(self._uses, key=lambda number: self._uses[number])

    def _series(self, number: str) -> str | None:
        row = self.rows.get(number)
        return None if row is None else row.series

    def _in_order(self, campaign_id: UUID, numbers: Sequence[str], kept: str | None) -> list[str]:
        def rank(number: str) -> tuple[bool, bool, int, float]:
            row = self.rows.get(number)
            last: datetime | None = None if row is None else row.last_used_at
            return (
                (campaign_id, self._series(number)) in self._refused,
                number != kept,
                self._uses.get(number, 0),
                0.0 if last is None else last.timestamp(),
            )

        return sorted(numbers, key=rank)  # stable: the file's order where nothing else decides


@lru_cache(maxsize=256)
def _caller(number: str, series: str | None) -> Caller:
    """The same for all leads of a pass, as `facts.declaration_of` gives them the same notice."""
    return Caller(number, series)


def judge(
    pool: CallerPool,
    lead: Any,
    campaign: Campaign,
    *,
    sender: Any,
    batch: Batch,
    packs: Sequence[Pack],
    deciding: AtOnce,
) -> tuple[Facts, Verdict]:
    """Ask the law about one lead, with the first of its numbers that the law accepts.

    If it accepts none, the answer is that about the first.
    """
    first: tuple[Facts, Verdict] | None = None
    for caller in pool.choices(campaign.id, campaign.definition, lead.lead_id):
        facts = facts_for(lead, campaign, caller=caller, sender=sender, batch=batch)
        verdict = deciding.decide(facts, packs)
        if _ABOUT_CALLER.isdisjoint(verdict.codes):
            return facts, verdict
        pool.refuse(campaign.id, caller)
        first = first or (facts, verdict)
    assert first is not None, "a definition has at least one caller id"
    return first
