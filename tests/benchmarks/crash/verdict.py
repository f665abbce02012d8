"""The database held against the twin's ledger: what must not be, by kind."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from dialer.store.engine import Database
from dialer.store.tables import (
    attempts,
    campaigns,
    carrier_events,
    checks,
    enrolments,
    lines,
    outbox,
    suppressions,
)
from tests.benchmarks.crash.books import Books, Entry, at_of, attempt_of
from tests.benchmarks.crash.scenario import MAX_ATTEMPTS, RETRIED, Scenario

LIVE = ("intended", "placing", "ambiguous", "placed", "ringing", "in_call")
_NOTHING_RANG = ("refused", "never_placed")
_FINAL = ("done", "blocked", "exhausted", "cancelled")
_SLOT_LIMIT = timedelta(seconds=60)
_OVER_CAP = "Concurrency Limit Breached"
#: A refusal that comes as a hangup: no credit, over the cap. It counts as no attempt.
_REFUSING_CODES = (1010, 5030)

#: Every kind that is looked for; each has a line in the table, with 0 where nothing was found.
KINDS = (
    "asked the carrier twice for one intent",
    "rang twice for one intent",
    "two live calls of one phone",
    "rang without an attempt",
    "rang, and the attempt says not",
    "never rang, and the attempt says so",
    "wrong outcome",
    "attempt stuck",
    "lead lost",
    "lead's count wrong",
    "lead's end not explained",
    "line or slot leaked",
    "slot kept for over 60 s",
    "above cap",
    "above CPS",
    "above the request budget",
    "ring without one earlier allowing check",
    "dialed after an opt-out",
    "told and forgotten",
    "event not told",
    "told what is not so",
    "audit chain broken",
    "campaign not finished",
    "process ended by itself",
    "twin failed",
)


@dataclass(frozen=True, slots=True)
class Violation:
    kind: str
    what: str
    attempt: UUID | None = None
    phone: str = ""


@dataclass(slots=True)
class Facts:
    """The rows of one run."""

    attempts: Mapping[UUID, Any]
    leads: Sequence[Any]
    campaigns: Mapping[UUID, Any]
    checks: Mapping[UUID, Any]
    suppressed_at: Mapping[str, datetime]
    busy_lines: Sequence[Any]
    events: Mapping[UUID, Counter[str]]
    promised: Mapping[UUID, str]  # events of the outbox, by id
    attempts_of: dict[UUID, list[Any]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    async def read(cls, db: Database) -> Facts:
        e = carrier_events.c
        async with db.begin() as tx:
            rows = await tx.all(select(attempts).order_by(attempts.c.id))
            leads = await tx.all(select(enrolments))
            named = await tx.all(select(campaigns))
            proofs = await tx.all(select(checks.c.id, checks.c.decision, checks.c.decided_at))
            out = await tx.all(select(suppressions.c.phone, suppressions.c.at))
            busy = await tx.all(select(lines).where(lines.c.live_attempt_id.is_not(None)))
            told = await tx.all(select(e.attempt_id, e.kind))
            promised = await tx.all(select(outbox.c.id, outbox.c.type))
        events: dict[UUID, Counter[str]] = defaultdict(Counter)
        for attempt_id, kind in told:
            events[attempt_id][kind] += 1
        facts = cls(
            {row.id: row for row in rows},
            leads,
            {row.id: row for row in named},
            {row.id: row for row in proofs},
            {row.phone: row.at for row in out},
            busy,
            events,
            {row.id: row.type for row in promised},
        )
        for row in rows:
            facts.attempts_of[row.enrolment_id].append(row)
        return facts


def judge(scenario: Scenario, books: Books, facts: Facts, launched: int) -> list[Violation]:
    """Everything that is wrong. ``launched``: leads that were enrolled."""
    found: list[Violation] = []
    for look in (_of_rings, _of_outcomes, _of_callbacks, _of_proofs, _of_slots, _of_leads):
        found += look(books, facts)
    found += _of_limits(scenario, books)
    if len(facts.leads) != launched:
        found.append(
            Violation("lead lost", f"{launched} leads enrolled, {len(facts.leads)} are there")
        )
    for row in facts.campaigns.values():
        if row.state != "finished":
            found.append(Violation("campaign not finished", f"{row.name} is {row.state}"))
    return found


def _of_rings(books: Books, facts: Facts) -> Iterator[Violation]:
    asked: Counter[UUID] = Counter()
    for attempt_id, some in books.requests.items():
        asked[attempt_id] += len(some)
    for entry in books.refused:
        if entry.get("answer_url"):
            asked[attempt_of(entry)] += 1
    for attempt_id, count in asked.items():
        if count > 1:
            yield _of(facts, attempt_id, KINDS[0], f"{count} requests")
    for attempt_id, rings in books.rings.items():
        row = facts.attempts.get(attempt_id)
        if len(rings) > 1:
            yield _of(facts, attempt_id, "rang twice for one intent", f"{len(rings)} rings")
        if row is None:
            yield Violation("rang without an attempt", f"{attempt_id}", attempt_id)
        elif row.state in _NOTHING_RANG and not _was_cancelled_unrung(books, rings[0]):
            what = f"{row.state}, {row.refusal}"
            yield _of(facts, attempt_id, "rang, and the attempt says not", what)
        elif row.phone != rings[0]["to"]:
            yield _of(facts, attempt_id, "rang without an attempt", "another phone rang")
    for phone in books.phones_up_twice():
        yield Violation("two live calls of one phone", "at once", phone=phone)
    for row in facts.attempts.values():
        if row.state == "ended" and row.id not in books.rings:
            yield _of(facts, row.id, "never rang, and the attempt says so", str(row.outcome))


def _was_cancelled_unrung(books: Books, ring: Entry) -> bool:
    """It had left the queue when our cancel reached it, and no phone had rung yet."""
    ended = books.ended.get(ring["call_uuid"])
    return ended is not None and ended["code"] == 1000 and not ended["rang"]


def _of_outcomes(books: Books, facts: Facts) -> Iterator[Violation]:
    """What an ended call was, by the twin's word and our own reading of plivo.md §2.4."""
    for attempt_id, rings in books.rings.items():
        row = facts.attempts.get(attempt_id)
        ended = books.ended.get(rings[0]["call_uuid"])
        if row is None or row.state != "ended" or ended is None:
            continue
        right = outcomes_of(ended["code"], rings[0]["call_uuid"] in books.answered)
        if any(_told_of_machine(each) for each in books.callbacks[rings[0]["call_uuid"]]):
            right = (*right, "machine")  # whatever failed behind it
        if row.outcome not in right:
            what = f"{row.outcome} ({row.hangup_code}), the ledger says {ended['code']}"
            yield _of(facts, attempt_id, "wrong outcome", what)


