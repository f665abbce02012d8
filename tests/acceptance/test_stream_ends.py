"""How a stream's end goes on, over the twin's real socket and its documents: with talks so short
that only their end is of interest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dialer.call.line import Line as MediaLine
from dialer.dialing.live_call import LiveCall, open_call
from dialer.domain.attempt import Disposition
from dialer.web.context import Context
from dialer.web.live_streams import StreamStart, Talk
from tests.acceptance.line import DEFINITION, Line, phone, running_line

COLLEAGUE = "+918011112222"
STREAMED: dict[str, Any] = {
    "notification": DEFINITION["notification"] | {"delivery": "stream"},
    "transfer": {"to": COLLEAGUE},
}
End = Callable[[LiveCall], Awaitable[None]]


def talk_that(end: End) -> Callable[[Context], Talk]:
    """A talk that hears one frame, does ``end`` and closes the stream."""

    def of(context: Context) -> Talk:
        async def talk(start: StreamStart, line: MediaLine) -> None:
            stream_id = start.stream_id
            opened = await context.db.run(
                lambda tx: open_call(tx, context.law, start.attempt_id, stream_id=stream_id)
            )
            assert opened is not None and opened.call_uuid == start.call_uuid
            async for _ in line.events():
                break
            desk = LiveCall(
                context.db,
                context.carrier,
                context.urls,
                context.background.spawn,
                start.attempt_id,
                stream_id=stream_id,
            )
            await end(desk)
            await line.close()

        return talk

    return of


async def ended(line: Line, people: dict[str, Any], **changes: Any) -> Any:
    """Run a campaign that talks to its people; return the attempt of the first."""
    await line.launch(people, **(STREAMED | changes))
    async with asyncio.timeout(60):
        while True:
            found = await line.attempts(phone(1))
            if found and found[0].state == "ended":
                return found[0]
            await asyncio.sleep(0.05)


async def hand_over(desk: LiveCall) -> None:
    await desk.hand_over("asked")


async def hang_up(desk: LiveCall) -> None:
    await desk.settle(Disposition.NOT_QUALIFIED, None)
    await desk.hang_up()


async def close_only(desk: LiveCall) -> None:
    """As a process would that is killed."""


async def wait_for_machine(desk: LiveCall) -> None:
    async with asyncio.timeout(30):
        while True:
            if (await desk.news()).is_machine:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("colleague", "disposition"), [("silent", "transferred"), ("busy", "callback")]
)
async def test_a_hand_over_dials_a_colleague(
    database_url: str, tmp_path: Path, colleague: str, disposition: str
) -> None:
    async with running_line(database_url, tmp_path, talk=talk_that(hand_over)) as line:
        line.twin.set_callees({COLLEAGUE: colleague})
        attempt = await ended(line, {phone(1): "silent"})
        assert [leg["to"] for leg in line.twin.ledger.kept("legs")] == [COLLEAGUE]
        assert (attempt.outcome, attempt.disposition) == ("completed", disposition)
        assert not attempt.has_transfer_leg
        assert (await line.lead(phone(1))).state == "done"
        assert (await line.compare()).disagreements == 0


@pytest.mark.parametrize(
    ("end", "script", "expected"),
    [
        (hang_up, "silent", ("completed", "not_qualified")),
        (close_only, "silent", ("completed", "callback")),
        (wait_for_machine, "voicemail", ("machine", "voicemail_left")),
    ],
)
async def test_a_talk_ends_as_it_was_meant_or_in_words(
    database_url: str, tmp_path: Path, end: End, script: str, expected: tuple[str, str]
) -> None:
    voicemail = {"action": "leave_message", "message": "Please call us back."}
    async with running_line(database_url, tmp_path, talk=talk_that(end)) as line:
        attempt = await ended(line, {phone(1): script}, voicemail=voicemail)
        assert (attempt.outcome, attempt.disposition) == expected
        assert (await line.compare()).disagreements == 0
