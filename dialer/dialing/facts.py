"""From rows to the values the law is asked about. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from dialer.compliance.durations import parse_duration
from dialer.compliance.facts import Caller, Declaration, Facts
from dialer.compliance.packs import Pack
from dialer.compliance.schema import Cap, Gap
from dialer.store.campaigns import Campaign
from dialer.store.facts import Batch

# Beyond a period lie the zones' days and a month's odd lengths.
_SLACK = timedelta(days=4)


def history_since(packs: Sequence[Pack], now: datetime) -> datetime | None:
    """Return how far back earlier calls matter, or None if no rule in force counts them."""
    periods = [
        *(rule.period for pack in packs for rule in pack.rules_of(Cap)),
        *(rule.min_gap for pack in packs for rule in pack.rules_of(Gap)),
    ]
    begins = [_before(now, period) for period in periods]
    return min(begins, default=None)


def _before(now: datetime, period: str) -> datetime:
    length = parse_duration(period)
    days = length.days + 31 * length.months
    return now - timedelta(days=days, seconds=length.seconds) - _SLACK


def declaration_of(category: str, sender: Any, caller: Caller) -> Declaration | None:
    """Return the sender's notice to the access provider, None while there is none.

    Its objective is the campaign's category unless the sender states one (design §8).
    """
    if sender is None:
        return None
    return _declaration(
        sender.a2p_reference,
        sender.a2p_declared_on,
        sender.a2p_objective or category,
        caller.series is not None,
        sender.peid,
        sender.tmid,
    )


@lru_cache(maxsize=256)
def _declaration(*fields: Any) -> Declaration:
    """The same for all leads of a pass, so that what is alike is known to be by its identity."""
    return Declaration(*fields)


def facts_for(lead: Any, campaign: Campaign, *, caller: Caller, sender: Any, batch: Batch) -> Facts:
    """Put together everything known about calling this lead for this campaign.

    lead: an enrolment's row with its lead's ``timezone`` and ``event_at``, a text.
    """
    definition, head = campaign.definition, campaign.definition.campaign
    return Facts(
        phone=lead.phone,
        category=head.category,
        mode=definition.mode,
        entity=head.entity,
        sector=head.sector,
        caller=caller,
        declaration=declaration_of(head.category, sender, caller),
        consents=batch.consents.get(lead.lead_id, ()),
        suppressed=lead.phone in batch.suppressed,
        scrub=batch.scrubs.get(lead.phone),
        event_at=_instant(lead.event_at),
        history=batch.history.get(lead.phone, ()),
        lead_zone=lead.timezone,
        narrowing=campaign.narrowing,
    )


def _instant(event_at: str | None) -> datetime | None:
    """The customer's own transaction: the lead column ``event_at``, ISO with an offset."""
    if event_at is None:
        return None
    try:
        value = datetime.fromisoformat(event_at)
    except ValueError:
        return None
    return value if value.tzinfo is not None else None
