"""Plivo as our carrier: the one POST that rings a phone; the rest is in `plivo_rest`.

The SDK re-sends a Make-Call after a 5xx, up to three POSTs for one call (plivo.md §1.5, §7 no.
7), so this request alone bypasses it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import msgspec

from dialer.providers.plivo_refusals import refusal
from dialer.providers.plivo_rest import PlivoRest
from dialer.providers.plivo_values import tuned
from dialer.providers.plivo_wire import NoReply, Wire
from dialer.providers.protocols import (
    Accepted,
    Ambiguous,
    CallRequest,
    PlaceResult,
    Turns,
    at_once,
)

# §1.1: 201 is the documented one, clients in the wild see all three.
ACCEPTING = (200, 201, 202)


class PlivoCarrier(PlivoRest):
    """A `Carrier`. Open it (``async with``) on the event loop that will place the calls."""

    def __init__(
        self,
        auth_id: str,
        auth_token: str,
        api_url: str,
        *,
        connect_s: float = 2.0,
        total_s: float = 8.0,
        turns: Turns | None = None,
    ) -> None:
        super().__init__(auth_id, auth_token, api_url, turns=turns)
        self._connect_s, self._total_s = connect_s, total_s
        self._wire: Wire | None = None

    async def __aenter__(self) -> Self:
        self._wire = Wire(
            f"{self.api_url}/Account/{self.auth_id}/Call/",
            self.authorization,
            connect_s=self._connect_s,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def place(
        self, request: CallRequest, may_go: Callable[[], Awaitable[bool]] = at_once
    ) -> PlaceResult | None:
        """Post Make-Call exactly once and say what is known afterwards.

        It waits for no turn here: its own was taken before its slot, where waiting is harmless.

        A refused connection or a failed name look-up is `Ambiguous` too, although no byte can
        have left: recovery proves the absence like any other, and one rule has no holes.
        """
        if self._wire is None:
            raise RuntimeError("PlivoCarrier is not open: use it with `async with`")
        posted = self._wire.request(msgspec.json.encode(call_fields(request)))
        connection = None
        try:
            connection = await self._wire.connection()
            while await may_go():
                if connection.is_open:
                    async with asyncio.timeout(self._total_s):
                        reply = await connection.send(posted)
                    return read_reply(reply.status, reply.body, reply.headers.get("retry-after"))
                connection = await self._wire.connection()
            return None
        except (NoReply, TimeoutError, OSError) as error:
            return Ambiguous(f"no complete reply: {type(error).__name__}")
        finally:
            if connection is not None:
                self._wire.give_back(connection)


def call_fields(request: CallRequest) -> dict[str, str | int]:
    """Return the JSON body of Make-Call (plivo.md §1.1)."""
    fields: dict[str, str | int] = {
        "from": request.from_,
        "to": request.to,
        "ring_timeout": request.ring_timeout_s,
        "time_limit": request.time_limit_s,
    }
    urls = {
        "answer": request.answer_url,
        "ring": request.ring_url,
        # Without one the hangup would be posted to answer_url (§7 no. 1).
        "hangup": request.hangup_url,
        "fallback": request.fallback_url,
    }
    if request.machine_detection == "async" and request.machine_url:
        # A machine_detection_url is what makes detection asynchronous.
        fields["machine_detection"] = "true"
        urls["machine_detection"] = request.machine_url
    elif request.machine_detection in ("sync", "hangup"):
        is_ended = request.machine_detection == "hangup"
        fields["machine_detection"] = "hangup" if is_ended else "true"
    for name, url in urls.items():
        fields[f"{name}_url"], fields[f"{name}_method"] = tuned(url), "POST"
    return fields


def read_reply(status: int, body: bytes, retry_after: str | None = None) -> PlaceResult:
    """Judge one complete reply to Make-Call. Only a 4xx other than 408 proves that nothing rang."""
    if 400 <= status < 500 and status != 408:
        return refusal(status, body, retry_after)
    if status not in ACCEPTING:
        return Ambiguous(f"status {status}", status)
    request_uuid = _request_uuid(body)
    if request_uuid is None:
        return Ambiguous(f"status {status} without a request_uuid", status)
    return Accepted(request_uuid)


def _request_uuid(body: bytes) -> str | None:
    try:
        reply: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    found = reply.get("request_uuid") if isinstance(reply, dict) else None
    if isinstance(found, list) and len(found) == 1:
        found = found[0]  # the shape of bulk calls, one id per destination
    return found if isinstance(found, str) and found.strip() else None
