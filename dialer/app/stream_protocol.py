"""uvicorn's WebSocket protocol, with the three things a telephone stream needs of it besides.

1. The application can drop a connection whose far end does not read: an orderly close would wait
   behind what is not read. 2. A connection is gone soon after its handler, whatever the far end
   does. 3. A text message that is not UTF-8 is the application's to count, not the call's end.
"""

from __future__ import annotations

from asyncio import TimerHandle
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from dialer.web.socket_line import ABORT

CLOSE_WITHIN_S: Final = 5.0  # for the far end's answer to our close
_DROP_AFTER_S = CLOSE_WITHIN_S + 1.0


class StreamProtocol(WebSocketsSansIOProtocol):
    """Used for every WebSocket of the server; we have no other kind."""

    _drop_timer: TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = CLOSE_WITHIN_S

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:  # else it was no WebSocket upgrade and is refused already
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[ABORT] = self.transport.abort

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_utf8(self.frames):
            self.curr_msg_data_type = "bytes"
        super().send_receive_event_to_app()

    async def run_asgi(self) -> None:
        try:
            await super().run_asgi()
        finally:
            if not self.disconnected:
                self._drop_timer = self.loop.call_later(_DROP_AFTER_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._drop_timer is not None:
            self._drop_timer.cancel()
        super().connection_lost(exc)


def _is_utf8(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True
