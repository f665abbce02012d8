"""One transaction a request: opened here with the key checked, committed before the reply leaves.

A reply of 400 or more rolls back, unless the handler marks it `COMMIT_ANYWAY`. With
``Idempotency-Key`` the reply is stored in the same transaction, so that a repeat gets it again,
whatever crashed in between.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from sqlalchemy.exc import DBAPIError

from dialer.errors import DialerError, Forbidden, InvalidInput
from dialer.store.access import (
    SCOPES,
    Replay,
    claim_idempotency_key,
    scopes_of,
    store_reply,
)
from dialer.store.engine import Tx
from dialer.store.failures import must_rerun
from dialer.web.context import Context
from dialer.web.problems import MEDIA_TYPE, RERUN, of_error, problem, response

API_PREFIX = "/api/v1"
MAX_BODY_BYTES = 512 * 1024 * 1024  # a CSV of a few million leads
_TOO_LARGE = f"a request may have {MAX_BODY_BYTES // 1024 // 1024} MiB; split the file"

# Set on the request's state by a handler.
COMMIT_ANYWAY = "dialer_commit_anyway"  # the refusal is itself a fact to keep: commit its rows
REPEAT_GETS = "dialer_repeat_gets"  # a `Replay` to store for repeats in place of the reply

_MOST_RUNS = 6
# What gives or takes rights, and what sends people's data elsewhere.
_ADMIN = tuple(f"{API_PREFIX}/{noun}" for noun in ("keys", "audit", "webhooks"))
_READING = ("GET", "HEAD", "OPTIONS")


@dataclass(slots=True)
class Captured:
    """A reply held back until the transaction has committed."""

    messages: list[Message] = field(default_factory=list)
    commit_anyway: bool = False

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return next((m["status"] for m in self.messages if m["type"] == "http.response.start"), 500)

    @property
    def is_kept(self) -> bool:
        """True if what the request wrote is committed."""
        return self.status < 400 or self.commit_anyway

    def reply(self) -> Replay:
        start = next(m for m in self.messages if m["type"] == "http.response.start")
        headers = Headers(list(start["headers"]))
        body = b"".join(m["body"] for m in self.messages if m["type"] == "http.response.body")
        return Replay(self.status, headers.get("content-type", "application/json"), body)


class _RollBack(Exception):
    """Leaves the transaction without committing; the reply is already made."""


class _Rerun(Exception):
    """The handler met a deadlock: the same request, run again, may well succeed."""


def transactions(app: ASGIApp) -> ASGIApp:
    """Wrap the API's routes; everything else passes through untouched."""

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not scope["path"].startswith(API_PREFIX):
            await app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            captured = await _say(scope, *problem(413, "Too large", _TOO_LARGE))
        else:
            captured = await _run(app, scope, body)
        for message in captured.messages:
            await send(message)

    return middleware


async def _run(app: ASGIApp, scope: HTTPScope, body: bytes) -> Captured:
    context: Context = scope["litestar_app"].state.context
    for turn in range(1, _MOST_RUNS + 1):
        captured = Captured()
        try:
            async with context.db.begin() as tx:
                await _answer(app, scope, body, context, tx, captured)
                if not captured.is_kept:
                    raise _RollBack
        except _RollBack:
            pass
        except _Rerun:
            if turn < _MOST_RUNS:
                continue
        except DialerError as error:
            captured = await _say(scope, *of_error(error))
        except DBAPIError as error:
            if must_rerun(error) and turn < _MOST_RUNS:
                continue
            raise
        return captured
    raise AssertionError("unreachable")


async def _answer(
    app: ASGIApp, scope: HTTPScope, body: bytes, context: Context, tx: Tx, captured: Captured
) -> None:
    """Check the key, replay or run the route, keep its reply."""
    headers = Headers.from_scope(scope)
    refusal = await _refusal(tx, context, scope, headers)
    if refusal is not None:
        captured.messages = (await _say(scope, *refusal)).messages
        return
    key = headers.get("idempotency-key") if scope["method"] == "POST" else None
    if key is not None:
        replay = await claim_idempotency_key(tx, _checked_key(key), _request_hash(scope, body))
        if replay is not None:
            captured.messages = _replayed(replay)
            return
    own: Any = {**scope, "state": {**scope.get("state", {}), "tx": tx}}
    await app(own, _replay_body(body), captured.send)
    said = own["state"]
    if said.get(RERUN):
        raise _Rerun
    captured.commit_anyway = said.get(COMMIT_ANYWAY, False)
    if key is not None and captured.is_kept:
        await store_reply(tx, key, said.get(REPEAT_GETS) or captured.reply())


async def _refusal(
    tx: Tx, context: Context, scope: HTTPScope, headers: Headers
) -> tuple[int, dict[str, Any]] | None:
    """Return why this key may not do this, or None."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        detail = "send the API key as `Authorization: Bearer …`; see the file api_key in the data "
        return problem(401, "No API key", detail + "folder, or `dialer keys create`")
    if hmac.compare_digest(token.encode(), context.api_key.encode()):
        return None
    scopes = await scopes_of(tx, context.keys.api_key_hash(token))
    if scopes is None:
        return problem(401, "Unknown API key", "this key does not exist or was revoked")
    needed = _needed_scope(scope)
    if needed not in scopes:
        return of_error(Forbidden(f"this key has no scope {needed!r}; it has {', '.join(scopes)}"))
    return None


def _needed_scope(scope: HTTPScope) -> str:
    if scope["path"].startswith(_ADMIN):
        return SCOPES[2]
    return SCOPES[0] if scope["method"] in _READING else SCOPES[1]


async def _say(scope: HTTPScope, status: int, body: dict[str, Any]) -> Captured:
    captured = Captured()
    headers = [(b"content-type", MEDIA_TYPE.encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    content = response(status, body).content
    headers.append((b"content-length", str(len(content)).encode()))
    await captured.send({"type": "http.response.start", "status": status, "headers": headers})
    await captured.send({"type": "http.response.body", "body": content, "more_body": False})
    return captured


def _replayed(replay: Replay) -> list[Message]:
    headers = [
        (b"content-type", replay.content_type.encode()),
        (b"content-length", str(len(replay.body)).encode()),
        (b"idempotent-replayed", b"true"),
    ]
    return [
        {"type": "http.response.start", "status": replay.status, "headers": headers},
        {"type": "http.response.body", "body": replay.body, "more_body": False},
    ]


def _checked_key(key: str) -> str:
    if not 1 <= len(key) <= 255:
        raise InvalidInput("Idempotency-Key: use 1 to 255 characters")
    return key


def _request_hash(scope: HTTPScope, body: bytes) -> bytes:
    """What makes two requests the same; a multipart boundary is random and is left out."""
    content_type = Headers.from_scope(scope).get("content-type", "")
    _, _, boundary = content_type.partition("boundary=")
    if boundary:
        body = body.replace(boundary.strip('"').encode(), b"")
    target = f"{scope['method']} {scope['path']}?{scope['query_string'].decode()}\n"
    return sha256(target.encode() + body).digest()


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body, or None if it is larger than we take."""
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        chunks.append(message["body"])
        size += len(message["body"])
        if size > MAX_BODY_BYTES:
            return None
        if not message.get("more_body"):
            break
    return b"".join(chunks)


def _replay_body(body: bytes) -> Receive:
    sent = False

    async def receive() -> Any:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
