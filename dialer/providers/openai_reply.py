"""A chat completion's event stream, bytes in and model events out. Pure: no socket, no clock.

The SDK's own decoder ends the reply at the first chunk it cannot read; this one counts it and goes
on, because a callee is waiting. Shapes: OpenAI's chat completion chunks (providers.md §3.2).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dialer.agent.moves import ToolCall
from dialer.errors import ProviderUnavailable
from dialer.providers.speech import ModelEvent, ModelUsage, ReplyEnded, TextDelta

PROVIDER = "openai"
RUNAWAY = "runaway"  #: our own reason for a reply that never stopped
MAX_LINE_BYTES = 1_000_000
MAX_TOOL_CALLS = 16  # in one reply; our tools are five

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def safe_code(found: object) -> str:
    """An error's code or type if it is one word; anything longer may quote the prompt."""
    return found if isinstance(found, str) and _CODE.fullmatch(found) else "unnamed"


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class ReplyReader:
    """One streamed reply. `feed` it what arrives, however cut; then ask `ended`.

    ``max_characters`` of words and arguments: at more the reply is over, reason `RUNAWAY`.
    ``skipped`` counts chunks that could not be read.
    """

    max_characters: int
    skipped: int = 0
    reason: str | None = None
    is_over: bool = False  #: nothing more is to be read
    _usage: ModelUsage | None = None
    _characters: int = 0
    _rest: bytes = b""
    _calls: dict[int, _Call] = field(default_factory=dict)
    _told: set[int] = field(default_factory=set)

    def feed(self, data: bytes) -> Iterator[ModelEvent]:
        """Yield what these bytes complete; `ProviderUnavailable` when they hold an error."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise ProviderUnavailable(PROVIDER, "sent a line without an end")
        for line in lines:
            if self.is_over:
                return
            # Comments, event names and blank lines say nothing here.
            if line.startswith(b"data:"):
                yield from self._take(line[5:].strip())

    @property
    def has_said(self) -> bool:
        """Something of the reply has come."""
        return self._characters > 0

    def run_away(self) -> None:
        """The reply took too long: what came so far is the reply."""
        self.reason, self.is_over = self.reason or RUNAWAY, True

    def ended(self) -> ReplyEnded:
        """The stream is over; `ProviderUnavailable` if the model had not finished."""
        if self.reason is None:
            raise ProviderUnavailable(PROVIDER, "ended in the middle of a reply")
        return ReplyEnded(self.reason, self._usage)

    def _take(self, data: bytes) -> Iterator[ModelEvent]:
        if data == b"[DONE]":
            self.is_over = True
            return
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError):
            chunk = None
        if not isinstance(chunk, dict):
            self.skipped += 1
            return
        if chunk.get("error"):
            error = chunk["error"] if isinstance(chunk["error"], dict) else {}
            code = safe_code(error.get("code") or error.get("type"))
            raise ProviderUnavailable(PROVIDER, f"failed in the middle of a reply ({code})")
        usage = _usage(chunk.get("usage"))
        self._usage = usage or self._usage
        choices = chunk.get("choices")
        if choices or usage is None:
            yield from self._choice(choices)

    def _choice(self, choices: object) -> Iterator[ModelEvent]:
        choice = choices[0] if isinstance(choices, list) and choices else None
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(delta, dict):
            self.skipped += 1
            return
        yield from self._words(delta.get("content"))
        if not self.is_over:
            yield from self._tools(delta.get("tool_calls"))
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and not self.is_over:
            self.reason = reason
            yield from self._complete(before=None)

    def _words(self, content: object) -> Iterator[ModelEvent]:
        if content is None or content == "":
            return
        if not isinstance(content, str):
            self.skipped += 1
        elif self._may_add(content):
            yield TextDelta(content)

    def _tools(self, parts: object) -> Iterator[ModelEvent]:
        if parts is None:
            return
        if not isinstance(parts, list):
            self.skipped += 1
            return
        for part in parts:
            index = part.get("index") if isinstance(part, dict) else None
            function = part.get("function") if isinstance(part, dict) else None
            if type(index) is not int or not isinstance(function, dict | None):
                self.skipped += 1
                continue
            yield from self._complete(before=index)
            self._join(index, part.get("id"), function or {})

    def _join(self, index: int, id_: object, function: dict[str, Any]) -> None:
        """Add one fragment; id and name come once, arguments in pieces."""
        arguments = function.get("arguments") or ""
        is_one_more = index not in self._calls and len(self._calls) >= MAX_TOOL_CALLS
        if index in self._told or is_one_more or not isinstance(arguments, str):
            self.skipped += 1
        elif self._may_add(arguments):
            call = self._calls.setdefault(index, _Call())
            call.id = call.id or (id_ if isinstance(id_, str) else "")
            name = function.get("name")
            call.name = call.name or (name if isinstance(name, str) else "")
            call.arguments += arguments

    def _complete(self, *, before: int | None) -> Iterator[ModelEvent]:
        """Yield the calls no more fragments come for: those before an index, or all at the end."""
        for index, call in sorted(self._calls.items()):
            if index in self._told or (before is not None and index >= before):
                continue
            self._told.add(index)
            if call.name:
                yield ToolCall(call.id or f"call_{index}", call.name, call.arguments)
            else:
                self.skipped += 1

    def _may_add(self, text: str) -> bool:
        self._characters += len(text)
        if self._characters > self.max_characters:
            self.run_away()
        return not self.is_over


def _usage(found: object) -> ModelUsage | None:
    if not isinstance(found, dict):
        return None
    details = found.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    counts = (found.get("prompt_tokens"), cached or 0, found.get("completion_tokens"))
    prompt, cached, completion = counts
    if type(prompt) is int and type(cached) is int and type(completion) is int:
        return ModelUsage(prompt, cached, completion)
    return None
