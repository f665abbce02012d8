"""REST of the audio streams of a live call: list, read, stop (plivo.md §1.3). Streams are started
by XML only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from aiohttp import web

from dialer.twin.calls import Call, StreamRecord
from dialer.twin.errors import Refused
from dialer.twin.exchange import Exchange
from dialer.twin.rest import NOT_FOUND, empty, page_of, reply, reply_object


class StreamRoutes:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> Iterable[web.RouteDef]:
        streams = "/{auth_id}/Call/{call_uuid}/Stream/"
        return [
            web.get(streams, self.listing),
            web.delete(streams, self.stop_all),
            web.get(streams + "{stream_id}/", self.get),
            web.delete(streams + "{stream_id}/", self.stop),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        call = self._call(request)
        objects, meta = page_of(request, call.stream_records)
        return reply(meta=meta, objects=[self._object(call, each) for each in objects])

    async def get(self, request: web.Request) -> web.Response:
        call = self._call(request)
        return reply_object(self._object(call, _find(call, request)))

    async def stop(self, request: web.Request) -> web.Response:
        """Its document goes on; at its end the call is over."""
        _find(self._call(request), request).stop.set()
        return empty()

    async def stop_all(self, request: web.Request) -> web.Response:
        for record in self._call(request).stream_records:
            record.stop.set()
        return empty()

    def _call(self, request: web.Request) -> Call:
        call = self._exchange.live.get(request.match_info["call_uuid"])
        if call is None or call.end is not None:
            raise Refused(404, NOT_FOUND)
        return call

    def _object(self, call: Call, record: StreamRecord) -> dict[str, object]:
        attributes, clock = record.attributes, self._exchange.clock
        auth_id = self._exchange.config.auth_id

        def at(moment: datetime | None) -> str | None:
            return clock.local_with_offset(moment) if moment is not None else None

        return {
            "stream_id": record.stream_id,
            "call_uuid": call.call_uuid,
            "service_url": record.service_url,
            "audio_track": attributes.get("audioTrack", "inbound"),
            "bidirectional": attributes.get("bidirectional") == "true",
            "content_type": attributes.get("contentType"),
            "status": "started" if record.ended_at is None else "stopped",
            "start_time": at(record.started_at),
            "end_time": at(record.ended_at),
            "created_at": at(record.started_at),
            "plivo_auth_id": auth_id,
            "status_callback_url": attributes.get("statusCallbackUrl"),
            "resource_uri": (
                f"/v1/Account/{auth_id}/Call/{call.call_uuid}/Stream/{record.stream_id}/"
            ),
        }


def _find(call: Call, request: web.Request) -> StreamRecord:
    wanted = request.match_info["stream_id"]
    found = next((each for each in call.stream_records if each.stream_id == wanted), None)
    if found is None:
        raise Refused(404, NOT_FOUND)
    return found
