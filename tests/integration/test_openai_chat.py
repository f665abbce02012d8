"""The model of a call when the far end misbehaves: each fault ends in the right error within its
deadline, and no connection stays."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dialer.agent.moves import Message, Tool, ToolCall
from dialer.errors import ProviderRejected, ProviderUnavailable
from dialer.providers.openai_chat import Deadlines, OpenAIModel
from dialer.providers.speech import ModelEvent, ModelUsage, ReplyEnded, TextDelta
from dialer.twin.config import TwinConfig
from dialer.twin.faults import Fault, FaultKind
from dialer.twin.server import RunningTwin, start_twin

SITUATION = "Local time: 2026-11-23T11:04 (Monday), zone Asia/Kolkata.\nNow asking: bill"
TALK = (
    Message("system", "Questions:\n- bill (number): How much is your bill?"),
    Message("user", "three thousand"),
    Message("system", SITUATION),
)
SCHEMA = {
    "type": "object",
    "properties": {
        "question_id": {"type": "string", "enum": ["bill"]},
        "value": {"type": "string"},
    },
}
TOOLS = (Tool("record_answer", "", SCHEMA),)
SECRETS = "my secret illness"
#: No machine is so busy that these pass by mistake; `SHORT` is for tests that wait for them.
PATIENT = Deadlines(connect_s=20, read_s=20, first_s=20, whole_s=60, usage_s=20)
SHORT = Deadlines(connect_s=20, read_s=0.5, first_s=20, whole_s=60, usage_s=0.3)


@pytest.fixture
async def twin() -> AsyncIterator[RunningTwin]:
    running = await start_twin(TwinConfig(port=0, llm_first_token_ms=0, llm_token_ms=1))
    yield running
    try:
        await nobody_listens(running)
    finally:
        await running.stop()


async def nobody_listens(twin: RunningTwin) -> None:
    """Return when the twin has no reply under way; it must notice that we left."""
    async with asyncio.timeout(10):
        while _under_way(twin):  # noqa: ASYNC110 - the twin's log has no event to wait for
            await asyncio.sleep(0.01)


async def somebody_listens(twin: RunningTwin) -> None:
    async with asyncio.timeout(10):
        while not _under_way(twin):  # noqa: ASYNC110 - the twin's log has no event to wait for
            await asyncio.sleep(0.01)


def _under_way(twin: RunningTwin) -> int:
    return int(twin.exchange.vendors.report().get("openai", {}).get("open", 0))


@pytest.fixture
async def model(twin: RunningTwin) -> AsyncIterator[OpenAIModel]:
    one = OpenAIModel(api_key=None, base_url=f"{twin.url}/v1", deadlines=PATIENT)
    yield one
    await one.aclose()


@pytest.fixture
async def hasty(twin: RunningTwin) -> AsyncIterator[OpenAIModel]:
    one = OpenAIModel(api_key=None, base_url=f"{twin.url}/v1", deadlines=SHORT)
    yield one
    await one.aclose()


def arm(twin: RunningTwin, kind: FaultKind, **fields: Any) -> None:
    twin.exchange.faults.arm(Fault(kind=kind, **fields), phone=None)


async def hear(
    model: OpenAIModel, messages: Sequence[Message] = TALK, max_tokens: int = 100
) -> list[ModelEvent]:
    async with model.reply(messages, TOOLS, max_tokens=max_tokens, cache_key="c") as events:
        return [event async for event in events]


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_what_may_pass_is_unavailable(
    twin: RunningTwin, model: OpenAIModel, status: int
) -> None:
    arm(twin, FaultKind.LLM_REFUSED, status=status)
    with pytest.raises(ProviderUnavailable) as refused:
        await hear(model)
    assert refused.value.status == status
    assert twin.exchange.vendors.report()["openai"]["requested"] == 1, "asked once, not again"
    assert isinstance((await hear(model))[-1], ReplyEnded), "the next one is answered"


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_what_will_not_pass_is_rejected(
    twin: RunningTwin, model: OpenAIModel, status: int
) -> None:
    arm(twin, FaultKind.LLM_REFUSED, status=status)
    with pytest.raises(ProviderRejected) as refused:
        await hear(model)
    assert refused.value.status == status and "twin was told" not in str(refused.value)


@pytest.mark.parametrize("kind", [FaultKind.LLM_ERROR_FRAME, FaultKind.LLM_CUT])
async def test_a_reply_that_breaks_off_is_unavailable(
    twin: RunningTwin, model: OpenAIModel, kind: FaultKind
) -> None:
    arm(twin, kind)
    heard: list[ModelEvent] = []
    with pytest.raises(ProviderUnavailable):
        async with model.reply(TALK, TOOLS, max_tokens=100, cache_key="c") as events:
            async for event in events:
                heard.append(event)
    assert not any(isinstance(event, ToolCall | ReplyEnded) for event in heard)


async def test_silence_in_the_middle_is_unavailable(twin: RunningTwin, hasty: OpenAIModel) -> None:
    arm(twin, FaultKind.LLM_STALLS)
    with pytest.raises(ProviderUnavailable, match="in time"):
        await hear(hasty)


async def test_silence_before_the_first_token_is_unavailable(
    twin: RunningTwin, hasty: OpenAIModel
) -> None:
    arm(twin, FaultKind.LLM_SLOW, delay_s=60)
    with pytest.raises(ProviderUnavailable, match="in time"):
        await hear(hasty)


async def test_a_fault_can_be_aimed_at_what_one_callee_says(
    twin: RunningTwin, model: OpenAIModel
) -> None:
    arm(twin, FaultKind.LLM_REFUSED, said="SEVEN", times=None)
    assert await hear(model)
    other = (TALK[0], Message("user", "it is seven thousand"), TALK[2])
    with pytest.raises(ProviderUnavailable):
        await hear(model, other)


async def test_a_reply_cut_by_its_limit_says_so(twin: RunningTwin, model: OpenAIModel) -> None:
    arm(twin, FaultKind.LLM_LENGTH)
    ended = (await hear(model))[-1]
    assert isinstance(ended, ReplyEnded) and ended.reason == "length"
    ended = (await hear(model, max_tokens=2))[-1]
    assert isinstance(ended, ReplyEnded) and ended.reason == "length"


async def test_broken_arguments_are_handed_on_as_they_are(
    twin: RunningTwin, model: OpenAIModel
) -> None:
    arm(twin, FaultKind.LLM_BAD_ARGUMENTS)
    [call] = [event for event in await hear(model) if isinstance(event, ToolCall)]
    with pytest.raises(ValueError):
        json.loads(call.arguments)


async def test_an_invented_tool_is_handed_on_by_its_name(
    twin: RunningTwin, model: OpenAIModel
) -> None:
    arm(twin, FaultKind.LLM_INVENTED_TOOL)
    [call] = [event for event in await hear(model) if isinstance(event, ToolCall)]
    assert call.name not in {tool.name for tool in TOOLS}


async def test_a_model_that_never_stops_is_stopped(twin: RunningTwin, model: OpenAIModel) -> None:
    arm(twin, FaultKind.LLM_ENDLESS)
    *words, ended = await hear(model, max_tokens=20)
    assert isinstance(ended, ReplyEnded) and ended.reason == "runaway" and ended.usage is None
    assert 100 < len("".join(each.text for each in words if isinstance(each, TextDelta))) <= 160
    await nobody_listens(twin)
    assert twin.exchange.vendors.report()["openai"]["counts"]["in"]["disconnect"] == 1


async def test_leaving_early_stops_the_model(twin: RunningTwin, model: OpenAIModel) -> None:
    arm(twin, FaultKind.LLM_ENDLESS)
    async with model.reply(TALK, TOOLS, max_tokens=1000, cache_key="c") as events:
        async for _ in events:
            break
    await nobody_listens(twin)
    counts = twin.exchange.vendors.report()["openai"]["counts"]
    assert counts["in"]["disconnect"] == 1 and "[DONE]" not in counts["out"]


async def test_a_cancelled_wait_for_the_first_token_stops_the_model(
    twin: RunningTwin, model: OpenAIModel
) -> None:
    arm(twin, FaultKind.LLM_SLOW, delay_s=60)
    task = asyncio.create_task(hear(model))
    await somebody_listens(twin)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await nobody_listens(twin)


async def test_the_callees_words_are_in_no_log_line_and_no_error(
    twin: RunningTwin, model: OpenAIModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    talk = (Message("user", SECRETS),)
    await hear(model, talk)
    arm(twin, FaultKind.LLM_REFUSED, status=400)
    with pytest.raises(ProviderRejected) as refused:
        await hear(model, talk)
    assert refused.value.__cause__ is None and refused.value.__suppress_context__
    assert SECRETS not in str(refused.value) and SECRETS not in caplog.text


async def test_text_that_utf8_cannot_carry_is_sent_all_the_same(model: OpenAIModel) -> None:
    assert await hear(model, (Message("user", "broken \ud800 text"),))


async def test_nobody_at_the_address_is_unavailable() -> None:
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    gone = OpenAIModel(api_key="k", base_url=f"http://127.0.0.1:{port}/v1")
    with pytest.raises(ProviderUnavailable):
        await hear(gone)
    await gone.aclose()


@asynccontextmanager
async def speaking(*parts: bytes | float) -> AsyncIterator[str]:
    """A server that answers any request with these bytes; a number is a pause in seconds."""

    answers: set[asyncio.Task[object]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        answers.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            for part in parts:
                if isinstance(part, bytes):
                    writer.write(part)
                    await writer.drain()
                else:
                    await asyncio.sleep(part)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            for task in answers:
                task.cancel()
            await asyncio.gather(*answers, return_exceptions=True)


async def hear_from(*parts: bytes | float) -> tuple[list[ModelEvent], int]:
    """What a model says of these bytes, and how much of them it passed over."""
    deadlines = SHORT if any(isinstance(part, float) for part in parts) else PATIENT
    async with speaking(*parts) as url:
        model = OpenAIModel(api_key="k", base_url=url, deadlines=deadlines)
        try:
            return await hear(model), model.skipped
        finally:
            await model.aclose()


def event(body: object) -> bytes:
    return f"data: {json.dumps(body)}\n\n".encode()


def delta(finish: str | None = None, **fields: object) -> bytes:
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]})


USAGE = event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}})
DONE = b"data: [DONE]\n\n"


async def test_chunks_nobody_can_read_are_counted_and_passed_over() -> None:
    heard, skipped = await hear_from(
        b": comment\n\nevent: surprise\ndata: {broken\n\n",
        event([1, 2]),
        event({"object": "new.thing"}),
        event({"choices": ["x"]}),
        delta(content=["not", "text"]),
        delta(tool_calls=[{"index": "first"}, "x", {"index": 0, "function": "f"}]),
        delta(content="Hello"),
        b"data: " + b"[" * 100_000 + b"\n\n",
        delta("stop"),
        USAGE,
        DONE,
    )
    assert heard == [TextDelta("Hello"), ReplyEnded("stop", ModelUsage(9, 0, 2))]
    assert skipped == 9


async def test_calls_are_joined_by_index_and_told_as_soon_as_they_are_whole() -> None:
    def part(index: int, arguments: str, name: str | None = None) -> bytes:
        start = {"id": f"id{index}", "type": "function"} if name else {}
        function = {"arguments": arguments} | ({"name": name} if name else {})
        return delta(tool_calls=[{"index": index, "function": function, **start}])

    heard, skipped = await hear_from(
        part(0, "", "one"),
        part(0, '{"a":'),
        part(0, " 1}"),
        part(1, "", "two"),
        part(1, "{}"),
        part(0, "late"),
        part(2, "{}"),
        delta("tool_calls"),
        DONE,
    )
    calls = [ToolCall("id0", "one", '{"a": 1}'), ToolCall("id1", "two", "{}")]
    assert heard == [*calls, ReplyEnded("tool_calls", None)]
    assert skipped == 2, "a fragment of a call that was told, and a call without a name"


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"<html>busy</html>",),
        (DONE,),
        (delta(content="Hello"), DONE),
        (delta(content="Hello"),),
        (b"data: " + b"x" * 1_500_000,),
        (delta(content="Hello"), 60.0),
        (60.0,),
        (event({"error": "plain"}),),
    ],
)
async def test_a_reply_without_an_end_is_unavailable(parts: tuple[bytes | float, ...]) -> None:
    with pytest.raises(ProviderUnavailable):
        await hear_from(*parts)


@pytest.mark.parametrize("after", [(), (60.0,), (b"data: {", 60.0)])
async def test_once_the_model_has_finished_a_lost_count_costs_no_words(
    after: tuple[bytes | float, ...],
) -> None:
    heard, _ = await hear_from(delta(content="Hello"), delta("stop"), *after)
    assert heard == [TextDelta("Hello"), ReplyEnded("stop", None)]


async def test_a_trickle_of_nothing_does_not_hold_the_callee() -> None:
    wait = Deadlines(connect_s=5, read_s=5, first_s=5, whole_s=0.5)
    async with speaking(*[b": still here\n\n", 0.05] * 100) as url:
        model = OpenAIModel(api_key="k", base_url=url, deadlines=wait)
        with pytest.raises(ProviderUnavailable, match="in time"):
            await hear(model)
        await model.aclose()


async def test_words_that_trickle_for_too_long_end_the_reply() -> None:
    wait = Deadlines(connect_s=5, read_s=5, first_s=5, whole_s=0.5)
    async with speaking(*[delta(content="a "), 0.05] * 100) as url:
        model = OpenAIModel(api_key="k", base_url=url, deadlines=wait)
        heard = await hear(model)
        await model.aclose()
    assert isinstance(heard[0], TextDelta) and heard[-1] == ReplyEnded("runaway", None)
