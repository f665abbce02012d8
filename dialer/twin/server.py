"""The twin as one aiohttp application: every vendor and the admin routes on one port."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from dialer.twin.admin import AdminRoutes, plain_errors
from dialer.twin.cartesia import CartesiaRoutes
from dialer.twin.clock import Clock
from dialer.twin.config import TwinConfig
from dialer.twin.deepgram import DeepgramRoutes
from dialer.twin.errors import TwinError
from dialer.twin.exchange import Exchange
from dialer.twin.ledger import Ledger
from dialer.twin.openai_routes import OpenAIRoutes
from dialer.twin.owner import Owners
from dialer.twin.plivo import new_exchange, rest_application
from dialer.twin.stalls import note_stalls

SHUTDOWN_S = 0.5  # for replies under way; a held one is not waited for


@dataclass(slots=True, eq=False)
class RunningTwin:
    """A twin that listens. ``url`` has no trailing slash; PLIVO_API_URL is ``url + "/v1"``."""

    url: str
    exchange: Exchange
    owners: Owners
    _runner: web.AppRunner
    _http: aiohttp.ClientSession
    _stalls: asyncio.Task[None] | None

    @property
    def api_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def ledger(self) -> Ledger:
        return self.exchange.ledger

    def set_callees(self, scripts: Mapping[str, object]) -> None:
        """``{"+91…": {"behaviour": "busy"}}`` or ``{"+91…": "confirms"}``, as the admin route."""
        self.exchange.directory.set_scripts(scripts)

    async def wait_quiet(self, limit_s: float = 30.0) -> None:
        """Return when no call is queued or up and every callback is done; `TimeoutError`."""
        async with asyncio.timeout(limit_s):
            # One task is the queue's own.
            while self.exchange.queued or self.exchange.tasks.count > 1:  # noqa: ASYNC110 - for tests
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Drop every call and connection. Nothing is called back any more."""
        if self._stalls is not None:
            self._stalls.cancel()
        self.owners.closing.set()
        await self.exchange.stop()
        self.exchange.studio.close()
        await self._runner.cleanup()
        await self._http.close()
        self.ledger.close()


async def start_twin(config: TwinConfig, *, callees_path: Path | None = None) -> RunningTwin:
    """Listen on ``config.host:port`` (0: any) of the running loop; `TwinError` if that fails."""
    clock = Clock(
        offset_us=config.clock_offset_us, scale=config.time_scale, zone=config.account_zone
    )
    ledger = Ledger(clock, config.ledger_path)
    # A new connection per callback: a reused one could be closed under a POST.
    http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))
    exchange = new_exchange(config, http, ledger, clock)
    owners = Owners()
    app = web.Application()
    app.add_subapp("/v1/Account", rest_application(exchange))
    app.add_subapp("/twin", _admin_application(exchange, owners))
    app.add_routes(OpenAIRoutes(exchange).routes())
    DeepgramRoutes(exchange).add_to(app)
    CartesiaRoutes(exchange).add_to(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    try:
        if callees_path is not None:
            exchange.directory.load(callees_path)
        url = await _listen(runner, config.host, config.port)
    except BaseException:
        await runner.cleanup()
        await http.close()
        ledger.close()
        raise
    exchange.recordings.base_url = f"{url}/twin/recordings"
    exchange.start()
    # Who reads the file later has no other way to know how good its times are.
    stalls = asyncio.create_task(note_stalls(ledger)) if config.ledger_path else None
    return RunningTwin(url, exchange, owners, runner, http, stalls)


def _admin_application(exchange: Exchange, owners: Owners) -> web.Application:
    app = web.Application(middlewares=[plain_errors])
    app.add_routes(AdminRoutes(exchange, owners).routes())
    return app


async def _listen(runner: web.AppRunner, host: str, port: int) -> str:
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise TwinError(f"{host}:{port} is in use; choose another with --bind") from error
        raise TwinError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    bound_host, bound_port = runner.addresses[0][:2]
    shown = "127.0.0.1" if bound_host in ("0.0.0.0", "::") else bound_host
    return f"http://{shown}:{bound_port}"
