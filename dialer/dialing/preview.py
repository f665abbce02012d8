"""A campaign before its launch: who may be called now, who later, who never, and why.

The law is asked once for each distinct set of facts, with what the dial pass would ask it, and
nothing is written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from dialer.compliance.facts import PastAttempt, Scrub
from dialer.compliance.numbering import is_indian_mobile
from dialer.compliance.packs import Pack
from dialer.compliance.schema import EventAge
from dialer.compliance.verdict import TIME_REASONS, Verdict
from dialer.dialing.callers import CallerPool, judge
from dialer.dialing.consent_ages import ConsentAges, consent_of
from dialer.dialing.facts import history_since
from dialer.dialing.forecast import ages_of, forecast
from dialer.dialing.law import Law
from dialer.domain.attempt import Disposition, Outcome
from dialer.domain.retry import EnrolmentState, after_denial
from dialer.store import carrier, facts, preview
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx
from dialer.store.facts import Batch
from dialer.store.suppressions import erased_marks

MOST_EXAMPLES = 20


@dataclass(slots=True)
class Group:
    """Leads about whom the law is told the same. ``lead``: any of them."""

    lead: Any
    batch: Batch
    phones: list[str] = field(default_factory=list)
    dues: list[datetime | None] = field(default_factory=list)
    consents: list[tuple[Any, ...]] = field(default_factory=list)


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
    for group in groups:
        _, verdict = judge(
            pool,
            group.lead,
            campaign,
            sender=sender,
            batch=group.batch,
            packs=packs,
            now=tx.now,
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
            self.callable += len(group.phones)
            self.some_lead = self.some_lead or group.lead
        for due in group.dues:
            its_fate, its_at, code = fate, next_at, verdict.code
            if fate in ("now", "later") and due is not None and due > self._now:
                its_fate, its_at = "later", due if next_at is None else max(due, next_at)
                code = "DUE_LATER" if fate == "now" else code
            self._count[its_fate] += 1
            self._zones[zones][its_fate] += 1
            if its_at is not None:
                self._later[its_at] += 1
            if its_fate != "now":
                reason = (its_fate, code, verdict.rule_id)
                self._reasons[reason]["leads"] += 1
                if its_at is not None:
                    self._when[reason].append(its_at)
                detail = verdict.findings[0].detail if verdict.findings else _DUE_LATER
                self._said.setdefault(reason, detail)
        if len(zones) > 1:
            room = MOST_EXAMPLES - len(self._spanning)
            self._spanning += group.phones[:room]

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
    """Read every waiting lead and put together those about whom the law is told the same."""
    leads = await preview.waiting_leads(tx, campaign.id)
    given = _newest(await preview.consents_of_waiting(tx, campaign.id))
    verdicts = {
        row[0]: row
        for row in await preview.verdicts_of_waiting(tx, campaign.id, campaign.row.list_id)
    }
    runs = {row["id"]: row for row in await preview.scrub_runs(tx, campaign.row.list_id)}
    suppressed = await preview.suppressed_waiting(tx, campaign.id)
    marks = await erased_marks(tx)
    if marks:
        suppressed |= {row[1] for row in leads if tx.mark_of(row[1]) in marks}
    history = await _history(tx, campaign.id, packs)
    category = campaign.definition.campaign.category
    ages = ConsentAges(ages_of(packs, category), tx.now)
    has_event = any(category in rule.categories for p in packs for rule in p.rules_of(EventAge))
    groups: dict[tuple[Any, ...], Group] = {}
    for lead_id, phone, due_at, disposition, timezone, event_at in leads:
        rows = given.get(lead_id, ())
        said = verdicts.get(phone)
        key = (
            "in" if is_indian_mobile(phone) else phone,
            timezone,
            event_at if has_event else None,
            ages.of(rows[0]) if len(rows) == 1 else tuple(map(ages.of, rows)),
            phone in suppressed,
            None if said is None else (said[1], said[2]),
            history.get(phone),
            disposition == Disposition.CALLBACK,
        )
        group = groups.get(key)
        if group is None:
            found = None if said is None else _scrub(runs[said[2]], said[1])
            lead = SimpleNamespace(
                lead_id=lead_id,
                phone=phone,
                timezone=timezone,
                attributes={"event_at": event_at},
                disposition=disposition,
            )
            batch = Batch(
                suppressed={phone} & suppressed,
                consents={lead_id: tuple(map(consent_of, rows))},
                scrubs={} if found is None else {phone: found},
                history={phone: history.get(phone, ())},
                subjects={},
            )
            group = groups[key] = Group(lead, batch)
        group.phones.append(phone)
        group.dues.append(due_at)
        group.consents.append(rows)
    return list(groups.values())


def _newest(rows: Sequence[Any]) -> dict[UUID, tuple[Any, ...]]:
    """Return each lead's newest word of each kind, in the order in which a kind was first told."""
    found: dict[UUID, tuple[Any, ...]] = {}
    for row in rows:
        before = found.get(row[0])
        if before is None:
            found[row[0]] = (row,)
        else:
            kinds = {one[1]: one for one in before}
            kinds[row[1]] = row
            found[row[0]] = tuple(kinds.values())
    return found


def _scrub(run: Any, verdict: str) -> Scrub:
    return Scrub(
        run["at"], verdict, run["ref"], run["provider"], str(run["id"]), run["file_sha256"].hex()
    )


async def _history(
    tx: Tx, campaign_id: UUID, packs: Sequence[Pack]
) -> dict[str, tuple[PastAttempt, ...]]:
    since = history_since(packs, tx.now)
    if since is None:
        return {}
    found: dict[str, list[PastAttempt]] = defaultdict(list)
    for row in await preview.history_of_waiting(tx, campaign_id, since):
        spoke = row["answered_at"] is not None and not row["is_machine"]
        outcome = row["outcome"] or Outcome.NO_ANSWER
        found[row["phone"]].append(PastAttempt(row["placing_at"], spoke, outcome, str(row["id"])))
    return {phone: tuple(past) for phone, past in found.items()}
