"""Running processes: web, worker, or both in one (`up`), with our own stop signal (design §7)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from sqlalchemy import func, select

from dialer.app.runtime import Runtime
from dialer.dialing import breakers, lifecycle
from dialer.dialing.abandonment import watch_abandonment
from dialer.dialing.erase import finish_erasures
from dialer.dialing.forget_old import forget_old
from dialer.dialing.hang_up import end_asked
from dialer.dialing.inbound import end_lost_inbound
from dialer.dialing.left_recordings import adopt_left_recordings
from dialer.dialing.recall import recall_late
from dialer.dialing.recovery import recover
from dialer.dialing.schedule import Job, Ticks
from dialer.dialing.window_close import end_late_rings
from dialer.domain.attempt import AttemptState
from dialer.domain.pacing import PASS_EVERY_S
from dialer.errors import DatabaseAway, Unavailable
from dialer.leads.spool import import_spooled
from dialer.store import tallies
from dialer.store.audit_heads import seal_hourly
from dialer.store.notify import DIAL
from dialer.store.tables import attempts
from dialer.webhooks.deliver import delivering

log = logging.getLogger(__name__)

DRAIN_LIMIT_S = 20.0  # how long live calls may take to end after the first signal
_PLACEMENTS_LIMIT_S = 12.0  # the POST's 8 s and its two transactions
_STREAMS_LIMIT_S = 3.0  # for a talk to write down its end, once its line was closed
_ON_THE_LINE = (AttemptState.PLACED, AttemptState.RINGING, AttemptState.IN_CALL)

_CAMPAIGNS_EVERY_S = 1.0
_ABANDONMENT_EVERY_S = 30.0
_LATE_RINGS_EVERY_S = 1.0
_BREAKERS_EVERY_S = 1.0
_RECALL_EVERY_S = 0.5  # well inside `decided.RING_DELAY`
_END_ASKED_EVERY_S = 0.5
_INBOUND_EVERY_S = 5.0
_IMPORTS_EVERY_S = 2.0
_LEFT_RECORDINGS_EVERY_S = 60.0
_ERASURES_EVERY_S = 5.0
_RETENTION_EVERY_S = 3600.0
_TALLIES_EVERY_S = 10.0
_WEBHOOKS_EVERY_S = 1.0
_SEAL_EVERY_S = 60.0  # looks; `audit_heads.SEAL_AFTER` says how often the chain is sealed


@dataclass(slots=True)
class Stop:
    """The first signal asks to stop, the second not to wait."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: asyncio.Event = field(default_factory=asyncio.Event)

    def signal(self) -> None:
        (self.at_once if self.asked.is_set() else self.asked).set()


@contextmanager
def on_signals(stop: Stop) -> Iterator[None]:
    """Route SIGINT and SIGTERM to ``stop``: uvicorn would close every socket with 1012."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.signal)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def bind(host: str, port: int) -> socket.socket:
    """Take the port before anything else is started; `Unavailable` names it and the fix."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise Unavailable(
            f"DIALER_BIND: cannot listen on {host}:{port} ({error.strerror}); stop what uses it "
            "or set DIALER_BIND to another host:port"
        ) from None
    return sock


@asynccontextmanager
async def serving(runtime: Runtime, sock: socket.socket) -> AsyncIterator[None]:
    """Serve HTTP on ``sock`` while the body runs."""
    # A worker serves nothing, and is to be back soon after a kill.
    from dialer.app.serve_web import serving_web

    async with serving_web(runtime.context, sock):
        runtime.lag.forget()
        yield


