"""The desk of a live call on a real Postgres: written at once, kept through every order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from dialer.call.desk import LineNews, Metered, RecordingFile, Turn
from dialer.dialing.live_call import LiveCall, open_call
from dialer.domain.attempt import Disposition
from dialer.domain.ids import uuid7
from dialer.providers.protocols import Ambiguous
from dialer.store.calls import answers_of, recording_of, turns_of
from dialer.store.tables import answers, suppressions
from tests.integration.dialing_floor import ASHA, RAVI, Floor

D = Disposition
TALKED = {"HangupCauseCode": "4000", "Duration": "20", "AnswerTime": "2026-01-01 10:00:00"}
STREAMED: dict[str, Any] = {
    "notification": {"delivery": "stream"},
    "transfer": {"to": "+918011112222"},
}


@dataclass
class Talk:
    """One answered call with its desk; ``work``: what the desk left to be run."""

    floor: Floor
    attempt_id: UUID
    desk: LiveCall
    work: list[asyncio.Task[None]] = field(default_factory=list)

    async def attempt(self) -> Any:
        return await self.floor.attempt(self.attempt_id)

    async def hang_up(self) -> None:
        await self.floor.hear(self.attempt_id, "hangup", **TALKED)


async def answered(floor: Floor, phone: str = ASHA, name: str = "floor", **changes: Any) -> Talk:
    """Launch a campaign that talks, ring its one lead and answer."""
    await floor.launch([phone], name=name, **(STREAMED | changes))
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "answer", CallUUID="call-1")
    return talk_of(floor, attempt_id, "stream-1")


def talk_of(floor: Floor, attempt_id: UUID, stream_id: str | None) -> Talk:
    tasks: list[asyncio.Task[None]] = []

    def spawn(work: Coroutine[Any, Any, None]) -> None:
        tasks.append(asyncio.get_running_loop().create_task(work))

    desk = LiveCall(
        floor.db, floor.carrier, floor.placing.urls, spawn, attempt_id, stream_id=stream_id
    )
    return Talk(floor, attempt_id, desk, tasks)


async def opened(floor: Floor, attempt_id: UUID, stream_id: str = "stream-1") -> Any:
    return await floor.db.run(lambda tx: open_call(tx, floor.law, attempt_id, stream_id=stream_id))


async def test_a_session_learns_what_it_needs_of_its_call(floor: Floor) -> None:
    talk = await answered(floor)
    found = await opened(floor, talk.attempt_id)
    assert (found.call_uuid, found.zone, found.language, found.is_machine) == (
        "call-1",
        "Asia/Kolkata",
        "en-IN",
        False,
    )
    assert found.values["first_name"] == "Asha"
    assert found.definition.is_streamed and found.answered_at <= found.now
    assert found.call_back_at(found.now) == found.now + timedelta(minutes=20)
    by_day = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)  # noon in India
    assert found.opens_at(by_day) == by_day
    assert found.opens_at(by_day + timedelta(hours=11)) > by_day + timedelta(hours=20)
    assert (await talk.attempt()).stream_id == "stream-1"
    again = await opened(floor, talk.attempt_id, "../../stream-2")
    assert again.stream != found.stream and again.stream.isalnum(), "it names a file"


async def test_a_call_that_is_not_up_is_not_opened(floor: Floor) -> None:
    talk = await answered(floor)
    await talk.hang_up()
    assert await opened(floor, talk.attempt_id) is None
    assert await opened(floor, uuid7()) is None


async def test_turns_and_answers_are_written_at_once_and_replaced(floor: Floor) -> None:
    talk = await answered(floor)
    await talk.desk.keep_turn(Turn(1, "agent", "Hello Asha, how", 0.2))
    marks = {"first_audio_sent": 0.2, "first_audio_heard": 0.25}
    await talk.desk.keep_turn(Turn(1, "agent", "Hello", 0.2, 0.9, True, marks))
    await talk.desk.keep_turn(Turn(2, "callee", "not\0 now", 0.7, 1.4))
    await talk.desk.record("units", 250, 2)
    await talk.desk.record("owns", True, 2)
    await talk.desk.record("units", 300.5, 4)
    async with floor.db.begin() as tx:
        first, second = await turns_of(tx, talk.attempt_id)
        assert await answers_of(tx, talk.attempt_id) == {"owns": True, "units": 300.5}
    again = await opened(floor, talk.attempt_id, "stream-2")
    assert again.answers == {"owns": True, "units": 300.5} and again.turns == 2
    assert (first.said, first.ends_s, first.is_interrupted, first.marks) == (
        "Hello",
        0.9,
        True,
        marks,
    )
    assert (second.speaker, second.said, second.marks) == ("callee", "not now", {})


async def test_an_attempt_that_is_gone_is_let_be(floor: Floor) -> None:
    desk = talk_of(floor, uuid7(), None).desk
    await desk.keep_turn(Turn(1, "agent", "Hello", 0.0))
    await desk.record("units", 1, 1)
    await desk.settle(D.QUALIFIED, None)
    await desk.opt_out()
    await desk.hand_over("asked")
    await desk.apologise(None)
    await desk.hang_up()
    await desk.close(Metered(stream_s=1.0), None)
    assert await desk.news() == LineNews(is_machine=False, is_over=True)
    assert floor.carrier.ended == []


@pytest.mark.parametrize("hangup_first", [False, True])
async def test_what_a_call_established_settles_its_lead_in_either_order(
    floor: Floor, hangup_first: bool
) -> None:
    talk = await answered(floor)
    if hangup_first:
        await talk.hang_up()
    await talk.desk.settle(D.QUALIFIED, None)
    if not hangup_first:
        await talk.hang_up()
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.disposition, lead.attempts) == ("done", "qualified", 1)


@pytest.mark.parametrize("hangup_first", [False, True])
async def test_an_agreed_callback_is_dialed_at_its_minute_and_not_before(
    floor: Floor, hangup_first: bool
) -> None:
    talk = await answered(floor)
    async with floor.db.begin() as tx:
        at = tx.now + timedelta(hours=2)
    if hangup_first:
        await talk.hang_up()
    await talk.desk.settle(D.CALLBACK, at)
    if not hangup_first:
        await talk.hang_up()
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.disposition, lead.due_at) == ("waiting", "callback", at)
    await floor.later(2 * 3600 - 60)
    assert await floor.claim() == []
    await floor.later(61)
    assert [intent.phone for intent in await floor.claim()] == [ASHA]


async def test_the_last_word_counts_but_nothing_is_written_over_by_less(floor: Floor) -> None:
    talk = await answered(floor)
    for said, kept in (
        (D.INCOMPLETE, "incomplete"),
        (D.NOT_QUALIFIED, "not_qualified"),
        (D.QUALIFIED, "qualified"),
        (D.INCOMPLETE, "qualified"),
        (D.OPTED_OUT, "opted_out"),
        (D.QUALIFIED, "opted_out"),
    ):
        await talk.desk.settle(said, None)
        assert (await talk.attempt()).disposition == kept


async def test_a_talk_with_a_machine_is_no_talk(floor: Floor) -> None:
    talk = await answered(floor, retry={"delays": {"machine": ["PT4H"]}})
    await talk.desk.settle(D.INCOMPLETE, None)
    await floor.hear(talk.attempt_id, "machine", Machine="true", CallUUID="call-1")
    await talk.desk.settle(D.INCOMPLETE, None)
    await talk.hang_up()
    attempt, lead = await talk.attempt(), await floor.lead(ASHA)
    assert (attempt.outcome, attempt.disposition) == ("machine", None)
    assert (lead.state, lead.disposition) == ("waiting", None)


async def test_a_machine_that_was_heard_after_the_hangup_undoes_the_talk(floor: Floor) -> None:
    talk = await answered(floor)
    await talk.desk.settle(D.INCOMPLETE, None)
    await talk.hang_up()
    await floor.hear(talk.attempt_id, "machine", Machine="true", CallUUID="call-1")
    attempt, lead = await talk.attempt(), await floor.lead(ASHA)
    assert (attempt.outcome, lead.disposition) == ("machine", "unreachable")


async def test_an_opt_out_is_everywhere_before_the_goodbye(floor: Floor) -> None:
    """The phone's other call was given up, rings after all, and is ended."""
    floor.carrier.reply = Ambiguous("reset")
    await floor.launch([ASHA], name="other")
    other = await floor.ring_one()
    floor.carrier.reply = None
    await floor.later(50)
    await floor.recover()
    await floor.later(40)
    await floor.recover()
    talk = await answered(floor)
    await floor.hear(other, "ring", CallUUID="call-0")
    await talk.desk.settle(D.QUALIFIED, None)
    await talk.desk.opt_out()
    async with floor.db.begin() as tx:
        (row,) = await tx.all(select(suppressions))
    assert (row.phone, row.scope, row.source, row.attempt_id) == (
        ASHA,
        "everywhere",
        "call",
        talk.attempt_id,
    )
    assert (await talk.attempt()).disposition == "opted_out"
    await asyncio.gather(*talk.work)
    assert ("hang_up", "call-0") in floor.carrier.ended
    assert ("hang_up", "call-1") not in floor.carrier.ended, "it goes on to its goodbye"


