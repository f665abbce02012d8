"""A chat completion's bytes to events: however they are cut, and whatever they are."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dialer.agent.moves import ToolCall
from dialer.errors import ProviderUnavailable
from dialer.providers.openai_reply import ReplyReader
from dialer.providers.speech import ModelEvent, ModelUsage, ReplyEnded, TextDelta


def chunk(delta: object, finish: str | None = None) -> str:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return f"data: {json.dumps({'choices': choices, 'usage': None}, ensure_ascii=False)}"


def call(index: int, **function: str) -> dict[str, object]:
    return {"tool_calls": [{"index": index, "id": f"id{index}", "function": function}]}


STREAM = "\r\n\r\n".join(
    [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "नमस्ते"}),
        chunk({"content": " ji"}),
        chunk(call(0, name="opt_out", arguments="")),
        chunk(call(0, arguments="{}")),
        chunk({}, "tool_calls"),
        'data: {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3, '
        '"prompt_tokens_details": {"cached_tokens": 8}}}',
        "data: [DONE]\r\n\r\n",
    ]
).encode()
EVENTS = [TextDelta("नमस्ते"), TextDelta(" ji"), ToolCall("id0", "opt_out", "{}")]


def read(parts: list[bytes]) -> list[ModelEvent]:
    reader = ReplyReader(1000)
    events = [event for part in parts for event in reader.feed(part)]
    assert reader.is_over and reader.skipped == 0
    return [*events, reader.ended()]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_it_does_not_matter_where_the_bytes_are_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    parts = [STREAM[a:b] for a, b in pairwise(edges)]
    assert read(parts) == [*EVENTS, ReplyEnded("tool_calls", ModelUsage(12, 8, 3))]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(
            ["choices", "delta", "content", "tool_calls", "index", "function", "name", "id",
             "arguments", "finish_reason", "usage", "prompt_tokens", "error"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(st.lists(st.binary() | json_values.map(lambda value: json.dumps(value).encode())))
def test_no_bytes_raise_anything_but_a_providers_error(lines: list[bytes]) -> None:
    reader = ReplyReader(1000)
    with suppress(ProviderUnavailable):
        for line in lines:
            for event in reader.feed(b"data: " + line + b"\n"):
                assert isinstance(event, TextDelta | ToolCall)
        reader.ended()


def test_a_reply_that_runs_away_is_over_and_its_open_call_is_dropped() -> None:
    reader = ReplyReader(20)
    stream = "\n".join(
        [
            chunk({"content": "ten letters"}),
            chunk(call(0, name="f", arguments="x" * 30)),
            STREAM.decode(),
        ]
    )
    assert list(reader.feed(stream.encode())) == [TextDelta("ten letters")]
    assert reader.is_over and reader.ended() == ReplyEnded("runaway", None)
