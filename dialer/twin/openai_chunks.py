"""A model's reply as OpenAI sends it: the pieces of a stream and their envelopes. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Any

from dialer.twin.faults import FaultKind
from dialer.twin.model import ModelCall, ModelReply

CHARACTERS_PER_TOKEN = 4  # about; providers.md knows no better
FRAGMENT = 12  # characters of a tool's arguments in one chunk
ENDLESS_PIECES = 20_000  # an end for a model that has none

INVENTED = ModelCall("send_brochure", '{"channel": "email"}')
_BROKEN = '{"question_id": "'
_WORDS_OF_A_BROKEN_RECORD = (" and", " so", " it", " goes", " on")


@dataclass(frozen=True, slots=True)
class Piece:
    """One chunk's delta. ``kind``: content, tool_start or tool_arguments."""

    kind: str
    delta: Mapping[str, Any]
    size: int  # characters


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent: the pieces, then the end (``finish_reason``), or else a ``mishap``."""

    pieces: Iterable[Piece]
    finish: str
    mishap: FaultKind | None = None


def plan(reply: ModelReply, max_tokens: int | None, fault: FaultKind | None) -> Plan:
    """Cut the reply into pieces, as far as the limit and the fault allow."""
    if fault is FaultKind.LLM_INVENTED_TOOL:
        reply = replace(reply, calls=(INVENTED,))
    elif fault is FaultKind.LLM_BAD_ARGUMENTS:
        name = reply.calls[0].name if reply.calls else "record_answer"
        reply = replace(reply, calls=(ModelCall(name, _BROKEN),))
    pieces = pieces_of(reply)
    finish = "tool_calls" if reply.calls else "stop"
    if fault is FaultKind.LLM_ENDLESS:
        return Plan(_endless(pieces), finish)
    if fault is FaultKind.LLM_LENGTH:
        return Plan(pieces[: len(pieces) // 2], "length")
    if fault in (FaultKind.LLM_ERROR_FRAME, FaultKind.LLM_CUT, FaultKind.LLM_STALLS):
        return Plan(pieces[: len(pieces) // 2], finish, fault)
    if max_tokens is not None and len(pieces) > max_tokens:
        return Plan(pieces[:max_tokens], "length")
    return Plan(pieces, finish)


def pieces_of(reply: ModelReply) -> list[Piece]:
    """Words first, each with the blank before it, then the calls."""
    pieces = [
        Piece("content", {"content": word}, len(word)) for word in re.findall(r"\s*\S+", reply.text)
    ]
    for index, call in enumerate(reply.calls):
        start = {
            "index": index,
            "id": call_id(reply, index),
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        pieces.append(Piece("tool_start", {"tool_calls": [start]}, len(call.name)))
        for at in range(0, len(call.arguments), FRAGMENT):
            part = call.arguments[at : at + FRAGMENT]
            fragment = {"index": index, "function": {"arguments": part}}
            pieces.append(Piece("tool_arguments", {"tool_calls": [fragment]}, len(part)))
    return pieces


def call_id(reply: ModelReply, index: int) -> str:
    return f"call_{reply.seed:08x}{index}"


def _endless(pieces: list[Piece]) -> Iterable[Piece]:
    spoken = [each for each in pieces if each.kind == "content"]
    more = (Piece("content", {"content": word}, len(word)) for word in _WORDS_OF_A_BROKEN_RECORD)
    yield from spoken
    yield from islice(cycle(more), ENDLESS_PIECES)


def tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every chunk of one reply has in common."""

    id: str
    created: int
    model: str
    tier: str
    wants_usage: bool

    def chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        body = self._common("chat.completion.chunk") | {"choices": [choice]}
        return _event(body | {"usage": None} if self.wants_usage else body)

    def usage_chunk(self, usage: Mapping[str, Any]) -> bytes:
        return _event(self._common("chat.completion.chunk") | {"choices": [], "usage": usage})

    def completion(
        self, reply: ModelReply, finish: str, usage: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The reply in one piece, for a request that is not streamed."""
        message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
        if reply.calls:
            message["tool_calls"] = [
                {
                    "id": call_id(reply, index),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for index, call in enumerate(reply.calls)
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        return self._common("chat.completion") | {"choices": [choice], "usage": usage}

    def _common(self, object_: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": object_,
            "created": self.created,
            "model": self.model,
            "service_tier": self.tier,
            "system_fingerprint": None,
        }


DONE = b"data: [DONE]\n\n"
ERROR_EVENT = (
    b'data: {"error":{"message":"The server had an error while processing your request.",'
    b'"type":"server_error","param":null,"code":"server_error"}}\n\n'
)


def usage_of(prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _event(body: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()
