"""When a campaign would be through, and which facts run out before. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dialer.compliance.decide import worked_through
from dialer.compliance.facts import Scrub
from dialer.compliance.packs import Pack
from dialer.compliance.rules_register import goes_stale_at
from dialer.compliance.schema import Dnc
from dialer.compliance.zones import find_zones
from dialer.store.campaigns import Campaign

#: How long a call takes of a line, ringing included, while nothing of the campaign was measured.
CALL_S = 60.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """rate_per_min: calls the limits let start; finish_at: every lead once, inside its windows."""

    campaign: Campaign
    now: datetime
    rate_per_min: float
    finish_at: datetime | None

    def shown(self, groups: Iterable[tuple[Any, Any]], packs: Sequence[Pack]) -> dict[str, Any]:
        """groups: (`preview.Group`, verdict) of the leads that will be called."""
        category = self.campaign.definition.campaign.category
        registers = [
            (pack, rule)
            for pack in packs
            for rule in pack.rules_of(Dnc)
            if category in rule.categories
        ]
        consents: list[datetime] = []
        scrubs: dict[str, list[tuple[datetime, Scrub, int]]] = defaultdict(list)
        for group, verdict in groups:
            scrub = group.batch.scrubs.get(group.lead.phone)
            if scrub is not None and registers:
                stale_at = min(
                    goes_stale_at(find_zones(pack.header.zones.zones or verdict.zones), rule, scrub)
                    for pack, rule in registers
                )
                scrubs[scrub.id or ""].append((stale_at, scrub, group.alike.count))
            consents += (at for at in group.alike.ends if self._is_before_finish(at))
        return {
            "rate_per_min": round(self.rate_per_min, 2),
            "finish_at": self.finish_at,
            "expiring": {
                "consents": {"leads": len(consents), "first_at": min(consents, default=None)},
                "scrubs": [
                    _scrub_shown(found, self._is_before_finish(min(one[0] for one in found)))
                    for found in scrubs.values()
                ],
            },
        }

    def _is_before_finish(self, at: datetime) -> bool:
        """Unknown is taken for late: what may run out is said."""
        return self.finish_at is None or at < self.finish_at


def forecast(
    campaign: Campaign,
    packs: Sequence[Pack],
    limits: Any,
    now: datetime,
    leads: int,
    some_lead: Any,
) -> Forecast:
    """limits: the carrier account's row. leads: how many are to be called; some_lead: one."""
    definition = campaign.definition
    lines = max(limits.cap - limits.inbound_reserve, 0)
    if definition.dialing.max_concurrent is not None:
        lines = min(lines, definition.dialing.max_concurrent)
    per_s = min(limits.cps, lines / CALL_S)
    if campaign.row.max_cps is not None:
        per_s = min(per_s, campaign.row.max_cps)
    finish_at = None
    if leads and per_s > 0:
        finish_at = worked_through(
            campaign.hours(packs),
            phone=some_lead.phone,
            lead_zone=some_lead.timezone,
            at=max(now, campaign.row.starts_at or now),
            work_s=leads / per_s,
        )
    if finish_at is not None and campaign.row.ends_at is not None:
        finish_at = min(finish_at, campaign.row.ends_at)
    return Forecast(campaign, now, per_s * 60, finish_at)


def _scrub_shown(
    found: Sequence[tuple[datetime, Scrub, int]], is_before_finish: bool
) -> dict[str, Any]:
    expires, scrub, _ = min(found, key=lambda one: one[0])
    return {
        "ref": scrub.ref,
        "provider": scrub.provider,
        "at": scrub.at,
        "expires_at": expires,
        "leads": sum(count for _, _, count in found),
        "before_finish": is_before_finish,
    }
