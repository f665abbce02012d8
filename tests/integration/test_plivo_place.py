"""Make-Call against carriers that misbehave on the wire: always one POST, never an exception."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import uvloop

from dialer.providers.plivo import PlivoCarrier
from dialer.providers.protocols import (
    Accepted,
    Ambiguous,
    CallRequest,
    Carrier,
    RefusalReason,
    Refused,
)

AUTH_ID, TOKEN = "MA" + "X" * 18, "secret"
REQUEST = CallRequest(
    to="+919876543210",
    from_="+911601200001",
    answer_url="https://h/answer",
    ring_url="https://h/ring",
    hangup_url="https://h/hangup",
    fallback_url="https://h/fallback",
    ring_timeout_s=30,
    time_limit_s=300,
)
Behave = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Wire:
    """A TCP server that reads whole HTTP requests and does to each what its turn says."""

    behaviours: list[Behave]
    requests: list[tuple[str, bytes]] = field(default_factory=list)  # head, body
    connections: int = 0
    api_url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lengths = [
                    line.split(":")[1]
                    for line in head.splitlines()
                    if "content-length" in line.lower()
                ]
                self.requests.append((head, await reader.readexactly(int(lengths[0]))))
                turn = min(len(self.requests), len(self.behaviours)) - 1
                await self.behaviours[turn](writer)
                if writer.is_closing():
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away, which is what most of these tests provoke
        finally:
            writer.close()


@asynccontextmanager
async def carrier_that(
    *behaviours: Behave, total_s: float = 5.0
) -> AsyncIterator[tuple[PlivoCarrier, Wire]]:
    wire = Wire(list(behaviours))
    # asyncio keeps 100 that wait to be taken; one more has to try again a second later.
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0, backlog=1024)
    async with server:
        wire.api_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with PlivoCarrier(AUTH_ID, TOKEN, wire.api_url, total_s=total_s) as carrier:
            yield carrier, wire


def says(raw: bytes) -> Behave:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return behave


def replies(status: int, content: bytes = b"{}", headers: str = "") -> Behave:
    return says(
        f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{headers}\r\n".encode() + content
    )


def accepts(uuid: str) -> Behave:
    return replies(201, json.dumps({"message": "call fired", "request_uuid": uuid}).encode())


def then_closes(before: Behave) -> Behave:
    async def behave(writer: asyncio.StreamWriter) -> None:
        await before(writer)
        writer.close()

    return behave


async def closes(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def resets(writer: asyncio.StreamWriter) -> None:
    plain: socket.socket = writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def stays_silent(writer: asyncio.StreamWriter) -> None:
    await writer.drain()


async def test_an_accepted_call_is_one_post_as_plivo_wants_it() -> None:
    async with carrier_that(accepts("r-1")) as (plivo, wire):
        carrier: Carrier = plivo
        assert await carrier.place(REQUEST) == Accepted("r-1")
    [(head, content)] = wire.requests
    assert head.startswith(f"POST /v1/Account/{AUTH_ID}/Call/ HTTP/1.1\r\n")
    assert "content-type: application/json" in head.lower()
    assert f"Basic {b64encode(f'{AUTH_ID}:{TOKEN}'.encode()).decode()}" in head
    assert json.loads(content)["to"] == REQUEST.to


# §1.5 and §7 no. 7: the SDK would post three times here.
@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_5xx_is_ambiguous_and_posted_once(status: int) -> None:
    async with carrier_that(replies(status)) as (carrier, wire):
        assert isinstance(await carrier.place(REQUEST), Ambiguous)
    assert len(wire.requests) == 1


BROKEN: dict[str, Behave] = {
    "closed after reading": closes,
    "reset after reading": resets,
    "no reply": stays_silent,
    "head only, then silence": says(b"HTTP/1.1 201 Created\r\n"),
    "truncated acceptance": then_closes(
        says(b'HTTP/1.1 201 X\r\nContent-Length: 99\r\n\r\n{"request_uuid": "r-1"}')
    ),
    "truncated refusal": then_closes(
        says(b'HTTP/1.1 400 X\r\nContent-Length: 99\r\n\r\n{"error": "to parameter is invalid"}')
    ),
    "truncated chunks": then_closes(
        says(b"HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}   \r\n")
    ),
    "body that never ends": says(b"HTTP/1.1 400 X\r\nContent-Length: 99\r\n\r\n{"),
    "two lengths": replies(400, b"{}", "Content-Length: 9\r\n"),
    "only a promise": says(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "another protocol": says(b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"),
    "wrong compression": replies(400, b"not gzip", "Content-Encoding: gzip\r\n"),
    "not HTTP": then_closes(says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")),
    "endless head": then_closes(says(b"HTTP/1.1 400 X\r\nA: " + b"a" * 100_000 + b"\r\n\r\n")),
    "redirect": replies(307, b"", "Location: /v1/elsewhere/\r\n"),
    "moved": replies(301, b"", "Location: /v1/elsewhere/\r\n"),
    "time-out of its own": replies(408),
}


@pytest.mark.parametrize("behaviour", BROKEN.values(), ids=BROKEN.keys())
async def test_a_lost_reply_is_ambiguous_and_never_asked_again(behaviour: Behave) -> None:
    async with carrier_that(behaviour, total_s=0.3) as (carrier, wire):
        assert isinstance(await carrier.place(REQUEST), Ambiguous)
    assert len(wire.requests) == 1


# HTTP clients send a request again when a kept-alive connection turns out dead; this one must not.
@pytest.mark.parametrize("broken", [closes, resets], ids=["closed", "reset"])
async def test_a_dropped_keep_alive_connection_does_not_repeat_the_post(broken: Behave) -> None:
    async with carrier_that(accepts("r-1"), broken, accepts("r-3")) as (carrier, wire):
        assert await carrier.place(REQUEST) == Accepted("r-1")
        assert isinstance(await carrier.place(REQUEST), Ambiguous)
        assert (len(wire.requests), wire.connections) == (2, 1)  # on one connection
        assert await carrier.place(REQUEST) == Accepted("r-3")
    assert len(wire.requests) == 3


async def test_a_refused_connection_is_ambiguous_like_any_other_silence() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        async with PlivoCarrier(AUTH_ID, TOKEN, url) as carrier:
            assert isinstance(await carrier.place(REQUEST), Ambiguous)


async def test_a_complete_refusal_is_definite() -> None:
    async with carrier_that(
        replies(401, b"Could not verify your access level"),
        replies(403, b'{"error": "Concurrency Limit Breached"}'),
        replies(429, b"", "Retry-After: 5\r\n"),
    ) as (carrier, _):
        results = [await carrier.place(REQUEST) for _ in range(3)]
    assert results == [
        Refused(RefusalReason.CREDENTIALS, 401, "Could not verify your access level"),
        Refused(RefusalReason.CONCURRENCY, 403, "Concurrency Limit Breached"),
        Refused(RefusalReason.RATE_LIMITED, 429, "status 429", 5.0),
    ]


async def test_many_calls_at_once_are_each_posted_once() -> None:
    async with carrier_that(accepts("r")) as (carrier, wire):
        results = await asyncio.gather(*(carrier.place(REQUEST) for _ in range(150)))
    assert results == [Accepted("r")] * 150
    assert len(wire.requests) == 150


WHOLE: dict[str, Behave] = {
    "in chunks": says(
        b"HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'8\r\n{"reques\r\nc\r\nt_uuid":"r"}\r\n0\r\n\r\n'
    ),
    "until the end": then_closes(says(b'HTTP/1.1 201 X\r\n\r\n{"request_uuid":"r"}')),
    "after a promise": says(
        b"HTTP/1.1 100 Continue\r\nContent-Encoding: none\r\n\r\nHTTP/1.1 201 X\r\n"
        b'Content-Length: 20\r\n\r\n{"request_uuid":"r"}'
    ),
    "with another after it": says(
        b'HTTP/1.1 201 X\r\nContent-Length: 20\r\n\r\n{"request_uuid":"r"}'
        b"HTTP/1.1 400 X\r\nContent-Length: 2\r\n\r\n{}"
    ),
}


@pytest.mark.parametrize("behaviour", WHOLE.values(), ids=WHOLE.keys())
async def test_a_whole_reply_is_read_however_it_is_written(behaviour: Behave) -> None:
    async with carrier_that(behaviour, accepts("r-2"), total_s=0.5) as (carrier, wire):
        assert await carrier.place(REQUEST) == Accepted("r")
        assert await carrier.place(REQUEST) == Accepted("r-2")
    assert len(wire.requests) == 2


async def test_what_comes_late_is_not_the_next_calls_reply() -> None:
    async def late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.25)
        await accepts("late")(writer)

    async with carrier_that(late, accepts("r-2"), total_s=0.2) as (carrier, wire):
        assert isinstance(await carrier.place(REQUEST), Ambiguous)
        await asyncio.sleep(0.1)
        assert await carrier.place(REQUEST) == Accepted("r-2")
    assert wire.connections == 2


async def test_nothing_is_sent_for_a_turn_that_does_not_come() -> None:
    async def never() -> bool:
        return False

    async with carrier_that(accepts("r-1")) as (carrier, wire):
        assert await carrier.place(REQUEST, never) is None
        assert wire.requests == []
        assert await carrier.place(REQUEST) == Accepted("r-1")
    assert wire.connections == 1  # what stood ready was kept


async def test_a_turn_that_fails_or_is_given_up_leaves_its_connection_to_the_next() -> None:
    async def fails() -> bool:
        raise LookupError

    async with carrier_that(accepts("r-1")) as (carrier, wire):
        with pytest.raises(LookupError):
            await carrier.place(REQUEST, fails)
        waiting = asyncio.create_task(carrier.place(REQUEST, asyncio.Event().wait))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await carrier.place(REQUEST) == Accepted("r-1")
    assert (len(wire.requests), wire.connections) == (1, 1)


async def test_a_connection_lost_while_it_waits_is_made_anew_and_the_turn_asked_again() -> None:
    turns: list[int] = []

    async def wait() -> bool:
        turns.append(wire.connections)
        if len(turns) == 1:
            server_side.pop().abort()
            await asyncio.sleep(0.05)
        return True

    async def keep(writer: asyncio.StreamWriter) -> None:
        server_side.append(writer.transport)
        await accepts("r-1")(writer)

    server_side: list[asyncio.WriteTransport] = []
    async with carrier_that(keep, accepts("r-2")) as (carrier, wire):
        assert await carrier.place(REQUEST) == Accepted("r-1")
        assert await carrier.place(REQUEST, wait) == Accepted("r-2")
    assert turns == [1, 2] and len(wire.requests) == 2


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_request_is_on_the_wire_before_anything_else_runs(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """The far end is a thread: it sees the whole request while our loop is blocked."""
    far_end = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{far_end.getsockname()[1]}/v1"

    def read() -> bytes:
        connection, _ = far_end.accept()
        with connection:
            connection.settimeout(5)
            asked = b""
            while not asked.endswith(b"}"):
                asked += connection.recv(65536)
            return asked

    async def place() -> bytes:
        async with PlivoCarrier(AUTH_ID, TOKEN, url, total_s=0.1) as carrier:

            async def block() -> bool:
                # Runs right after the one that may go now, as any other work might.
                asyncio.get_running_loop().call_soon(lambda: seen.append(asked.result(5)))
                return True

            assert isinstance(await carrier.place(REQUEST, block), Ambiguous)
            return seen[0]

    seen: list[bytes] = []
    with far_end, ThreadPoolExecutor(1) as threads:
        asked = threads.submit(read)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            sent = runner.run(place())
    assert sent.startswith(b"POST /v1/Account/") and sent.endswith(b"}")


async def test_a_carrier_that_was_not_opened_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await PlivoCarrier(AUTH_ID, TOKEN, "http://127.0.0.1:1/v1").place(REQUEST)
