"""REST that acts on a call in progress: play, speak, send digits, record."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from dialer.twin.calls import Call, CallState
from dialer.twin.errors import Refused
from dialer.twin.exchange import Exchange
from dialer.twin.leg import wait_over
from dialer.twin.make_call import Body, invalid, number, page, text
from dialer.twin.record import report_recording
from dialer.twin.recordings import Recording
from dialer.twin.rest import NOT_FOUND, empty, json_body, reply


class LiveRoutes:
    """Starts answer 202 (no source says otherwise). Nothing is heard: there is no sound yet."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> Iterable[web.RouteDef]:
        call = "/{auth_id}/Call/{call_uuid}"
        return [
            web.post(f"{call}/Play/", self.play),
            web.delete(f"{call}/Play/", self.stop_playing),
            web.post(f"{call}/Speak/", self.speak),
            web.delete(f"{call}/Speak/", self.stop_speaking),
            web.post(f"{call}/DTMF/", self.send_digits),
            web.post(f"{call}/Record/", self.record),
            web.delete(f"{call}/Record/", self.stop_recording),
        ]

    async def play(self, request: web.Request) -> web.Response:
        return await self._started(request, "urls", "play started")

    async def stop_playing(self, request: web.Request) -> web.Response:
        return self._stopped(request, "play stopped")

    async def speak(self, request: web.Request) -> web.Response:
        return await self._started(request, "text", "speak started")

    async def stop_speaking(self, request: web.Request) -> web.Response:
        return self._stopped(request, "speak stopped")

    async def send_digits(self, request: web.Request) -> web.Response:
        return await self._started(request, "digits", "digits sent")

    async def record(self, request: web.Request) -> web.Response:
        """Ends at time_limit (60 s), at DELETE, or with the call; then callback_url is told."""
        call, body = self._talking(request), await json_body(request)
        file_format = text(body, "file_format") or "mp3"
        if file_format not in ("mp3", "wav"):
            raise invalid("file_format")
        recording = self._exchange.recordings.begin(
            call,
            file_format=file_format,
            channels=text(body, "record_channel_type") or "stereo",
            callback=page(body, "callback_url", "callback_method"),
        )
        limit_s = number(body, "time_limit", 60.0)
        self._exchange.tasks.spawn(self._end_in_time(call, recording, limit_s))
        return reply(
            202,
            message="call recording started",
            recording_id=recording.recording_id,
            url=self._exchange.recordings.url(recording),
        )

    async def stop_recording(self, request: web.Request) -> web.Response:
        call = self._talking(request)
        for recording in self._exchange.recordings.running(call):
            self._finish(call, recording)
        return empty()

    async def _end_in_time(self, call: Call, recording: Recording, limit_s: float) -> None:
        if not await wait_over(call, limit_s * self._exchange.clock.scale):
            self._finish(call, recording)

    def _finish(self, call: Call, recording: Recording) -> None:
        if recording.ended_at is None:
            self._exchange.recordings.finish(recording)
            self._exchange.tasks.spawn(report_recording(self._exchange, call, recording))

    async def _started(self, request: web.Request, needed: str, message: str) -> web.Response:
        call, body = self._talking(request), await json_body(request)
        _check_legs(body)
        if not body.get(needed):
            raise Refused(400, f"{needed} parameter is missing")
        self._exchange.ledger.write("live_act", call_uuid=call.call_uuid, act=message)
        return reply(202, message=message)

    def _stopped(self, request: web.Request, message: str) -> web.Response:
        self._talking(request)
        return reply(202, message=message)

    def _talking(self, request: web.Request) -> Call:
        call = self._exchange.live.get(request.match_info["call_uuid"])
        if call is None or call.state is not CallState.IN_PROGRESS or call.end is not None:
            raise Refused(404, NOT_FOUND)
        return call


def _check_legs(body: Body) -> None:
    if (text(body, "legs") or text(body, "leg") or "aleg") not in ("aleg", "bleg", "both"):
        raise invalid("legs")
