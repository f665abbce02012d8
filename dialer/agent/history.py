"""What was said and done in one call, as the model is told it: bounded, and as it was heard."""

from __future__ import annotations

import re
from typing import Final

from dialer.agent.moves import Message, ToolCall

MOST_MESSAGES: Final = 40  # the talk's latest; the prompt and the situation come on top
_MOST_CHARACTERS = 2000  # of one message
_CUT = "—"  # where the callee spoke into it
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class History:
    """Messages in order. A tool's use and its result are kept or dropped together."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._uses = 0

    def callee_said(self, text: str) -> None:
        self._add(Message("user", text[:_MOST_CHARACTERS]))

    def agent_was_heard(self, text: str, *, is_cut: bool) -> None:
        text = text.strip()[:_MOST_CHARACTERS]
        if text:
            self._add(Message("assistant", text + _CUT if is_cut else text))

    def tool_was_used(self, call: ToolCall, arguments: str, result: str) -> None:
        """Keep ``call`` as a provider takes it back: ``arguments`` are valid JSON, and its name
        and id are of the form that was offered, whatever the model wrote."""
        name = call.name if _NAME.fullmatch(call.name) else "unknown_tool"
        self._uses += 1
        call_id = call.id if _NAME.fullmatch(call.id) else f"call_{self._uses}"
        used = ToolCall(call_id, name, arguments)
        self._add(
            Message("assistant", "", tool_calls=(used,)),
            Message("tool", result, tool_call_id=call_id),
        )

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(self._messages)

    def _add(self, *messages: Message) -> None:
        self._messages.extend(messages)
        del self._messages[: max(0, len(self._messages) - MOST_MESSAGES)]
        while self._messages and self._messages[0].role == "tool":  # its use was just dropped
            del self._messages[0]
