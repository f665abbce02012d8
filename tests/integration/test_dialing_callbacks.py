"""What the carrier says, in every state and in any order: the ledger and the lead afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dialer.dialing import settle
from dialer.dialing.place import record_reply
from dialer.dialing.test_call import test_call as make_test_call
from dialer.domain.attempt import AttemptState
from dialer.errors import IllegalTransition
from dialer.providers.protocols import Ambiguous, PlaceResult, RefusalReason, Refused
from dialer.store import attempts as ledger
from dialer.store.engine import Tx
from tests.integration.dialing_floor import ASHA, Floor

S = AttemptState
BUSY = {"HangupCauseCode": "3010", "CallStatus": "busy", "Duration": "0", "CallUUID": "call-1"}
TALKED = {"HangupCauseCode": "4000", "AnswerTime": "2027-06-01 12:00:00", "Duration": "9"}
FORMS: dict[str, dict[str, str]] = {
    "ring": {"Event": "Ring", "CallUUID": "call-1"},
    "answer": {"Event": "StartApp", "CallUUID": "call-1"},
    "fallback": {"Event": "StartApp", "CallUUID": "call-1"},
    "hangup": BUSY,
    "machine": {"Machine": "true", "CallUUID": "call-1"},
    "input": {"Digits": "1", "CallUUID": "call-1"},
    "transfer": {"CallUUID": "call-1"},
    "recording": {"RecordUrl": "http://localhost/r.mp3", "RecordingDurationMs": "100"},
    "stream-status": {"Event": "StartStream", "CallUUID": "call-1"},
}
# What each kind proves: that the call rings, is up, or is over; the last two prove nothing.
PROVES = {
    "ring": S.RINGING,
    "answer": S.IN_CALL,
    "fallback": S.IN_CALL,
    "machine": S.IN_CALL,
    "input": S.IN_CALL,
    "transfer": S.IN_CALL,
    "hangup": S.ENDED,
}


def expected(state: AttemptState, kind: str) -> AttemptState:
    proved = PROVES.get(kind)
    if proved is None or state is S.ENDED:
        return state
    return S.IN_CALL if (state, proved) == (S.IN_CALL, S.RINGING) else proved


async def test_every_callback_in_every_state_moves_only_forward(floor: Floor) -> None:
    cells = [(state, kind) for state in S for kind in FORMS]
    phones = [f"+9198765{number:05d}" for number in range(len(cells))]
    await floor.launch(phones)
    intents = {one.phone: one.attempt_id for _ in range(2) for one in await floor.claim()}
    assert len(intents) == len(cells)
    for (state, kind), phone in zip(cells, phones, strict=True):
        attempt_id = intents[phone]
        # An intent lives five seconds, and on a busy machine this table takes longer.
        valid_until = (await floor.attempt(attempt_id)).valid_until + timedelta(hours=1)
        await floor.change(attempt_id, valid_until=valid_until)
        await bring_to(floor, attempt_id, state)
        if state is S.INTENDED:
            # Nothing was sent yet: such a callback contradicts us and changes nothing.
            if kind in PROVES:
                with pytest.raises(IllegalTransition):
                    await floor.hear(attempt_id, kind, **FORMS[kind])
            continue
        await floor.hear(attempt_id, kind, **FORMS[kind])
        found = await floor.attempt(attempt_id)
        assert found.state == expected(state, kind), (state, kind)
        holder, lead = await floor.line(phone), await floor.lead(phone)
        is_live = found.state not in (S.ENDED, S.REFUSED, S.NEVER_PLACED)
        assert holder == (attempt_id if is_live else None), (state, kind)
        assert (lead.state == "calling") == is_live, (state, kind)
        again = await floor.hear(attempt_id, kind, **FORMS[kind])
        assert not again.is_new, (state, kind, "a replay")
        assert dict(again.attempt) == dict(found._mapping), (state, kind, "a replay")


async def bring_to(floor: Floor, attempt_id: Any, state: AttemptState) -> None:
    """Lead an intent to a state by the product's own steps."""
    if state is S.INTENDED:
        return
    replies: dict[AttemptState, PlaceResult] = {
        S.AMBIGUOUS: Ambiguous("reset"),
        S.NEVER_PLACED: Ambiguous("reset"),
        S.REFUSED: Refused(RefusalReason.RATE_LIMITED, 429, "slow down"),
    }
    floor.carrier.reply = replies.get(state)
    await floor.place(attempt_id)
    if state is S.PLACING:  # as if the reply were still on its way
        await floor.change(attempt_id, state="placing", request_uuid=None, placed_at=None)
    elif state in (S.RINGING, S.IN_CALL):
        await floor.hear(attempt_id, "ring", Event="Ring", CallUUID="call-1", Extra="earlier")
    if state is S.IN_CALL:
        await floor.hear(attempt_id, "answer", CallUUID="call-1", Extra="earlier")
    elif state is S.ENDED:
        await floor.hear(attempt_id, "hangup", **BUSY, Extra="earlier")
    elif state is S.NEVER_PLACED:
        await give_up(floor, attempt_id)


