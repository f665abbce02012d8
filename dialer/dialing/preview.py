"""A campaign before its launch: who may be called now, who later, who never, and why.

The law is asked once for each distinct set of facts, with what the dial pass would ask it, and
nothing is written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from dialer.compliance.alike import AtOnce
from dialer.compliance.durations import parse_duration
from dialer.compliance.packs import Pack
from dialer.compliance.schema import ConsentAge, EventAge
from dialer.compliance.verdict import TIME_REASONS, Verdict
from dialer.dialing.callers import CallerPool, judge
from dialer.dialing.facts import history_since
from dialer.dialing.forecast import forecast
from dialer.dialing.law import Law
from dialer.domain.attempt import Disposition
from dialer.domain.retry import EnrolmentState, after_denial
from dialer.store import carrier, facts, preview
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx
from dialer.store.facts import Batch
from dialer.store.suppressions import erased_marks

MOST_EXAMPLES = 20
AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Group:
    """Leads about whom the law is told the same. ``lead``: one of them."""

    lead: Any
    batch: Batch
    alike: preview.Alike


async def preview_campaign(tx: Tx, law: Law, campaign: Campaign) -> dict[str, Any]:
    """Return what `campaign preview` and REST show; instants are aware datetimes.

    leads = now + later + waiting_for_facts + never + settled. now: may be called this moment.
    later: a window, a cap or an agreed time has to come. waiting_for_facts: a scrub, the sender's
    declaration or a caller id's series is missing. never: what the law forbids, or allows only
    past the campaign's end. settled: leads that do not wait (any more), by state.
    """
    packs = law.packs_of(campaign.definition)
    groups = await _groups(tx, campaign, packs)
    pool = CallerPool(await facts.caller_rows(tx))
    sender = await facts.sender_row(tx)
    states = await preview.count_states(tx, campaign.id)
    shown = _Shown(campaign, tx.now)
    deciding = AtOnce(tx.now)
    for group in groups:
        _, verdict = judge(
            pool,
            group.lead,
            campaign,
            sender=sender,
            batch=group.batch,
            packs=packs,
            deciding=deciding,
        )
        shown.add(group, verdict)
    expected = forecast(
        campaign, packs, await carrier.get_carrier(tx), tx.now, shown.callable, shown.some_lead
    )
    settled = {state: count for state, count in sorted(states.items()) if state != "waiting"}
    return {
        "campaign": campaign.row.name,
        "at": tx.now,
        "state": campaign.state.value,
        "leads": sum(states.values()),
        **shown.totals(),
        "settled": settled,
        **expected.shown(shown.groups, packs),
        "warnings": [*law.warnings(campaign.definition, tx.now), *shown.warnings()],
    }


class _Shown:
    """Adds up what the groups come to."""

    def __init__(self, campaign: Campaign, now: datetime) -> None:
        self._campaign, self._now = campaign, now
        self._count: Counter[str] = Counter()
        self._reasons: dict[tuple[str, str, str | None], Counter[str]] = defaultdict(Counter)
        self._when: dict[tuple[str, str, str | None], list[datetime]] = defaultdict(list)
        self._zones: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        self._spanning: list[str] = []
        self._said: dict[tuple[str, str, str | None], str] = {}
        self._later: Counter[datetime] = Counter()
        self.groups: list[tuple[Group, Verdict]] = []
        self.callable = 0
        self.some_lead: Any = None

    def add(self, group: Group, verdict: Verdict) -> None:
        fate, next_at = self._fate(group, verdict)
        zones = verdict.zones
        if fate in ("now", "later"):
            self.groups.append((group, verdict))
            self.callable += group.alike.count
            self.some_lead = self.some_lead or group.lead
        dues = group.alike.dues if fate in ("now", "later") else []
        self._add(verdict, fate, verdict.code, next_at, group.alike.count - len(dues))
        for due, count in Counter(dues).items():
            at = due if next_at is None else max(due, next_at)
            code = "DUE_LATER" if fate == "now" else verdict.code
            self._add(verdict, "later", code, at, count)
        if len(zones) > 1:
            room = MOST_EXAMPLES - len(self._spanning)
            self._spanning += group.alike.phones[:room]

    def _add(self, verdict: Verdict, fate: str, code: str, at: datetime | None, count: int) -> None:
        if not count:
            return
        self._count[fate] += count
        self._zones[verdict.zones][fate] += count
        if at is not None:
            self._later[at] += count
        if fate == "now":
            return
        reason = (fate, code, verdict.rule_id)
        self._reasons[reason]["leads"] += count
        if at is not None:
            self._when[reason].append(at)
        detail = verdict.findings[0].detail if verdict.findings else _DUE_LATER
        self._said.setdefault(reason, detail)

    def _fate(self, group: Group, verdict: Verdict) -> tuple[str, datetime | None]:
        """Say what the dial pass would do with such a lead."""
        if verdict.allowed:
            return "now", None
        step = after_denial(
            code=verdict.code,
            lasting=[code for code in verdict.codes if code not in TIME_REASONS],
            next_allowed_at=verdict.next_allowed_at,
            ends_at=self._campaign.row.ends_at,
            is_promised=group.lead.disposition == Disposition.CALLBACK,
        )
        if step.state is not EnrolmentState.WAITING:
            return "never", None
        return ("waiting_for_facts", None) if step.due_at is None else ("later", step.due_at)

    def totals(self) -> dict[str, Any]:
        return {
            **{name: self._count[name] for name in ("now", "later", "waiting_for_facts", "never")},
            "later_at": [{"at": at, "leads": count} for at, count in sorted(self._later.items())],
            "by_reason": [
                {
                    "fate": fate,
                    "code": code,
                    "rule_id": rule_id,
                    "leads": count["leads"],
                    "detail": self._said[fate, code, rule_id],
                    "first_at": min(self._when[fate, code, rule_id], default=None),
                    "last_at": max(self._when[fate, code, rule_id], default=None),
                }
                for (fate, code, rule_id), count in sorted(
                    self._reasons.items(), key=lambda item: (-item[1]["leads"], item[0][:2])
                )
            ],
            "by_zone": [
                {
                    "zones": list(zones),
                    "leads": sum(count.values()),
                    **{name: count[name] for name in _FATES},
                }
                for zones, count in sorted(
                    self._zones.items(), key=lambda item: (-sum(item[1].values()), item[0])
                )
            ],
            "several_zones": {
                "leads": sum(
                    sum(count.values()) for zones, count in self._zones.items() if len(zones) > 1
                ),
                "examples": self._spanning,
            },
        }

    def warnings(self) -> Iterable[str]:
        if not self.callable and self._count:
            yield "Nobody of this campaign can be called as things stand; see by_reason."


_FATES = ("now", "later", "waiting_for_facts", "never")
_DUE_LATER = "The lead is due later: a retry, or a time that was agreed."


async def _groups(tx: Tx, campaign: Campaign, packs: Sequence[Pack]) -> list[Group]:
    """Put the waiting leads together, and read of each group one lead as the dial pass does."""
    category = campaign.definition.campaign.category
    list_id = campaign.row.list_id
    marks = await erased_marks(tx, campaign.id)
    phones = await preview.waiting_phones(tx, campaign.id) if marks else []
    since = history_since(packs, tx.now)
    found = await preview.groups_alike(
        tx,
        campaign.id,
        list_id,
        ages=[*_ages(packs, category)],
        with_event=any(category in r.categories for p in packs for r in p.rules_of(EventAge)),
        erased=[phone for phone in phones if tx.mark_of(phone) in marks],
        history_since=since,
    )
    groups = []
    for start in range(0, len(found), AT_ONCE):
        some = found[start : start + AT_ONCE]
        rows = await preview.leads_by_id(tx, campaign.id, [one.lead_id for one in some])
        leads = {row[0]: _lead(row) for row in rows}
        batch = await facts.facts_of(
            tx,
            campaign_id=campaign.id,
            list_id=list_id,
            leads={lead_id: lead.phone for lead_id, lead in leads.items()},
            history_since=since,
            with_subjects=False,
        )
        groups += [Group(leads[one.lead_id], batch, one) for one in some]
    return groups


def _ages(packs: Sequence[Pack], category: str) -> Iterator[preview.Age]:
    """Every rule about the age of consents, once for each kind and whether by inquiry or not."""
    rules = [rule for pack in packs for rule in pack.rules_of(ConsentAge)]
    for number, rule in enumerate(r for r in rules if category in r.categories):
        for is_inquiry in (False, True):
            shorter = rule.inquiry_max_age if is_inquiry else None
            length = parse_duration(shorter or rule.max_age)
            exact = timedelta(days=length.days, seconds=length.seconds)
            for kind in rule.consent:
                yield preview.Age(number, kind, is_inquiry, length.months, exact)


def _lead(row: Any) -> Any:
    lead_id, phone, disposition, timezone, event_at = row
    return SimpleNamespace(
        lead_id=lead_id,
        phone=phone,
        disposition=disposition,
        timezone=timezone,
        event_at=event_at,
    )