@contextmanager
def short_collections() -> Iterator[None]:
    """Keep what the start has made out of garbage collections while the body runs.

    It is some 220,000 objects of modules. Walking them took 0.12 s on an idle machine and up to
    0.7 s on a busy one, twice a minute: longer than any audio sent ahead, so that every call had
    a hole at once (bench-agent, 20 calls).
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@asynccontextmanager
async def ticking(runtime: Runtime) -> AsyncIterator[None]:
    """Dial, recover and keep house while the body runs; then finish what is in flight."""
    async with delivering(runtime.db) as deliveries:
        ticks = Ticks()
        runtime.lag.forget()
        ticks.start(_jobs(runtime) | {"webhooks": (_WEBHOOKS_EVERY_S, deliveries.tick)})
        ticks.prompt("dial")
        try:
            with runtime.db.hints.on(DIAL, lambda: ticks.prompt("dial")):
                yield
        finally:
            runtime.drain.is_on = True
            await ticks.stop()


def _jobs(runtime: Runtime) -> dict[str, tuple[float, Job]]:
    """Name → how often in seconds, and what."""
    context, settings = runtime.context, runtime.settings
    bounds = settings.recovery
    return {
        "dial": (PASS_EVERY_S, context.loop.tick),
        "recover": (
            min(2.0, bounds.lookup / 4),
            lambda: recover(runtime.db, context.carrier, bounds),
        ),
        "end_asked": (_END_ASKED_EVERY_S, lambda: end_asked(runtime.db, context.carrier)),
        "late_rings": (_LATE_RINGS_EVERY_S, lambda: end_late_rings(runtime.db, context.carrier)),
        "recall": (_RECALL_EVERY_S, lambda: recall_late(runtime.db, context.carrier, bounds)),
        "inbound": (
            _INBOUND_EVERY_S,
            lambda: end_lost_inbound(runtime.db, context.carrier, bounds.lookup),
        ),
        "campaigns": (_CAMPAIGNS_EVERY_S, lambda: lifecycle.tick(runtime.db)),
        "abandonment": (
            _ABANDONMENT_EVERY_S,
            lambda: watch_abandonment(runtime.db, runtime.law),
        ),
        "breakers": (_BREAKERS_EVERY_S, lambda: breakers.tick(runtime.db)),
        "imports": (_IMPORTS_EVERY_S, lambda: import_spooled(runtime.db, settings.data_dir)),
        "left_recordings": (
            _LEFT_RECORDINGS_EVERY_S,
            lambda: adopt_left_recordings(runtime.db, settings.data_dir),
        ),
        "erasures": (
            _ERASURES_EVERY_S,
            lambda: finish_erasures(runtime.db, settings.data_dir),
        ),
        "retention": (_RETENTION_EVERY_S, lambda: forget_old(runtime.db, settings.data_dir)),
        "tallies": (_TALLIES_EVERY_S, lambda: runtime.db.run(tallies.advance)),
        "seal": (
            _SEAL_EVERY_S,
            lambda: runtime.db.run(lambda tx: seal_hourly(tx, runtime.law.keys.chain)),
        ),
    }


async def run_until_stopped(
    runtime: Runtime,
    *,
    sock: socket.socket | None,
    dials: bool,
    stop: Stop,
    on_ready: Callable[[], None],
) -> None:
    """Run the wanted parts until a signal, then let calls end within a limit (design §7)."""
    async with contextlib.AsyncExitStack() as parts:
        if sock is not None:
            await parts.enter_async_context(serving(runtime, sock))
        async with ticking(runtime) if dials else contextlib.nullcontext():
            with short_collections():
                on_ready()
                await stop.asked.wait()
        await _drain(runtime, stop, has_web=sock is not None)


async def _drain(runtime: Runtime, stop: Stop, *, has_web: bool) -> None:
    """Finish placements in flight, then wait for live calls while we can still hear of them."""
    runtime.drain.is_on = True
    work = asyncio.create_task(_finish(runtime, has_web=has_web))
    at_once = asyncio.create_task(stop.at_once.wait())
    await asyncio.wait({work, at_once}, return_when=asyncio.FIRST_COMPLETED)
    for task in (work, at_once):
        task.cancel()
    await asyncio.gather(work, at_once, return_exceptions=True)
    await runtime.context.streams.close_all(_STREAMS_LIMIT_S)


async def _finish(runtime: Runtime, *, has_web: bool) -> None:
    await runtime.context.loop.drain(_PLACEMENTS_LIMIT_S)
    await runtime.context.background.drain(_PLACEMENTS_LIMIT_S)
    if not has_web:
        return
    told = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_LIMIT_S):
            while live := await _live_calls(runtime):
                if live != told:
                    log.info("waiting_for_live_calls", extra={"live": live})
                told = live
                await asyncio.sleep(0.5)


async def _live_calls(runtime: Runtime) -> int:
    """Calls that are up; while the database is away, those that talk here."""
    a = attempts.c
    try:
        async with runtime.db.begin() as tx:
            query = select(func.count()).where(
                a.account_id == tx.account_id, a.state.in_(_ON_THE_LINE)
            )
            return int(await tx.scalar(query) or 0)
    except DatabaseAway:
        return runtime.context.streams.count
