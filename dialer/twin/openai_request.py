"""What OpenAI's chat completions take, and how they say no. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ROLES = ("developer", "system", "user", "assistant", "tool")
TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
REASONING = "gpt-6"  # models of this family call functions here only without reasoning

#: Some of what `GET /v1/models` lists, with the shutdown dates of providers.md §3.6.
MODELS: Mapping[str, str | None] = {
    "gpt-6-luna": None,
    "gpt-6.1-terra": None,
    "gpt-6.1-sol": None,
    "gpt-5.6-luna": None,
    "gpt-5.4-mini": None,
    "gpt-4.1-mini": "2027-01-14",
}


class ApiError(Exception):
    """A refusal, as OpenAI words it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "error": {"message": message, "type": kind, "param": param, "code": code},
        }


def refusal(status: int) -> ApiError:
    """What OpenAI says with a status, when it is not about the request itself."""
    kinds = {
        400: ("invalid_request_error", None),
        401: ("invalid_request_error", "invalid_api_key"),
        403: ("invalid_request_error", "unsupported_country_region_territory"),
        404: ("invalid_request_error", "model_not_found"),
        429: ("requests", "rate_limit_exceeded"),
    }
    kind, code = kinds.get(status, ("server_error", None))
    return ApiError(status, "The twin was told to refuse this request.", kind=kind, code=code)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request that OpenAI would take. ``messages`` and ``tools`` are as they came."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]]
    is_streamed: bool
    wants_usage: bool
    max_tokens: int | None
    tier: str
    cache_key: str
    settings: Mapping[str, object]  #: the body without messages, and of the tools the names

    @property
    def prompt(self) -> str:
        """What is counted and cached: the tools stand before the messages."""
        return json.dumps([list(self.tools), list(self.messages)], ensure_ascii=False)

    @property
    def last_words(self) -> str:
        """What the user said last."""
        said = [each for each in self.messages if each["role"] == "user"]
        return text_of(said[-1]) if said else ""