async def give_up(floor: Floor, attempt_id: Any) -> None:
    """Write the call off as recovery does once it is proved absent."""

    async def work(tx: Tx) -> None:
        held = await ledger.hold(tx, attempt_id)
        assert held is not None
        await settle.give_up(tx, held)

    await floor.db.run(work)


# (callbacks of the call) → outcome, lead's state, disposition, attempts counted
ENDS: list[tuple[str, list[tuple[str, dict[str, str]]], tuple[Any, ...]]] = [
    ("busy", [("hangup", BUSY)], ("busy", "waiting", None, 1)),
    (
        "declined",
        [("hangup", {"HangupCauseCode": "3020"})],
        ("rejected", "exhausted", "unreachable", 1),
    ),
    ("talked", [("answer", {}), ("hangup", TALKED)], ("completed", "done", "incomplete", 1)),
    (
        "key",
        [("answer", {}), ("input", {"Digits": "1"}), ("hangup", TALKED)],
        ("completed", "done", "confirmed", 1),
    ),
    (
        "a key that the hangup overtook",
        [("answer", {}), ("hangup", TALKED), ("input", {"Digits": "1"})],
        ("completed", "done", "confirmed", 1),
    ),
    (
        "a machine",
        [("answer", {}), ("machine", {"Machine": "true"}), ("hangup", TALKED)],
        ("machine", "exhausted", "unreachable", 1),
    ),
    (
        "a machine that the hangup overtook",
        [("answer", {}), ("hangup", TALKED), ("machine", {"Machine": "true"})],
        ("machine", "exhausted", "unreachable", 1),
    ),
    ("no credit", [("hangup", {"HangupCauseCode": "1010"})], ("failed", "waiting", None, 0)),
    ("over the cap", [("hangup", {"HangupCauseCode": "5030"})], ("failed", "waiting", None, 0)),
    ("a network fault", [("hangup", {"HangupCauseCode": "5010"})], ("failed", "waiting", None, 1)),
    ("unknown", [("hangup", {})], ("failed", "waiting", None, 1)),
]


@pytest.mark.parametrize(
    ("callbacks", "after"), [row[1:] for row in ENDS], ids=[r[0] for r in ENDS]
)
async def test_how_a_call_ends_decides_the_leads_next_step(
    floor: Floor, callbacks: list[tuple[str, dict[str, str]]], after: tuple[Any, ...]
) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    for kind, form in callbacks:
        await floor.hear(attempt_id, kind, **form)
    attempt, lead = await floor.attempt(attempt_id), await floor.lead(ASHA)
    assert (attempt.outcome, lead.state, lead.disposition, lead.attempts) == after


async def test_a_voicemail_does_not_take_back_an_opt_out(floor: Floor) -> None:
    await floor.launch([ASHA], voicemail={"action": "leave_message", "message": "Call us."})
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "answer")
    await floor.hear(attempt_id, "input", Digits="9")
    await floor.hear(attempt_id, "machine", Machine="true")
    await floor.hear(attempt_id, "transfer")
    await floor.hear(attempt_id, "hangup", **TALKED)
    assert (await floor.lead(ASHA)).disposition == "opted_out"


async def test_a_machine_that_was_told_of_first_can_be_hung_up(floor: Floor) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    heard = await floor.hear(attempt_id, "machine", Machine="true", CallUUID="call-7")
    assert heard.attempt.call_uuid == "call-7"


async def test_an_opt_out_in_a_call_ends_the_phones_other_call(floor: Floor) -> None:
    """Two calls to one phone: the first was given up and rings after all."""
    await floor.launch([ASHA])
    first = await ring_and_give_up(floor)
    second = await floor.ring_one()
    await floor.hear(first, "answer", CallUUID="call-1")
    heard = await floor.hear(first, "input", Digits="9")
    attempt = await floor.attempt(second)
    assert [call.attempt_id for call in heard.to_end] == [attempt.id]


