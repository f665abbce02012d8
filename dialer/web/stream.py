"""The carrier's WebSocket: prove who calls, wait for its ``start``, hand the line to a talk.

A forged upgrade gets 403 before any query. Whatever happens then ends the same way: the talk is
over, the socket closed, and one line in the log counts what was wrong with its messages.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from pathlib import Path
from typing import Any
from uuid import UUID

from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromPath

from dialer.dialing.stream_start import is_of_live_call
from dialer.errors import ProviderError
from dialer.providers.plivo_signature import is_upgrade_signed
from dialer.web.context import MARKER, Context
from dialer.web.live_streams import Stream, StreamStart, Talk
from dialer.web.socket_line import ABORT, SocketLine

log = logging.getLogger(__name__)

_FORBIDDEN, _UNAVAILABLE = 403, 503
_LOOK_EVERY_S = 0.5
_READ_WITHIN_S = 0.1

Socket = WebSocket[Any, Any, Any]


@websocket("/plivo/{attempt:str}/{mac:str}/stream")
async def on_stream(
    socket: Socket, state: State, attempt: FromPath[str], mac: FromPath[str]
) -> None:
    """One stream of one attempt."""
    context: Context = state.context
    attempt_id = _uuid(attempt)
    if (
        context.talk is None
        or attempt_id is None
        or not context.keys.is_mac_of(attempt_id, mac)
        or not is_upgrade_signed(
            _public_url(context, socket), socket.headers, context.carrier_token
        )
    ):
        await _refuse(socket, _FORBIDDEN)
        return
    # The carrier tries twice more: another process may be there. Where none is, the redirect
    # behind the stream has the callee hear an apology, and they are called again.
    if context.streams.is_closed or context.is_overloaded():
        await _refuse(socket, _UNAVAILABLE)
        return
    await socket.accept()
    await _serve(context, context.talk, socket, attempt_id)


def _public_url(context: Context, socket: Socket) -> str:
    """Return what the carrier was given, whatever proxy stands before us."""
    path: bytes = socket.scope.get("raw_path") or socket.scope["path"].encode()
    query: bytes = socket.scope.get("query_string") or b""
    target = path.partition(b"?")[0] + (b"?" + query if query else b"")
    return context.urls.public_url + target.decode("ascii", "replace")


async def _refuse(socket: Socket, status: int) -> None:
    start: Any = {
        "type": "websocket.http.response.start",
        "status": status,
        "headers": [(MARKER[0].encode(), MARKER[1].encode())],
    }
    body: Any = {"type": "websocket.http.response.body", "body": b"", "more_body": False}
    await socket.send(start)
    await socket.send(body)


async def _serve(context: Context, talk: Talk, socket: Socket, attempt_id: UUID) -> None:
    extensions: Any = socket.scope.get("extensions") or {}
    line = SocketLine(
        socket.receive,
        socket.send,
        abort=extensions.get(ABORT, _cannot_abort),
        limits=context.streams.limits,
        gone=(OSError, WebSocketDisconnect),  # uvicorn's own word for it is an OSError
    )
    try:
        start = await _proven_start(context, line, attempt_id)
        if start is not None:
            async with context.streams.serving(attempt_id, line) as stream:
                await _talk(context, stream, start, talk)
    except Exception as error:  # a defect of ours ends this call, and is told once
        log.error("stream_failed", extra={"attempt_id": attempt_id, "errors": _causes(error)})
    finally:
        await line.close()
        log.info("stream_ended", extra={"attempt_id": attempt_id, **line.counts})
        if line.bad:
            counts = dict(line.bad)
            log.warning("stream_messages_bad", extra={"attempt_id": attempt_id, "counts": counts})


async def _proven_start(context: Context, line: SocketLine, attempt_id: UUID) -> StreamStart | None:
    started = await line.started()
    if started is None:
        return None
    call_uuid = started.call_id
    if not await context.db.run(lambda tx: is_of_live_call(tx, attempt_id, call_uuid)):
        log.warning("stream_of_no_live_call", extra={"attempt_id": attempt_id})
        return None
    return StreamStart(attempt_id, call_uuid, started.stream_id)


async def _talk(context: Context, stream: Stream, start: StreamStart, talk: Talk) -> None:
    """Run the talk; it is over when this returns, whichever side ended."""
    if not stream.line.is_open:  # a still newer stream was faster
        return
    async with asyncio.TaskGroup() as tasks:
        stream.talking = tasks.create_task(_run(talk, start, stream.line))
        watching = tasks.create_task(_watch(context, stream, start))
        stream.talking.add_done_callback(lambda _: watching.cancel())


async def _run(talk: Talk, start: StreamStart, line: SocketLine) -> None:
    await talk(start, line)


async def _watch(context: Context, stream: Stream, start: StreamStart) -> None:
    """Close a line on which nothing comes any more; end a talk that outlives its line."""
    limits, line = context.streams.limits, stream.line
    while True:
        await asyncio.sleep(min(_LOOK_EVERY_S, limits.idle_s, limits.leave_s))
        if line.idle_s > limits.idle_s:  # unless it was us who did not read for so long
            await asyncio.sleep(_READ_WITHIN_S)
        if line.is_open and line.idle_s > limits.idle_s:
            line.bad["carrier_silent"] += 1
            context.background.spawn(_end_stream(context, start))
            await line.close()
        if line.ended_s_ago > limits.leave_s and stream.talking is not None:
            line.bad["talk_outlived_line"] += 1
            stream.talking.cancel()
            return


async def _end_stream(context: Context, start: StreamStart) -> None:
    """Whoever does not send may not read our closing either: have the call go on without the
    stream, where it apologises."""
    try:
        await context.carrier.end_streams(start.call_uuid)
    except ProviderError as error:
        extra = {"attempt_id": start.attempt_id, "detail": str(error)}
        log.warning("silent_stream_not_ended", extra=extra)


def _causes(error: BaseException) -> list[str]:
    """Name each error and where it arose; its message may hold what was said."""
    if isinstance(error, BaseExceptionGroup):
        return [cause for inner in error.exceptions for cause in _causes(inner)]
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return [f"{type(error).__name__}{where}"]


def _cannot_abort() -> None:
    """A server other than ours: its own timeouts must do."""


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


ROUTES = [on_stream]
