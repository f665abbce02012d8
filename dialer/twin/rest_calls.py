"""REST of calls: make, list, read, hang up, cancel, transfer, and acts on a live call."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Iterable

from aiohttp import web

from dialer.twin.callee import normal_phone
from dialer.twin.calls import Call, CallState, Page
from dialer.twin.causes import CANCELLED, LOOP, NORMAL, OVER_CAP, REJECTED
from dialer.twin.cdr import cdr, cdr_filter, fits_numbers, live_object
from dialer.twin.errors import Refused
from dialer.twin.exchange import Exchange
from dialer.twin.faults import PLACING_FAULTS, REFUSING_FAULTS, Fault, FaultKind
from dialer.twin.make_call import Body, page, parse_make_call, text
from dialer.twin.rest import NOT_FOUND, empty, json_body, page_of, reply, reply_object

MAX_TRANSFERS = 70  # beyond it: Loop detected (plivo.md §1.2)


class CallRoutes:
    """``/Call/`` and ``/Request/``. A ``callback_url`` for an asynchronous reply is ignored."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.post("/{auth_id}/Call/", self.make),
            web.get("/{auth_id}/Call/", self.listing),
            web.delete("/{auth_id}/Call/", self.hang_up_all),
            web.get("/{auth_id}/Call/{call_uuid}/", self.get),
            web.post("/{auth_id}/Call/{call_uuid}/", self.transfer),
            web.delete("/{auth_id}/Call/{call_uuid}/", self.hang_up),
            web.delete("/{auth_id}/Request/{request_uuid}/", self.cancel),
        ]

    async def make(self, request: web.Request) -> web.StreamResponse:
        body = await json_body(request)
        phone = ""
        try:
            phone = normal_phone(text(body, "to").split("<")[0])
            return await self._place(request, body, phone)
        except Refused as refused:
            self._note_refusal(body, phone, refused.status, refused.error)
            raise

    async def _place(self, request: web.Request, body: Body, phone: str) -> web.Response:
        exchange = self._exchange
        wanted = parse_make_call(body, exchange.config.numbers)
        fault = exchange.faults.take_any(PLACING_FAULTS, phone)
        if fault is not None and fault.kind in REFUSING_FAULTS:
            return self._fail(request, body, fault, phone)
        exchange.check_capacity(len(wanted.to))
        calls, fired = exchange.accept(wanted)
        if fault is not None:
            exchange.ledger.write("reply_fault", kind=fault.kind, to=phone)
            return await self._reply_wrongly(request, fault, calls, fired)
        return _accepted(calls, fired)

    def _note_refusal(self, body: Body, phone: str, status: int, reason: str) -> None:
        self._exchange.ledger.write(
            "refused",
            to=phone,
            status=status,
            reason=reason,
            answer_url=str(body.get("answer_url", "")),
        )

    async def listing(self, request: web.Request) -> web.StreamResponse:
        exchange, query = self._exchange, request.query
        phone = normal_phone(query.get("to_number", ""))
        fault = exchange.faults.take(FaultKind.LIST_ERROR, phone)
        if fault is not None:
            raise Refused(fault.status, "internal server error")
        status = query.get("status", "")
        if status in ("live", "queued"):
            calls = exchange.live if status == "live" else exchange.queued
            fitting = [uuid for uuid, call in calls.items() if fits_numbers(call, query)]
            uuids, _ = page_of(request, fitting)
            return reply(calls=list(uuids))
        if status:
            raise Refused(400, "status parameter is invalid")
        fits = cdr_filter(query, exchange.clock.now())
        numbers = query.get("to_number", "")
        only = phone if numbers and "<" not in numbers else None
        found = [call for call in exchange.readable(only) if fits(call)]
        shown, meta = page_of(request, found, cursor_paging=exchange.config.cursor_paging)
        return reply(meta=meta, objects=[self._cdr(call) for call in shown])

    async def get(self, request: web.Request) -> web.StreamResponse:
        exchange, uuid = self._exchange, request.match_info["call_uuid"]
        status = request.query.get("status", "")
        if status in ("live", "queued"):
            calls = exchange.live if status == "live" else exchange.queued
            if uuid not in calls:
                raise Refused(404, NOT_FOUND)
            return reply_object(live_object(calls[uuid]))
        found = exchange.readable_call(uuid)
        if found is None:
            raise Refused(404, NOT_FOUND)
        return reply_object(self._cdr(found))

    async def hang_up(self, request: web.Request) -> web.StreamResponse:
        call = self._current(request)
        if self._exchange.faults.take(FaultKind.HANG_UP_RACES, call.phone):
            self._exchange.end(call, NORMAL if call.is_answered else REJECTED)
        if not self._exchange.hang_up(call):
            raise Refused(404, NOT_FOUND)
        return empty()

    async def hang_up_all(self, request: web.Request) -> web.StreamResponse:
        self._exchange.hang_up_all()
        return empty()

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Only while nobody has answered."""
        uuid = request.match_info["request_uuid"]
        waiting = [*self._exchange.queued.values(), *self._exchange.live.values()]
        for call in waiting:
            is_ours = call.request_uuid == uuid and call.request is not None
            if is_ours and not call.is_answered and self._exchange.end(call, CANCELLED):
                return empty()
        raise Refused(404, NOT_FOUND)

    async def transfer(self, request: web.Request) -> web.StreamResponse:
        """Moves the A-leg (a bridged B-leg then ends), the bridged B-leg, or both. Inside a
        keepCallAlive stream the new document is fetched when the stream yields."""
        call = self._current(request)
        moves = _moves(call, await json_body(request))
        if call.state is not CallState.IN_PROGRESS:
            raise Refused(404, NOT_FOUND)
        for leg, target in moves:  # the B-leg first: it must be gone when its <Dial> ends
            leg.transfers += 1
            if leg.transfers > MAX_TRANSFERS:
                self._exchange.end(leg, LOOP)
            leg.moved_to = target
            if not leg.streaming:
                leg.moved.set()
            self._exchange.ledger.write("transfer", call_uuid=leg.call_uuid, url=target.url)
        uuids = [leg.call_uuid for leg, _ in moves]
        return reply(202, message="call transfered", call_uuids=uuids)

    def _current(self, request: web.Request) -> Call:
        """The queued or live call of the path, whose end has not begun."""
        uuid = request.match_info["call_uuid"]
        call = self._exchange.queued.get(uuid) or self._exchange.live.get(uuid)
        if call is None or call.end is not None:
            raise Refused(404, NOT_FOUND)
        return call

    def _cdr(self, call: Call) -> dict[str, object]:
        exchange = self._exchange
        return cdr(call, exchange.clock, exchange.wording, exchange.config.auth_id)

    def _fail(self, request: web.Request, body: Body, fault: Fault, phone: str) -> web.Response:
        """Faults that place nothing."""
        if fault.kind is FaultKind.RATE_LIMITED:
            raise Refused(429, "Too many requests, slow down")
        if fault.kind is FaultKind.OVER_CAP:
            raise Refused(self._exchange.config.concurrency_status, OVER_CAP.name)
        status = fault.status
        if fault.kind is FaultKind.REDIRECT_REPLY and not 300 <= status < 400:
            status = 302
        self._note_refusal(body, phone, status, fault.kind)
        if fault.kind is FaultKind.UNAUTHORISED:
            return web.Response(status=401, text="Unauthorized")
        if fault.kind is FaultKind.RESET_BEFORE_PLACING:
            return _reset(request)
        response = reply(status, error="internal server error")
        if fault.kind is FaultKind.REDIRECT_REPLY:
            response.headers["Location"] = str(request.url)
        return response

    async def _reply_wrongly(
        self, request: web.Request, fault: Fault, calls: list[Call], fired: bool
    ) -> web.Response:
        """Faults whose calls are placed all the same."""
        await asyncio.sleep(fault.delay_s)
        if fault.kind is FaultKind.RESET_AFTER_PLACING:
            return _reset(request)
        if fault.kind is FaultKind.NO_REQUEST_UUID:
            return reply(201, message="call fired")
        elif fault.kind is FaultKind.UUID_ARRAY:
            return reply(201, message="call fired", request_uuid=[c.request_uuid for c in calls])
        elif fault.kind is FaultKind.ERROR_AFTER_PLACING:
            return reply(fault.status, error="internal server error")
        return _accepted(calls, fired)


def _accepted(calls: list[Call], fired: bool) -> web.Response:
    uuids = [call.request_uuid for call in calls]
    if len(uuids) > 1:
        return reply(201, message="calls fired", request_uuid=uuids)
    return reply(201, message="call fired" if fired else "call queued", request_uuid=uuids[0])


def _moves(call: Call, body: Body) -> list[tuple[Call, Page]]:
    """Which legs go where: ``legs`` is aleg (the default), bleg or both."""
    legs = text(body, "legs") or "aleg"
    if legs not in ("aleg", "bleg", "both"):
        raise Refused(400, "legs parameter is invalid")
    moves: list[tuple[Call, Page]] = []
    if legs != "aleg":
        if call.bridged is None:
            raise Refused(400, "legs parameter is invalid. The call has no B-leg")
        moves.append((call.bridged, _page_of_leg(body, "bleg")))
    if legs != "bleg":
        moves.append((call, _page_of_leg(body, "aleg")))
    return moves


def _page_of_leg(body: Body, leg: str) -> Page:
    target = page(body, f"{leg}_url", f"{leg}_method")
    if target is None:
        raise Refused(400, f"{leg}_url parameter is missing")
    return target


def _reset(request: web.Request) -> web.Response:
    """Drop the connection with RST; the response is never sent."""
    transport = request.transport
    if transport is not None:
        # A duplicate, as not every event loop lets its own socket be set.
        with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()
