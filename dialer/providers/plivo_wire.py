"""Connections on which a Make-Call leaves the moment it is decided.

Between the last look at the clock and the first byte on the wire nothing may wait: a connection
is opened before, and the whole request is handed to the socket in one call. A general HTTP client
opens what it lacks and lets other work run before its body leaves, and it may send again; this
one cannot: a request is a string of bytes, written once.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools

from dialer.providers.tls import tls_context

# A short keep-alive makes it rare that the far end closes a connection at the moment we use it,
# which would be an ambiguous call.
KEEP_ALIVE_S = 5.0
_LONGEST_REPLY = 64 * 1024  # bytes; a true one has some hundred


class NoReply(Exception):
    """No complete reply came, or none that can be read."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass(slots=True)
class Reading:
    """One reply as far as it came; the parser calls the ``on_`` methods."""

    parser: httptools.HttpResponseParser = field(init=False)
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    size: int = 0
    is_complete: bool = False
    may_stay: bool = False  # the connection, for another request

    def __post_init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)

    def take(self, data: bytes) -> None:
        """Raises `NoReply` for what is not HTTP, or no reply to one request."""
        self.size += len(data)
        if self.size > _LONGEST_REPLY:
            raise NoReply("a reply that does not end")
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise NoReply("not HTTP") from error

    def on_message_begin(self) -> None:
        if self.is_complete:
            self.may_stay = False  # more came than was asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.is_complete:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if not self.is_complete:
            self.status = self.parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        if not self.is_complete:
            self.body += data

    def on_message_complete(self) -> None:
        if self.is_complete:
            return
        if self.status >= 200:
            self.is_complete, self.may_stay = True, self.parser.should_keep_alive()
        else:
            self.headers.clear()  # of a 1xx; the reply is still to come

    @property
    def ends_with_connection(self) -> bool:
        """True for a reply without a length, which only the end of its connection completes."""
        is_chunked = "transfer-encoding" in self.headers
        return self.status >= 200 and not is_chunked and "content-length" not in self.headers

    def reply(self) -> HttpReply:
        if self.headers.get("content-encoding", "identity") != "identity":
            raise NoReply("an encoding that nobody asked for")
        return HttpReply(self.status, self.headers, bytes(self.body))


class Connection(asyncio.Protocol):
    """One connection; carries one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._reading: Reading | None = None
        self._awaited: asyncio.Future[HttpReply] | None = None
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    @property
    def is_waiting(self) -> bool:
        """True from the request to the end of its reply."""
        return self._awaited is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        # uvloop keeps what is below its limit until all else that is ready has run.
        self.transport.set_write_buffer_limits(high=0)

    def send(self, request: bytes) -> asyncio.Future[HttpReply]:
        """Write the request, now; the result comes with its reply, or is `NoReply`."""
        assert self.transport is not None and self._awaited is None
        self._reading = Reading()
        self._awaited = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._awaited

    def data_received(self, data: bytes) -> None:
        if self._reading is None:
            self.close()  # nobody asked for anything
            return
        try:
            self._reading.take(data)
            if self._reading.is_complete:
                if not self._reading.may_stay:
                    self.close()
                self._answer(self._reading.reply())
        except NoReply as error:
            self._fail(error)

    def connection_lost(self, error: Exception | None) -> None:
        self.close()
        if self._reading is None:
            return
        if error is None and self._reading.ends_with_connection:
            try:
                self._answer(self._reading.reply())
            except NoReply as unreadable:
                self._fail(unreadable)
        else:
            self._fail(NoReply("the connection ended"))

    def rest(self, for_s: float) -> None:
        """Stay open for the next request, for a while."""
        self._expiry = asyncio.get_running_loop().call_later(for_s, self.close)

    def wake(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def close(self) -> None:
        self.wake()
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Drop it without a word."""
        self.wake()
        if self.transport is not None:
            self.transport.abort()

    def _answer(self, reply: HttpReply) -> None:
        awaited, self._awaited, self._reading = self._awaited, None, None
        if awaited is not None and not awaited.done():
            awaited.set_result(reply)

    def _fail(self, error: NoReply) -> None:
        awaited, self._awaited, self._reading = self._awaited, None, None
        self.abort()
        if awaited is not None and not awaited.done():
            awaited.set_exception(error)


class Wire:
    """The connections to one path of one server.

    As many as there are requests at once: whoever decided to send does not queue here, where
    what it decided would grow old.
    """

    def __init__(self, url: str, authorization: str, *, connect_s: float) -> None:
        parts = urlsplit(url)
        if parts.hostname is None or parts.scheme not in ("http", "https"):
            raise ValueError(f"not an address of a web server: {url}")
        self._is_tls = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._is_tls else 80)
        self._connect_s = connect_s
        self._idle: list[Connection] = []
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\n"
            f"Host: {parts.netloc.rpartition('@')[2]}\r\n"
            f"Authorization: {authorization}\r\n"
            "Accept: application/json\r\n"
            "Accept-Encoding: identity\r\n"
            "Content-Type: application/json\r\n"
            "Content-Length: "
        ).encode()

    def request(self, body: bytes) -> bytes:
        return b"%b%d\r\n\r\n%b" % (self._head, len(body), body)

    async def connection(self) -> Connection:
        """Return an open connection that is the caller's until it gives it back; `OSError` or
        `TimeoutError` if the server cannot be reached."""
        while self._idle:
            found = self._idle.pop()
            if found.is_open:
                found.wake()
                return found
        async with asyncio.timeout(self._connect_s):
            _, made = await asyncio.get_running_loop().create_connection(
                Connection, self._host, self._port, ssl=tls_context() if self._is_tls else None
            )
        return made

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose reply is read, or that carried nothing, for the next one. On any
        other a reply may still come, which must not be another request's."""
        if connection.is_waiting:
            connection.abort()
        elif connection.is_open:
            connection.rest(KEEP_ALIVE_S)
            self._idle.append(connection)

    def close(self) -> None:
        while self._idle:
            with suppress(OSError):
                self._idle.pop().close()
