"""The OpenAPI document, with our refusals in it, where Litestar would describe its own, and with
the events that are posted to webhooks."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

from dialer.domain.events import EVENTS, Event
from dialer.web.problems import MEDIA_TYPE

_REFERENCE = {"$ref": "#/components/schemas/Problem"}
_PROBLEM = {
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457), in words for a person.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "one line with the fix"},
        "errors": {
            "type": "array",
            "description": "each wrong field of the input",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {
                    "path": {"type": "string", "examples": ["caller_ids[0].number"]},
                    "message": {"type": "string"},
                    "found": {"description": "what stood there"},
                },
            },
        },
        "legal": {
            "type": "array",
            "description": "the moves a state machine has from here",
            "items": {"type": "string"},
        },
    },
}
_REFUSED = {
    "description": "Refused; the status says in which way",
    "content": {MEDIA_TYPE: {"schema": _REFERENCE}},
}

_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "a repeat with the same key and body gets the first reply again",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


_SIGNATURE = [
    {"name": name, "in": "header", "required": True, "description": what, "schema": schema}
    for name, what, schema in (
        ("webhook-id", "the same however often it is sent", {"type": "string"}),
        ("webhook-timestamp", "of this try, in seconds since 1970", {"type": "string"}),
        ("webhook-signature", "Standard Webhooks, v1", {"type": "string"}),
    )
]


class DocumentPlugin(JsonRenderPlugin):
    """Serves ``openapi.json`` alone: pages that show it load scripts from elsewhere."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return super().render(request, with_problems(openapi_schema))


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with what Litestar cannot know: each operation's refusals as the
    problems they are, the header that makes a POST safe to repeat, and what we post ourselves."""
    components = document["components"]
    events, schemas = _webhooks()
    return document | {
        "webhooks": events,
        "paths": {
            path: {key: _completed(key, value) for key, value in item.items()}
            for path, item in document["paths"].items()
        },
        "components": components
        | {"schemas": components["schemas"] | schemas | {"Problem": _PROBLEM}},
    }


def _webhooks() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is posted to a webhook, by event type, and the schemas of the events."""
    found, schemas = msgspec.json.schema_components(
        EVENTS, ref_template="#/components/schemas/{name}"
    )
    posts: dict[str, Any] = {
        event.type: {
            "post": {
                "summary": (event.__doc__ or "").partition(".")[0],
                "parameters": _SIGNATURE,
                "requestBody": {"content": {"application/json": {"schema": _posted(event, one)}}},
                "responses": {"2XX": {"description": "taken; anything else is tried again"}},
            }
        }
        for event, one in zip(EVENTS, found, strict=True)
    }
    return posts, schemas


def _posted(event: type[Event], data: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": event.type},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": data,
        },
    }


def _completed(method: str, operation: Any) -> Any:
    """Add what every operation shares; other parts of a path stay as they are."""
    if not isinstance(operation, dict) or "responses" not in operation:
        return operation
    others = {status: one for status, one in operation["responses"].items() if status != "400"}
    parameters = operation.get("parameters", [])
    if method == "post":
        parameters = [*parameters, _IDEMPOTENCY]
    completed = operation | {"responses": others | {"default": _REFUSED}}
    return completed | {"parameters": parameters} if parameters else completed
