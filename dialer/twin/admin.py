"""``/twin/…``: the witness, the people, the faults and the clock, for tests and for the product's
launcher. Not part of Plivo; no credentials."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable
from contextlib import suppress

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from dialer.twin.callee import convert, normal_phone
from dialer.twin.errors import TwinError
from dialer.twin.exchange import Exchange
from dialer.twin.faults import Fault, ScopedFault
from dialer.twin.owner import Owners
from dialer.twin.recordings import silence
from dialer.twin.talks import Talk


class AdminRoutes:
    def __init__(self, exchange: Exchange, owners: Owners) -> None:
        self._exchange = exchange
        self._owners = owners

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get("/health", self.health),
            web.get("/ledger", self.ledger),
            web.get("/calls", self.calls),
            web.get("/vendors", self.vendors),
            web.get("/callees/{phone}", self.callee),
            web.post("/callees", self.set_callees),
            web.get("/faults", self.faults),
            web.post("/faults", self.arm_fault),
            web.delete("/faults", self.clear_faults),
            web.post("/clock", self.set_clock),
            web.post("/reset", self.reset),
            web.get("/owner", self.owner),
            web.get("/recordings/{name}", self.recording),
            web.get("/talks/{call_uuid}", self.talk),
            web.get("/talks/{call_uuid}/{side:played|heard}.ulaw", self.talk_audio),
        ]

    async def health(self, request: web.Request) -> web.Response:
        exchange = self._exchange
        return web.json_response(
            {
                "ok": True,
                "pid": os.getpid(),
                "auth_id": exchange.config.auth_id,
                "now": exchange.clock.now().isoformat(),
                "offset_us": exchange.clock.offset_us,
                "queued": len(exchange.queued),
                "live": len(exchange.live),
                "finished": len(exchange.finished),
                "owners": self._owners.count,
                "task_failures": exchange.tasks.failures,
            }
        )

    async def ledger(self, request: web.Request) -> web.Response:
        return web.json_response(self._exchange.ledger.report())

    async def calls(self, request: web.Request) -> web.Response:
        """What is queued and up now, with the script of each."""
        exchange = self._exchange
        current = [*exchange.queued.values(), *exchange.live.values()]
        return web.json_response(
            [
                {
                    "call_uuid": call.call_uuid,
                    "request_uuid": call.request_uuid,
                    "to": call.phone,
                    "from_number": call.from_,
                    "state": call.state,
                    "script": call.script.name,
                    "since": (call.started_at or call.accepted_at).isoformat(),
                }
                for call in current
            ]
        )

    async def vendors(self, request: web.Request) -> web.Response:
        """What reached Deepgram, OpenAI and Cartesia: handshakes, kinds of messages, sockets."""
        return web.json_response(self._exchange.vendors.report())

    async def callee(self, request: web.Request) -> web.Response:
        phone = normal_phone(request.match_info["phone"])
        directory = self._exchange.directory
        return web.json_response(
            {
                "phone": phone,
                "scripted": directory.is_scripted(phone),
                "rings": directory.rings_of(phone),
                "script": msgspec.to_builtins(directory.script_of(phone)),
            }
        )

    async def set_callees(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"phones": self._exchange.directory.set_scripts(await _json(request))}
        )

    async def faults(self, request: web.Request) -> web.Response:
        return web.json_response(self._exchange.faults.listing())

    async def arm_fault(self, request: web.Request) -> web.Response:
        """``{"kind": …, "phone": "+91…" or null, "times": n or null, "delay_s", "status",
        "callback"}``."""
        scoped = convert(await _json(request), ScopedFault, where="fault")
        fault = Fault(**{name: getattr(scoped, name) for name in Fault.__struct_fields__})
        phone = normal_phone(scoped.phone) if scoped.phone else None
        self._exchange.faults.arm(fault, phone=phone)
        return web.json_response(self._exchange.faults.listing(), status=201)

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._exchange.faults.clear()
        return web.Response(status=204)

    async def set_clock(self, request: web.Request) -> web.Response:
        """``{"offset_us": n}``: product time minus real time."""
        body = await _json(request)
        offset_us = body.get("offset_us") if isinstance(body, dict) else None
        self._exchange.clock.offset_us = convert(offset_us, int, where="offset_us")
        return web.json_response({"now": self._exchange.clock.now().isoformat()})

    async def reset(self, request: web.Request) -> web.Response:
        """As just started, but for the clock, the population, applications and numbers."""
        await self._exchange.reset()
        return web.Response(status=204)

    async def owner(self, request: web.Request) -> web.StreamResponse:
        """Open for as long as the owner lives: a newline every now and then, which fails when
        the owner is gone."""
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        with self._owners.hold(), suppress(ConnectionError):
            while not self._owners.closing.is_set():
                await response.write(b"\n")
                with suppress(TimeoutError):
                    async with asyncio.timeout(Owners.BEAT_S):
                        await self._owners.closing.wait()
        return response

    async def recording(self, request: web.Request) -> web.Response:
        recording_id = request.match_info["name"].partition(".")[0]
        found = self._exchange.recordings.find(recording_id)
        if found is None:
            raise web.HTTPNotFound
        return web.Response(body=silence(found.duration_ms), content_type="audio/wav")

    async def talk(self, request: web.Request) -> web.Response:
        """Who was heard when, of a call that had a <Stream>; see `talks`."""
        return web.json_response(self._talk(request).report())

    async def talk_audio(self, request: web.Request) -> web.Response:
        """8 kHz mu-law from the stream's first frame: what was played to the callee, or heard of
        it."""
        talk = self._talk(request)
        audio = talk.played if request.match_info["side"] == "played" else talk.heard
        return web.Response(body=bytes(audio), content_type="audio/basic")

    def _talk(self, request: web.Request) -> Talk:
        found = self._exchange.talks.find(request.match_info["call_uuid"])
        if found is None:
            raise web.HTTPNotFound
        return found


@web.middleware
async def plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A wrong admin request is 400 with one line."""
    try:
        return await handler(request)
    except TwinError as error:
        return web.json_response({"error": str(error)}, status=400)


async def _json(request: web.Request) -> object:
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise TwinError(f"the body is not JSON: {error}") from error