def read_request(raw: bytes) -> ChatRequest:
    """Parse a body; `ApiError` with OpenAI's words if it would not be taken."""
    try:
        body = json.loads(raw)
    except ValueError:
        raise ApiError(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(body, dict):
        raise ApiError(400, "Invalid body: expected an object.")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise ApiError(400, "you must provide a model parameter")
    if not model.startswith("gpt-"):
        message = f"The model `{model[:60]}` does not exist or you do not have access to it."
        raise ApiError(404, message, code="model_not_found")
    _check_options(body, model)
    messages = _messages(body.get("messages"))
    _check_tool_results(messages)
    stream_options = body.get("stream_options") or {}
    return ChatRequest(
        model=model,
        messages=messages,
        tools=_tools(body.get("tools")),
        is_streamed=body.get("stream") is True,
        wants_usage=bool(stream_options.get("include_usage")),
        max_tokens=_max_tokens(body.get("max_completion_tokens")),
        tier="priority" if body.get("service_tier") in ("priority", "fast") else "default",
        cache_key=str(body.get("prompt_cache_key") or ""),
        settings=_settings(body),
    )


def text_of(message: Mapping[str, Any]) -> str:
    """A message's content as one text, whether it came as one or in parts."""
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _settings(body: Mapping[str, Any]) -> dict[str, object]:
    shown = {key: value for key, value in body.items() if key != "messages"}
    if "tools" in body:
        shown["tools"] = [tool["function"]["name"] for tool in body["tools"] or ()]
    return shown | {"messages": [message["role"] for message in body["messages"]]}


def _check_options(body: Mapping[str, Any], model: str) -> None:
    if "max_tokens" in body:
        raise ApiError(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            code="unsupported_parameter",
            param="max_tokens",
        )
    effort = body.get("reasoning_effort")
    if body.get("tools") and model.startswith(REASONING) and effort != "none":
        raise ApiError(
            400,
            f"Function tools with reasoning_effort are not supported for {model} in "
            "/v1/chat/completions. Use /v1/responses, or set reasoning_effort to 'none'.",
            param="reasoning_effort",
        )
    if body.get("service_tier") not in (None, *TIERS):
        raise _invalid("service_tier", f"expected one of {', '.join(TIERS)}")
    if "stream_options" in body and body.get("stream") is not True:
        raise _invalid("stream_options", "only allowed when 'stream' is enabled")
    if not isinstance(body.get("stream_options") or {}, dict):
        raise _invalid("stream_options", "expected an object")


def _messages(found: object) -> list[Mapping[str, Any]]:
    if not isinstance(found, list) or not found:
        raise _invalid("messages", "expected an array with at least one message")
    for at, message in enumerate(found):
        where = f"messages[{at}]"
        if not isinstance(message, dict):
            raise _invalid(where, "expected an object")
        if message.get("role") not in ROLES:
            raise _invalid(f"{where}.role", f"expected one of {', '.join(ROLES)}")
        content = message.get("content")
        may_be_empty = message["role"] == "assistant" and message.get("tool_calls")
        if not isinstance(content, str | list) and not (content is None and may_be_empty):
            raise _invalid(f"{where}.content", "expected a string or an array of parts")
        if "tool_calls" in message:
            _check_calls(message["tool_calls"], f"{where}.tool_calls")
    return found


def _check_calls(found: object, where: str) -> None:
    if not isinstance(found, list) or not found:
        raise _invalid(where, "expected an array with at least one tool call")
    for at, call in enumerate(found):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or call.get("type") != "function" or not call.get("id"):
            raise _invalid(f"{where}[{at}]", "expected id, type 'function' and function")
        if not isinstance(function.get("name"), str):
            raise _invalid(f"{where}[{at}].function.name", "expected a string")
        if not isinstance(function.get("arguments"), str):
            raise _invalid(f"{where}[{at}].function.arguments", "expected a string")


def _check_tool_results(messages: Sequence[Mapping[str, Any]]) -> None:
    """Every call must be answered at once, and every answer must have its call: a history that
    was shortened in between is refused."""
    awaited: set[str] = set()
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            call_id = message.get("tool_call_id")
            if call_id not in awaited:
                raise _invalid(
                    f"messages[{at}].role",
                    "messages with role 'tool' must be a response to a preceding message with "
                    "'tool_calls'",
                )
            awaited.discard(str(call_id))
            continue
        if awaited:
            raise _unanswered(at, awaited)
        awaited = {str(call["id"]) for call in message.get("tool_calls") or ()}
    if awaited:
        raise _unanswered(len(messages), awaited)


def _unanswered(at: int, awaited: set[str]) -> ApiError:
    return _invalid(
        f"messages[{at}].role",
        "An assistant message with 'tool_calls' must be followed by tool messages responding to "
        f"each 'tool_call_id'. These did not have response messages: {', '.join(sorted(awaited))}",
    )


def _tools(found: object) -> list[Mapping[str, Any]]:
    if found is None:
        return []
    if not isinstance(found, list) or not found:
        raise _invalid("tools", "expected an array with at least one tool")
    for at, tool in enumerate(found):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or tool.get("type") != "function":
            raise _invalid(f"tools[{at}]", "expected type 'function' and function")
        if not isinstance(function.get("name"), str):
            raise _invalid(f"tools[{at}].function.name", "expected a string")
        parameters = function.get("parameters", {"type": "object"})
        if not isinstance(parameters, dict) or parameters.get("type") != "object":
            raise _invalid(
                f"tools[{at}].function.parameters", "schema must be a JSON Schema of type 'object'"
            )
    return found


def _max_tokens(found: object) -> int | None:
    if found is None:
        return None
    if type(found) is not int or found < 1:
        raise _invalid("max_completion_tokens", "expected an integer of 1 or more")
    return found


def _invalid(param: str, what: str) -> ApiError:
    return ApiError(400, f"Invalid '{param}': {what}.", code="invalid_value", param=param)
