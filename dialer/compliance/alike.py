"""Many decisions at one instant: calls that are alike in all that rules look at are judged once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from dialer.compliance.decide import decide_for
from dialer.compliance.facts import Facts
from dialer.compliance.numbering import Number, read_number
from dialer.compliance.packs import Pack
from dialer.compliance.verdict import Verdict
from dialer.compliance.zones import AREA_CODE_DIGITS


def shown(packs: tuple[Pack, ...], number: Number) -> tuple[str, tuple[str, ...]]:
    """Return what these packs look at of a number beside its kind and region: the digits by which
    they tell regions apart, mostly none; and the library's zones, where a pack asks for them."""
    digits, asks_zones = _reading(packs)
    return number.national[:digits], number.zones if asks_zones else ()


@lru_cache(maxsize=256)
def _reading(packs: tuple[Pack, ...]) -> tuple[int, bool]:
    """Return how many leading national digits the packs look at, and if they ask for zones."""
    asks_zones = any(pack.header.zones.mode == "number" for pack in packs)
    lengths = [
        len(prefix)
        for pack in packs
        for prefix in (*pack.header.area_codes, *pack.header.zones.prefixes)
    ]
    if asks_zones:
        lengths.append(AREA_CODE_DIGITS)
    return max(lengths, default=0), asks_zones


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Decides calls at ``now``, an aware instant, as `decide` does."""

    now: datetime
    _known: dict[Hashable, Verdict] = field(default_factory=dict)

    def decide(self, facts: Facts, packs: Sequence[Pack]) -> Verdict:
        """Judge one call. What only names a fact, such as its row, makes no difference."""
        stack = tuple(packs)
        number = read_number(facts.phone)
        look = (number.is_valid, number.kind, number.calling_code, number.region)
        alike = (stack, look, shown(stack, number), _essence(facts))
        verdict = self._known.get(alike)
        if verdict is None:
            verdict = self._known[alike] = decide_for(number, facts, stack, self.now)
        return verdict


def _essence(facts: Facts) -> Hashable:
    """Everything of facts but the phone and what merely names them."""
    scrub = facts.scrub
    return (
        *(facts.category, facts.mode, facts.entity, facts.sector, facts.caller, facts.declaration),
        tuple((one.kind, one.captured_at, one.ended, one.source) for one in facts.consents),
        facts.suppressed,
        None if scrub is None else (scrub.at, scrub.verdict),
        facts.event_at,
        tuple((one.at, one.conversation, one.outcome) for one in facts.history),
        *(facts.lead_zone, facts.zones, facts.number_type, facts.narrowing),
    )