async def test_an_opt_out_in_a_test_call_is_one_for_the_campaign_too(floor: Floor) -> None:
    campaign = await floor.launch([ASHA])
    before = await floor.lead(ASHA)
    made = await floor.db.run(lambda tx: make_test_call(tx, floor.law, campaign, ASHA))
    assert made.intended is not None
    await floor.place(made.intended.attempt_id)
    assert await floor.claim() == [], "the line is busy"
    await floor.hear(made.intended.attempt_id, "answer")
    await floor.hear(made.intended.attempt_id, "input", Digits="9")
    await floor.hear(made.intended.attempt_id, "hangup", **TALKED)
    after = await floor.lead(ASHA)
    assert (after.state, after.attempts) == (before.state, before.attempts)
    await floor.later(6)
    assert await floor.claim() == []
    assert (await floor.lead(ASHA)).blocked_code == "INTERNAL_OPT_OUT"


async def ring_and_give_up(floor: Floor) -> Any:
    floor.carrier.reply = Ambiguous("reset")
    attempt_id = await floor.ring_one()
    floor.carrier.reply = None
    await give_up(floor, attempt_id)
    return attempt_id


async def test_a_number_refusal_that_was_wrong_is_counted_once(floor: Floor) -> None:
    await floor.launch([ASHA])
    floor.carrier.reply = Refused(RefusalReason.NUMBER_INVALID, 400, "bad number")
    attempt_id = await floor.ring_one()
    assert (await floor.lead(ASHA)).attempts == 1
    await floor.hear(attempt_id, "hangup", **BUSY)
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.attempts) == ("waiting", 1)


async def test_a_call_found_ringing_after_all_is_not_dialed_beside_its_new_intent(
    floor: Floor,
) -> None:
    await floor.launch([ASHA])
    first = await ring_and_give_up(floor)
    second = await floor.claim_one()
    await floor.hear(first, "ring", CallUUID="call-1")
    assert await floor.line(ASHA) == first
    await floor.place(second)
    assert (await floor.attempt(second)).state == "refused"
    await floor.hear(first, "answer", CallUUID="call-1")
    await floor.hear(first, "input", Digits="1")
    await floor.hear(first, "hangup", **TALKED)
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.disposition, lead.attempts) == ("done", "confirmed", 1)
    await floor.later(60)
    assert await floor.claim() == []
    assert len(floor.carrier.placed) == 1


async def test_a_line_with_two_calls_is_free_after_the_second(floor: Floor) -> None:
    await floor.launch([ASHA])
    await floor.launch([ASHA], name="other")
    first = await ring_and_give_up(floor)
    await floor.later(6)
    (intent,) = await floor.claim()
    second = intent.attempt_id
    await floor.place(second)
    await floor.hear(first, "ring", CallUUID="call-1")
    assert await floor.line(ASHA) == second
    await floor.hear(second, "hangup", **BUSY)
    assert await floor.line(ASHA) == first
    await floor.later(6)
    assert await floor.claim() == [], "the reopened call still rings"
    await floor.hear(first, "hangup", **BUSY)
    assert await floor.line(ASHA) is None


async def test_a_call_that_rang_after_all_does_not_reopen_a_settled_lead(floor: Floor) -> None:
    await floor.launch([ASHA])
    first = await ring_and_give_up(floor)
    second = await floor.ring_one()
    await floor.hear(second, "answer")
    await floor.hear(second, "input", Digits="1")
    await floor.hear(second, "hangup", **TALKED)
    await floor.hear(first, "ring", CallUUID="call-0")
    await floor.hear(first, "hangup", **BUSY)
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.disposition) == ("done", "confirmed")


async def test_a_reply_that_callbacks_overtook_only_adds_its_id(floor: Floor) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "hangup", **BUSY)
    lead = await floor.lead(ASHA)
    for late in (Ambiguous("reset"), Refused(RefusalReason.RATE_LIMITED, 429, "slow"), None):
        await floor.db.run(lambda tx, reply=late: record_reply(tx, attempt_id, reply))  # type: ignore[misc]
        assert (await floor.attempt(attempt_id)).state == "ended"
        assert await floor.lead(ASHA) == lead