def _told_of_machine(callback: Entry) -> bool:
    # One whose reply came too late for the carrier was told as well.
    return callback["kind"] == "machine" and callback["result"] != "lost"


def outcomes_of(code: int, was_answered: bool) -> tuple[str, ...]:
    if 5000 <= code < 6000 or 7000 <= code < 9000:
        return ("failed",)
    if was_answered:
        return ("completed", "machine")
    return {
        1000: ("cancelled",),
        3000: ("no_answer",),
        3010: ("busy",),
        3020: ("rejected",),
        3050: ("invalid_number",),
        6010: ("no_answer",),
    }.get(code, ("failed",))


_KEPT_AS = {"ring": "ring", "answer": "answer", "hangup": "hangup", "input": "input"}


def _of_callbacks(books: Books, facts: Facts) -> Iterator[Violation]:
    """What we acknowledged is kept, and a key that was taken in counts."""
    for attempt_id, rings in books.rings.items():
        row = facts.attempts.get(attempt_id)
        if row is None:
            continue
        taken = {
            entry["kind"]
            for entry in books.callbacks[rings[0]["call_uuid"]]
            if entry["result"] == "delivered"
        }
        for kind in taken & _KEPT_AS.keys():
            if not facts.events[attempt_id][_KEPT_AS[kind]]:
                yield _of(facts, attempt_id, "told and forgotten", f"its {kind} callback")
        if "input" in taken and row.keys_pressed == 0:
            yield _of(facts, attempt_id, "told and forgotten", "its key")


def _of_proofs(books: Books, facts: Facts) -> Iterator[Violation]:
    kind = "ring without one earlier allowing check"
    uses = Counter(row.check_id for row in facts.attempts.values())
    for attempt_id, some in books.requests.items():
        row = facts.attempts.get(attempt_id)
        if row is None:
            continue
        check = facts.checks.get(row.check_id)
        if check is None or check.decision != "allow":
            yield _of(facts, attempt_id, kind, "no allowing check")
        elif uses[row.check_id] != 1:
            yield _of(facts, attempt_id, kind, "one check for several attempts")
        elif check.decided_at > at_of(some[0]):
            yield _of(facts, attempt_id, kind, "it was decided after the request")
        out = facts.suppressed_at.get(row.phone)
        if out is not None and row.placing_at is not None and row.placing_at > out:
            yield _of(facts, attempt_id, "dialed after an opt-out", f"suppressed at {out}")