async def test_an_opt_out_that_the_hangup_overtook_settles_the_lead(floor: Floor) -> None:
    talk = await answered(floor)
    await talk.hang_up()
    await talk.desk.opt_out()
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.disposition) == ("done", "opted_out")


async def test_a_hand_over_is_settled_first_and_asked_for_once(floor: Floor) -> None:
    talk = await answered(floor)
    await talk.desk.hand_over("asked")
    attempt = await talk.attempt()
    assert (attempt.disposition, attempt.after_stream) == ("transferred", "hand_over")
    url = floor.placing.urls.after(talk.attempt_id, "stream")
    assert floor.carrier.transfers == [("call-1", url)]


async def test_a_carrier_that_does_not_hear_leaves_it_to_the_redirect(floor: Floor) -> None:
    talk = await answered(floor)
    floor.carrier.is_down = True
    await talk.desk.hand_over("asked")
    assert (await talk.attempt()).after_stream == "hand_over"
    await talk.desk.hang_up()
    assert (await talk.attempt()).after_stream == "hang_up"
    assert floor.carrier.ended == []


async def test_the_end_of_a_call_is_asked_for_while_it_is_up(floor: Floor) -> None:
    talk = await answered(floor)
    await talk.desk.hang_up()
    assert floor.carrier.ended == [("hang_up", "call-1")]
    await talk.hang_up()
    await talk.desk.hang_up()
    await talk.desk.hand_over("asked")
    assert floor.carrier.ended == [("hang_up", "call-1")], "it is over"


