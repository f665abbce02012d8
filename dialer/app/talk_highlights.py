"""What happened in the talks of a campaign, a sentence each, for whoever watched the demo."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, exists, func, select

from dialer.domain.attempt import Disposition, Outcome
from dialer.store.engine import Tx
from dialer.store.tables import answers, attempts, leads, turns

a, ld, t, an = attempts.c, leads.c, turns.c, answers.c
D = Disposition


async def talk_highlights(tx: Tx) -> dict[str, str]:
    """Return story → one sentence with a person of it; one that did not happen is missing."""
    stories = {
        "qualified": (_calls(a.disposition == D.QUALIFIED), "by rule, from the answers"),
        "not qualified": (_calls(a.disposition == D.NOT_QUALIFIED), "by rule, or not interested"),
        "a barge-in": (
            _calls(_a_turn(t.speaker == "agent", t.is_interrupted)),
            "talked over the agent, which stopped",
        ),
        "a transfer on request": (
            _calls(a.transfer_reason == "asked"),
            "asked for a human and was put through",
        ),
        "a transfer on frustration": (
            _calls(a.transfer_reason == "frustrated"),
            "was annoyed and was put through",
        ),
        "a spoken opt-out": (
            _calls(a.disposition == D.OPTED_OUT, _a_turn(t.speaker == "callee")),
            "said stop calling and is suppressed everywhere",
        ),
        "a callback time": (
            _calls(a.callback_at.is_not(None), _a_turn(t.speaker == "callee"), _failed(False)),
            "named a time to be called at",
        ),
        "a voicemail message": (
            _calls(a.disposition == D.VOICEMAIL_LEFT),
            "was not there; the message is on the machine",
        ),
        "a keypad answer in a stream": (_calls(_a_keyed_answer()), "answered with a key"),
        "a provider failure survived": (
            _calls(_failed(True), a.outcome == Outcome.COMPLETED),
            "did not notice, or was told that we call back",
        ),
    }
    found = {}
    for story, (query, what) in stories.items():
        rows = await tx.all(query.where(a.account_id == tx.account_id))
        if rows:
            more = f" (one of {len(rows)})" if len(rows) > 1 else ""
            found[story] = f"{rows[0].name} {what}{more}"
    return found


def _calls(*conditions: Any) -> Select[Any]:
    """Streamed calls that satisfy the conditions, oldest first."""
    return (
        select(a.id, ld.name)
        .select_from(attempts.join(leads, and_(ld.account_id == a.account_id, ld.id == a.lead_id)))
        .where(a.stream_id.is_not(None), *conditions)
        .order_by(a.id)
    )


def _a_turn(*conditions: Any) -> Any:
    return exists().where(t.account_id == a.account_id, t.attempt_id == a.id, *conditions)


def _a_keyed_answer() -> Any:
    return exists().where(
        an.account_id == a.account_id,
        an.attempt_id == a.id,
        t.account_id == an.account_id,
        t.attempt_id == an.attempt_id,
        t.number == an.turn_number,
        t.speaker == "keypad",
    )


def _failed(has_failed: bool) -> Any:
    """Whether a provider failed during the call."""
    count = func.coalesce(a.usage["failures"].astext, "{}")
    return count != "{}" if has_failed else count == "{}"
