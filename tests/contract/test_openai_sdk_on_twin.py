"""The real OpenAI SDK, bare and under our adapter, on the twin: an upgrade that changes the wire
fails here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest

from dialer.agent.moves import Message, Tool, ToolCall
from dialer.providers.openai_chat import OpenAIModel
from dialer.providers.speech import ModelEvent, ReplyEnded, TextDelta
from dialer.twin.config import TwinConfig
from dialer.twin.server import RunningTwin, start_twin

KEY = "sk-contract-test"
RECORD = {
    "type": "object",
    "properties": {
        "question_id": {"type": "string", "enum": ["bill"]},
        "value": {"type": "string"},
    },
    "required": ["question_id", "value"],
}
TOOLS = (Tool("record_answer", "Write an answer down.", RECORD),)
PROMPT = "Questions:\n- bill (number): How much is your bill in a month?"
SITUATION = (
    "Local time: 2026-11-23T11:04 (Monday), zone Asia/Kolkata.\nNow asking: bill\nStill open: bill"
)
TALK = (
    Message("system", PROMPT),
    Message("assistant", "How much is your bill in a month?"),
    Message("user", "about three thousand rupees"),
    Message("system", SITUATION),
)


@pytest.fixture(scope="module")
async def twin() -> AsyncIterator[RunningTwin]:
    running = await start_twin(
        TwinConfig(port=0, openai_api_key=KEY, llm_first_token_ms=0, llm_token_ms=0)
    )
    yield running
    report = running.exchange.vendors.report()
    assert report["openai"]["open"] == 0
    await running.stop()


@pytest.fixture
async def sdk(twin: RunningTwin) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        api_key=KEY,
        base_url=f"{twin.url}/v1",
        max_retries=0,
        timeout=httpx2.Timeout(8.0, connect=1.0, read=3.0),
    ) as client:
        yield client


@pytest.fixture
async def model(twin: RunningTwin) -> AsyncIterator[OpenAIModel]:
    one = OpenAIModel(api_key=KEY, base_url=f"{twin.url}/v1", tier="priority")
    yield one
    await one.aclose()


def last_request(twin: RunningTwin) -> dict[str, Any]:
    found: dict[str, Any] = twin.exchange.vendors.report()["openai"]["requests"][-1]
    return found


async def all_of(model: OpenAIModel, messages: Any = TALK, **options: Any) -> list[ModelEvent]:
    async with model.reply(
        messages, TOOLS, max_tokens=120, cache_key="campaign-1", **options
    ) as events:
        return [event async for event in events]


async def test_the_adapter_sends_what_a_call_needs_and_leaves_no_default(
    twin: RunningTwin, model: OpenAIModel
) -> None:
    await all_of(model)
    sent = last_request(twin)
    assert sent["path"] == "/v1/chat/completions" and sent["query"] == {}
    assert sent["headers"]["authorization"] == "Bearer [hidden]"
    assert sent["headers"]["x-stainless-retry-count"] == "0"
    assert sent["headers"]["x-stainless-read-timeout"] == "3.0"
    assert sent["body"] == {
        "model": "gpt-6-luna",
        "messages": ["system", "assistant", "user", "system"],
        "tools": ["record_answer"],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 120,
        "reasoning_effort": "none",
        "prompt_cache_key": "campaign-1",
        "service_tier": "priority",
    }
    assert KEY not in str(twin.exchange.vendors.report())


async def test_the_adapter_yields_words_then_whole_calls_then_the_end(model: OpenAIModel) -> None:
    *words, call, ended = await all_of(model)
    assert "".join(each.text for each in words if isinstance(each, TextDelta)) in (
        "Thank you.",
        "Got it.",
        "Alright.",
    )
    assert isinstance(call, ToolCall) and call.name == "record_answer" and call.id
    assert call.arguments == '{"question_id": "bill", "value": "about three thousand rupees"}'
    assert isinstance(ended, ReplyEnded) and ended.reason == "tool_calls"
    assert ended.usage is not None
    assert ended.usage.prompt > 50 and 10 < ended.usage.completion < 60
    assert ended.usage.cached == 0


async def test_a_history_with_tools_and_further_options_is_taken(
    twin: RunningTwin, model: OpenAIModel
) -> None:
    call = ToolCall("call_1", "record_answer", '{"question_id": "bill", "value": "lots"}')
    talk = (
        *TALK[:3],
        Message("assistant", "", (call,)),
        Message("tool", "error: no number", tool_call_id="call_1"),
        Message("system", SITUATION),
    )
    *words, ended = await all_of(model, talk, options={"temperature": 0.2, "verbosity": "low"})
    assert "".join(each.text for each in words if isinstance(each, TextDelta)).startswith("Sorry")
    assert isinstance(ended, ReplyEnded) and ended.reason == "stop"
    body = last_request(twin)["body"]
    assert body["temperature"] == 0.2 and body["verbosity"] == "low"


async def test_a_long_beginning_that_comes_again_is_cached(model: OpenAIModel) -> None:
    long = (Message("system", PROMPT + " Be kind." * 800), *TALK[1:])
    first, second = [(await all_of(model, long))[-1] for _ in range(2)]
    assert isinstance(first, ReplyEnded) and first.usage and first.usage.cached == 0
    assert isinstance(second, ReplyEnded) and second.usage and second.usage.cached >= 1024
    assert second.usage.cached % 128 == 0 and second.usage.cached <= second.usage.prompt


async def test_the_connection_is_used_again(twin: RunningTwin, model: OpenAIModel) -> None:
    for _ in range(3):
        await all_of(model)
    pool = model._client._client._transport._pool  # type: ignore[attr-defined]
    assert len(pool.connections) == 1 and pool.connections[0].is_idle()


async def test_the_bare_sdk_reads_the_twins_stream(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(
        model="gpt-6-luna",
        messages=[{"role": "user", "content": "how much does it cost?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    first, *middle, finish, usage = chunks
    assert first.object == "chat.completion.chunk"
    assert first.choices[0].delta.role == "assistant" and first.choices[0].delta.content == ""
    assert all(each.choices[0].delta.content for each in middle)
    assert finish.choices[0].finish_reason == "stop"
    assert finish.choices[0].delta.model_dump(exclude_none=True) == {}
    assert usage.choices == [] and usage.usage is not None
    assert usage.usage.total_tokens == usage.usage.prompt_tokens + usage.usage.completion_tokens
    assert len({each.id for each in chunks}) == 1
    assert all(each.usage is None for each in chunks[:-1])


async def test_the_bare_sdk_joins_the_twins_tool_calls(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.chat.completions.stream(**_asked()) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_completion()
    assert "tool_calls.function.arguments.delta" in kinds
    [call] = final.choices[0].message.tool_calls or ()
    assert call.function.name == "record_answer"
    assert "three thousand" in call.function.arguments


async def test_the_bare_sdk_gets_a_reply_in_one_piece(sdk: openai.AsyncOpenAI) -> None:
    whole = await sdk.chat.completions.create(**_asked())
    message = whole.choices[0].message
    assert whole.object == "chat.completion" and whole.choices[0].finish_reason == "tool_calls"
    assert message.role == "assistant" and message.content and message.tool_calls
    assert whole.usage and whole.usage.completion_tokens > 0


def _asked() -> dict[str, Any]:
    function = {"name": "record_answer", "description": "", "parameters": RECORD}
    return {
        "model": "gpt-6-luna",
        "messages": [
            {"role": "system", "content": PROMPT},
            {"role": "user", "content": "about three thousand rupees"},
            {"role": "system", "content": SITUATION},
        ],
        "tools": [{"type": "function", "function": function}],
        "reasoning_effort": "none",
    }


async def test_models_are_listed_with_their_last_day(sdk: openai.AsyncOpenAI) -> None:
    listed = {each.id: each async for each in sdk.models.list()}
    assert listed["gpt-6-luna"].shutdown_date is None
    assert listed["gpt-4.1-mini"].shutdown_date == "2027-01-14"
    assert (await sdk.models.retrieve("gpt-6-luna")).owned_by == "openai"
    with pytest.raises(openai.NotFoundError):
        await sdk.models.retrieve("gpt-0")


USER = {"role": "user", "content": "hello"}
CALLS = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


@pytest.mark.parametrize(
    ("changes", "error", "param"),
    [
        ({"model": "claude"}, openai.NotFoundError, None),
        ({"messages": []}, openai.BadRequestError, "messages"),
        ({"messages": [{"role": "boss", "content": ""}]}, openai.BadRequestError, "messages[0]."),
        ({"messages": [{"role": "user", "content": None}]}, openai.BadRequestError, "messages[0]."),
        (
            {"messages": [USER, {"role": "tool", "tool_call_id": "c1", "content": "x"}]},
            openai.BadRequestError,
            "messages[1].role",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": CALLS}, USER]},
            openai.BadRequestError,
            "messages[1].role",
        ),
        ({"extra_body": {"max_tokens": 5}}, openai.BadRequestError, "max_tokens"),
        ({"max_completion_tokens": 0}, openai.BadRequestError, "max_completion_tokens"),
        ({"tools": [{"type": "function"}]}, openai.BadRequestError, "tools[0]"),
        ({"reasoning_effort": "low"}, openai.BadRequestError, "reasoning_effort"),
        ({"stream_options": {"include_usage": True}}, openai.BadRequestError, "stream_options"),
        ({"extra_body": {"service_tier": "gold"}}, openai.BadRequestError, "service_tier"),
    ],
)
async def test_what_openai_would_not_take_the_twin_refuses(
    sdk: openai.AsyncOpenAI, changes: dict[str, Any], error: type[Exception], param: str | None
) -> None:
    good = _asked() | {"messages": [USER]}
    await sdk.chat.completions.create(**good)
    with pytest.raises(error) as refused:
        await sdk.chat.completions.create(**good | changes)
    assert isinstance(refused.value, openai.APIStatusError)
    assert refused.value.type == "invalid_request_error"
    assert str(refused.value.param or "").startswith(param or "")
    assert refused.value.request_id


async def test_a_wrong_key_is_refused(twin: RunningTwin) -> None:
    async with openai.AsyncOpenAI(api_key="wrong", base_url=f"{twin.url}/v1") as client:
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.models.list()
        assert refused.value.code == "invalid_api_key"
