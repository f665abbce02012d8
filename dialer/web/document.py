"""The OpenAPI document, with our refusals in it: Litestar would describe its own."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

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


class DocumentPlugin(JsonRenderPlugin):
    """Serves ``openapi.json`` alone: pages that show it load scripts from elsewhere."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return super().render(request, with_problems(openapi_schema))


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with what Litestar cannot know: each operation's refusals as the
    problems they are, and the header that makes a POST safe to repeat."""
    components = document["components"]
    return document | {
        "paths": {
            path: {key: _completed(key, value) for key, value in item.items()}
            for path, item in document["paths"].items()
        },
        "components": components | {"schemas": components["schemas"] | {"Problem": _PROBLEM}},
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
