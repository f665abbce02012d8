"""What all of Plivo's REST has in common: Basic auth, JSON, api_id, errors, rate limit, pages."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from dialer.twin.calls import new_uuid
from dialer.twin.config import TwinConfig
from dialer.twin.errors import Refused
from dialer.twin.ledger import Ledger
from dialer.twin.pace import RollingCount

T = TypeVar("T")

MAX_PAGE = 20
RATE_WINDOW_S = 5.0
NOT_FOUND = "not found"


def reply(status: int = 200, **fields: object) -> web.Response:
    """A JSON reply with its api_id."""
    return reply_object(fields, status=status)


def reply_object(fields: Mapping[str, object], *, status: int = 200) -> web.Response:
    return web.json_response({"api_id": new_uuid(), **fields}, status=status)


def empty() -> web.Response:
    return web.Response(status=204)


def gate(config: TwinConfig, ledger: Ledger) -> Middleware:
    """Credentials, then the rate limit, then the handler; refusals become Plivo's errors."""
    requests = RollingCount(RATE_WINDOW_S)

    def admit(request: web.Request) -> None:
        _check_credentials(request, config)
        if requests.add(time.monotonic()) > config.requests_per_5s:
            raise Refused(429, "Too many requests, slow down")

    @web.middleware
    async def pass_gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            admit(request)
        except Refused as refused:
            ledger.write("refused", to="", status=refused.status, reason=refused.error)
            if refused.status == 401 and config.plain_401:
                return web.Response(status=401, text="Unauthorized")
            return _refusal(refused)
        try:
            return await handler(request)
        except Refused as refused:
            return _refusal(refused)
        except web.HTTPNotFound:
            return reply(404, error=NOT_FOUND)
        except web.HTTPMethodNotAllowed:
            return reply(405, error=f"method {request.method} is not allowed")

    return pass_gate


def _refusal(refused: Refused) -> web.Response:
    response = reply(refused.status, error=refused.error)
    if refused.status == 429:
        response.headers["Retry-After"] = str(round(RATE_WINDOW_S))
    return response


def _check_credentials(request: web.Request, config: TwinConfig) -> None:
    login, password = _basic(request.headers.get("Authorization", ""))
    known = {
        config.auth_id: config.auth_token,
        config.subaccount_id: config.subaccount_token,
    }
    if login not in known or known[login] != password:
        raise Refused(401, "Could not verify your access level for that URL")
    if request.match_info.get("auth_id", login) not in known:
        raise Refused(404, NOT_FOUND)


def _basic(header: str) -> tuple[str, str]:
    """Login and password of a Basic header; 401 when it is none."""
    scheme, _, encoded = header.partition(" ")
    try:
        login, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        login = password = ""
    if scheme.lower() != "basic" or not login:
        raise Refused(401, "Authentication credentials are missing or malformed")
    return login, password


async def json_body(request: web.Request) -> Mapping[str, object]:
    """The body of a POST: a JSON object, whatever it is for."""
    if request.content_type != "application/json":
        raise Refused(400, "Content-Type must be application/json")
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError:
        raise Refused(400, "request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "request body is not a JSON object")
    return body


def page_of(
    request: web.Request, items: Sequence[T], *, cursor_paging: bool = False
) -> tuple[Sequence[T], dict[str, object]]:
    """The page that was asked for and its ``meta``; limit is 1-20 (plivo.md §1)."""
    limit = _whole(request, "limit", MAX_PAGE, 1, MAX_PAGE)
    offset = _whole(request, "offset", 0, 0, 10**9)
    if request.query.get("cursor"):
        offset = _read_cursor(request.query["cursor"])

    def link(at: int) -> str:
        position = {"cursor": _cursor(at)} if cursor_paging else {"offset": str(at)}
        kept = {k: v for k, v in request.query.items() if k not in ("offset", "cursor")}
        return f"{request.path}?{urlencode({**kept, 'limit': limit, **position})}"

    meta: dict[str, object] = {
        "limit": limit,
        "offset": offset,
        "next": link(offset + limit) if offset + limit < len(items) else None,
        "previous": link(max(0, offset - limit)) if offset else None,
        "total_count": len(items),
    }
    return items[offset : offset + limit], meta


def _whole(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    raw = request.query.get(name, "")
    if not raw:
        return default
    if not raw.isdigit() or not low <= int(raw) <= high:
        raise Refused(400, f"{name} parameter is invalid. It must be between {low} and {high}")
    return int(raw)


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"at:{offset}".encode()).decode()


def _read_cursor(raw: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(raw).decode().removeprefix("at:"))
    except ValueError:
        raise Refused(400, "cursor parameter is invalid") from None