async def test_an_apology_calls_back_unless_something_was_established(floor: Floor) -> None:
    first = await answered(floor)
    await first.desk.apologise(None)
    attempt = await first.attempt()
    async with floor.db.begin() as tx:
        assert timedelta(minutes=19) < attempt.callback_at - tx.now <= timedelta(minutes=20)
    assert (attempt.disposition, attempt.after_stream) == ("callback", "apologise")
    second = await answered(floor, RAVI, name="second")
    await second.desk.settle(D.QUALIFIED, None)
    await second.desk.apologise(None)
    attempt = await second.attempt()
    assert (attempt.disposition, attempt.callback_at) == ("qualified", None)


async def test_a_session_learns_of_machines_ends_and_newer_streams(floor: Floor) -> None:
    talk = await answered(floor)
    await opened(floor, talk.attempt_id)
    assert await talk.desk.news() == LineNews(is_machine=False, is_over=False)
    await floor.hear(talk.attempt_id, "machine", Machine="true", CallUUID="call-1")
    assert await talk.desk.news() == LineNews(is_machine=True, is_over=False)
    await opened(floor, talk.attempt_id, "stream-2")
    newer = talk_of(floor, talk.attempt_id, "stream-2")
    assert ((await talk.desk.news()).is_over, (await newer.desk.news()).is_over) == (True, False)
    await talk.hang_up()
    assert (await newer.desk.news()).is_over


async def test_the_recording_is_found_under_its_call(floor: Floor) -> None:
    talk = await answered(floor)
    await talk.desk.close(Metered(stream_s=4.0), RecordingFile(Path("recordings") / "a.wav", 4.0))
    async with floor.db.begin() as tx:
        row = await recording_of(tx, talk.attempt_id)
    assert (row.source, row.path, row.seconds) == ("stream", "recordings/a.wav", 4.0)


async def test_the_turns_of_a_newer_stream_follow_those_of_the_older(floor: Floor) -> None:
    talk = await answered(floor)
    await talk.desk.keep_turn(Turn(1, "agent", "Hello.", 0.0, 1.0))
    await talk.desk.keep_turn(Turn(2, "callee", "Hello?", 1.5, 2.0))
    found = await opened(floor, talk.attempt_id, "stream-2")
    newer = replace(talk.desk, stream_id="stream-2", turns_before=found.turns)
    await newer.keep_turn(Turn(1, "agent", "Hello again.", 5.0, 6.0))
    await newer.record("owns_home", True, 1)
    async with floor.db.begin() as tx:
        said = [(row.number, row.said) for row in await turns_of(tx, talk.attempt_id)]
        given = await tx.scalar(select(answers.c.turn_number))
    assert said == [(1, "Hello."), (2, "Hello?"), (3, "Hello again.")]
    assert given == 3