def of_events(taken: Mapping[UUID, int], facts: Facts) -> Iterator[Violation]:
    """Each event was taken in by the customer's system once or more, and nothing else was."""
    for event_id, kind in facts.promised.items():
        if event_id not in taken:
            yield Violation("event not told", f"{kind} {event_id}")
    for event_id in taken.keys() - facts.promised.keys():
        yield Violation("told what is not so", f"{event_id}")


def _of_slots(books: Books, facts: Facts) -> Iterator[Violation]:
    for row in facts.attempts.values():
        if row.state in LIVE:
            yield _of(facts, row.id, "attempt stuck", f"{row.state} since {row.changed_at}")
        if row.has_transfer_leg:
            yield _of(facts, row.id, "line or slot leaked", "a transfer leg is counted")
    for line in facts.busy_lines:
        yield _of(facts, line.live_attempt_id, "line or slot leaked", "the line is taken")
    for row, kept in slots_kept(books, facts):
        if kept > _SLOT_LIMIT:
            yield _of(facts, row.id, "slot kept for over 60 s", f"{kept.total_seconds():.1f} s")


def slots_kept(books: Books, facts: Facts) -> Iterator[tuple[Any, timedelta]]:
    """How long each ended call went on counting after its end."""
    for attempt_id, rings in books.rings.items():
        row = facts.attempts.get(attempt_id)
        ended = books.ended.get(rings[0]["call_uuid"])
        if row is not None and row.ended_at is not None and ended is not None:
            yield row, max(timedelta(0), row.ended_at - at_of(ended))


def _of_limits(scenario: Scenario, books: Books) -> Iterator[Violation]:
    """The twin refuses what is above the cap unless it was told to, and so what it refuses by
    itself is ours."""
    if books.most_up > scenario.cap:
        yield Violation("above cap", f"{books.most_up} calls up, the cap is {scenario.cap}")
    over = sum(1 for entry in books.refused if entry["reason"] == _OVER_CAP)
    for _ in range(over - books.faults["over_cap"]):
        yield Violation("above cap", "refused with 5030 by the cap itself")
    if len(books.densest) > scenario.cps:
        at = ", ".join(f"{each:%H:%M:%S.%f}" for each in books.densest)
        yield Violation("above CPS", f"{len(books.densest)} requests within a second: {at}")
    for entry in books.refused:
        if entry["status"] == 429 and not entry["to"]:
            yield Violation("above the request budget", f"refused with 429 at {entry['at']}")


def _of_leads(books: Books, facts: Facts) -> Iterator[Violation]:
    for lead in facts.leads:
        own = facts.attempts_of[lead.id]
        last = own[-1].id if own else None

        def wrong(kind: str, what: str, last: UUID | None = last, lead: Any = lead) -> Violation:
            return Violation(kind, what, last, lead.phone)

        if lead.state not in _FINAL:
            yield wrong("lead lost", f"{lead.state}, due {lead.due_at}, {len(own)} attempts")
            continue
        counted = [row for row in own if _counts(row)]
        if lead.attempts != len(counted):
            yield wrong("lead's count wrong", f"{lead.attempts}, its attempts say {len(counted)}")
        if (why := _unexplained(lead, counted, facts)) is not None:
            yield wrong("lead's end not explained", f"{lead.state}, {lead.disposition}: {why}")


def _counts(row: Any) -> bool:
    if row.state == "ended":
        if row.outcome == "cancelled" and row.queue_cancelled_at and row.rang_at is None:
            return False  # we took it out of the carrier's queue, and learned so late
        return row.answered_at is not None or row.hangup_code not in _REFUSING_CODES
    return bool(row.refusal == "number_invalid")


def _unexplained(lead: Any, counted: Sequence[Any], facts: Facts) -> str | None:
    """Why the lead's final state does not follow from its attempts; None if it does."""
    last = counted[-1] if counted else None
    match lead.state:
        case "blocked":
            return None if lead.phone in facts.suppressed_at else "nobody opted out"
        case "done":
            has_talked = any(row.disposition or row.outcome == "completed" for row in counted)
            return None if has_talked else "nobody was talked to"
        case "exhausted" if last is None:
            return "never called"
        case "exhausted":
            may_retry = last.outcome in RETRIED and len(counted) < MAX_ATTEMPTS
            return f"{last.outcome}, and {len(counted)} attempts" if may_retry else None
    return "no campaign was cancelled"


def _of(facts: Facts, attempt_id: UUID, kind: str, what: str) -> Violation:
    row = facts.attempts.get(attempt_id)
    return Violation(kind, what, attempt_id, row.phone if row is not None else "")


def by_kind(found: Iterable[Violation]) -> dict[str, int]:
    counts = Counter(one.kind for one in found)
    return {kind: counts[kind] for kind in KINDS}
