"""Everything a process of the product holds open, opened in order and closed in reverse."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

import dialer
from dialer.app.clock import set_clock
from dialer.app.data_dir import make_data_dir, secret_of
from dialer.app.lag import LoopLag
from dialer.app.twin_place import at_twin, noted_url
from dialer.compliance.packs import require_packs
from dialer.dialing.law import Law
from dialer.dialing.loop import DialingLoop
from dialer.dialing.place import CallbackUrls, Placing
from dialer.dialing.request_turns import RequestTurns
from dialer.domain.erasure import mark
from dialer.domain.request_budget import Allowance
from dialer.errors import DatabaseAway, DialerError, ProviderError, Unavailable
from dialer.keys import Keys
from dialer.logs import hide
from dialer.providers.plivo import PlivoCarrier
from dialer.providers.plivo_rest import PlivoRest, point_sdk_at
from dialer.settings import Settings, missing_speech_keys
from dialer.store import carrier, embedded
from dialer.store.connect import create_engine, follow
from dialer.store.engine import Database, MarkOf, Tx
from dialer.store.failures import is_restarting
from dialer.store.migrate import upgrade
from dialer.web.context import Background, Context
from dialer.web.live_streams import LiveStreams, Talk

log = logging.getLogger(__name__)

_LOOK_AT_DATABASE_EVERY_S = 1.0
# How long a start waits for a database that was there, and is just coming back.
_STARTS_WITHIN_S = 60.0


@dataclass(slots=True)
class Drain:
    """Set once: from then on this process dials nothing new."""

    is_on: bool = False


@dataclass(frozen=True)
class Runtime:
    """A process with everything open. ``settings`` point at the twin where it is used."""

    settings: Settings
    db: Database
    law: Law
    context: Context
    drain: Drain
    offset: timedelta
    lag: LoopLag


@asynccontextmanager
async def open_database(settings: Settings, *, migrate: bool) -> AsyncIterator[Database]:
    """Yield the database: DATABASE_URL's, or the embedded one of the data folder.

    The embedded one is always migrated; another only if asked (`dialer db upgrade`, `up`).
    """
    async with AsyncExitStack() as stack:
        url = settings.database_url
        held = None
        if url is None:
            held = await asyncio.to_thread(embedded.acquire, settings.data_dir)
            stack.callback(held.release)
            url = held.cluster.socket_dsn
        engine = create_engine(url)
        stack.push_async_callback(engine.dispose)
        if held is not None:
            follow(engine, lambda: held.cluster.socket_dsn)
        try:
            db = Database(engine, mark_of=_marks(settings))
            await _answering(engine)
            if migrate or settings.database_url is None:
                await upgrade(engine)
            await db.run(_ask, patience_s=_STARTS_WITHIN_S)
        except DatabaseAway as error:
            raise Unavailable(f"DATABASE_URL: {_why(error.__cause__ or error)}") from None
        except DialerError:
            raise
        except (OSError, SQLAlchemyError) as error:
            raise Unavailable(f"DATABASE_URL: {_why(error)}") from None
        if held is not None:
            keeper = asyncio.create_task(_keep_running(db, held))
            stack.callback(keeper.cancel)
        try:
            yield db
        except DatabaseAway as error:
            raise Unavailable(f"DATABASE_URL: {_why(error.__cause__ or error)}") from None


async def _answering(engine: AsyncEngine) -> None:
    """Wait for a server that is there and starts: it may be recovering from a crash, or just
    going down for a restart."""
    until = time.monotonic() + _STARTS_WITHIN_S
    while True:
        try:
            async with engine.connect():
                return
        except (DBAPIError, asyncpg.PostgresError, asyncpg.InternalClientError, OSError) as error:
            if not is_restarting(error) or time.monotonic() > until:
                raise
        await asyncio.sleep(_LOOK_AT_DATABASE_EVERY_S)


async def _ask(tx: Tx) -> None:
    """The transaction's own look at the clock is all that is asked."""


def _marks(settings: Settings) -> MarkOf:
    """The key is made when the first number is looked up: migrations need none."""
    keys = cache(lambda: keys_of(settings))
    return lambda phone: mark(keys().phone_hash(phone))


async def _keep_running(db: Database, held: embedded.EmbeddedPostgres) -> None:
    """Start the embedded server again when it was killed; new connections find it by themselves."""
    told = ""
    while True:
        await asyncio.sleep(_LOOK_AT_DATABASE_EVERY_S)
        try:
            async with db.begin():
                continue
        except DatabaseAway:
            pass
        try:
            await asyncio.to_thread(held.ensure_running)
            told = ""
        except Unavailable as still:
            if str(still) != told:
                log.error("embedded_postgres_not_back", extra={"detail": str(still)})
            told = str(still)


def _why(error: BaseException) -> str:
    """Return one line about a database that did not answer, without its address or password."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    if getattr(cause, "sqlstate", None) in ("42P01", "3F000"):
        return "the database has no tables yet; run `dialer db upgrade`"
    if getattr(cause, "sqlstate", None) in ("28P01", "28000"):
        return "the database refused the user or password; correct DATABASE_URL"
    if getattr(cause, "sqlstate", None) == "3D000":
        return "the server has no such database; create it or correct DATABASE_URL"
    return (
        f"the database cannot be reached ({type(cause).__name__}); start it, correct DATABASE_URL, "
        "or unset it to use the embedded Postgres"
    )


@asynccontextmanager
async def open_runtime(
    settings: Settings, *, migrate: bool = True, talks: bool = True
) -> AsyncIterator[Runtime]:
    """Open everything a dialing or serving process needs.

    talks: it serves streams, and so needs the vendors of speech.
    """
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(open_database(settings, migrate=migrate))
        offset = await set_clock(db, settings, patience_s=_STARTS_WITHIN_S)
        if settings.uses_twin:
            # An HTTP client that nothing else of a start needs.
            from dialer.app.twin_process import own_twin

            account = await db.run(carrier.get_carrier, patience_s=_STARTS_WITHIN_S)
            twin = await own_twin(settings.data_dir, offset, cap=account.cap, cps=account.cps)
            stack.push_async_callback(twin.stop)
            settings = at_twin(settings, twin.url)
        yield await _compose(settings, db, offset, stack, talks=talks)


async def _compose(
    settings: Settings, db: Database, offset: timedelta, stack: AsyncExitStack, *, talks: bool
) -> Runtime:
    assert settings.plivo_auth_id is not None and settings.plivo_auth_token is not None
    hide(settings.plivo_auth_token)
    keys = keys_of(settings)
    law = law_of(settings, keys)
    turns = request_turns(settings, db)
    plivo = await stack.enter_async_context(
        PlivoCarrier(
            settings.plivo_auth_id,
            settings.plivo_auth_token,
            settings.plivo_api_url,
            turns=turns,
        )
    )
    point_sdk_at(settings.plivo_api_url)
    await _require_credentials(plivo)
    drain = Drain()
    streams = LiveStreams()
    lag = LoopLag(settings.max_lag_ms, calls=lambda: streams.count)
    await stack.enter_async_context(lag.watching())
    await stack.enter_async_context(db.hints.listening())
    placing = Placing(
        db=db,
        carrier=plivo,
        urls=CallbackUrls(settings.public_url, keys),
        name=law.host,
        is_draining=lambda: drain.is_on,
        turn_to_call=turns.to_call,
    )
    background = Background()
    context = Context(
        db=db,
        keys=keys,
        law=law,
        carrier=plivo,
        carrier_token=settings.plivo_auth_token,
        urls=placing.urls,
        loop=DialingLoop(placing, law, is_overloaded=lambda: lag.is_over),
        api_key=secret_of(settings.data_dir, "api_key", settings.api_key),
        data_dir=settings.data_dir,
        background=background,
        bounds=settings.recovery,
        streams=streams,
        is_draining=lambda: drain.is_on,
        is_overloaded=lambda: lag.is_over,
        lag_ms=lambda: lag.p95_ms,
    )
    if talks:
        context = replace(context, talk=await _talk(settings, context, stack))
    return Runtime(settings, db, law, context, drain, offset, lag)


async def _talk(settings: Settings, context: Context, stack: AsyncExitStack) -> Talk:
    """Open the vendors of speech; return what serves a stream."""
    # Their SDKs are two thirds of a start, which a worker that was killed need not wait for.
    from dialer.app.talking import Talking, open_providers

    return Talking(
        db=context.db,
        law=context.law,
        carrier=context.carrier,
        urls=context.urls,
        providers=await stack.enter_async_context(open_providers(settings)),
        data_dir=settings.data_dir,
        spawn=context.background.spawn,
    ).talk


async def _require_credentials(plivo: PlivoRest) -> None:
    """Refuse to start with credentials that the carrier refuses; a silent carrier may come back."""
    try:
        await plivo.account()
    except ProviderError as error:
        if error.status == 401:
            raise Unavailable(
                "PLIVO_AUTH_ID, PLIVO_AUTH_TOKEN: Plivo refused them (401); copy both from the "
                "overview page of the Plivo console"
            ) from None
        log.warning("carrier_not_reached", extra={"detail": str(error)})


def keys_of(settings: Settings) -> Keys:
    return Keys.derive(secret_of(settings.data_dir, "secret_key", settings.secret_key))


def law_of(settings: Settings, keys: Keys) -> Law:
    """Return the law of a process; `InvalidInput` for a bad pack among the operator's own."""
    folders = (Path(settings.data_dir) / "packs",)
    require_packs(folders)
    return Law(
        keys=keys,
        engine_version=dialer.__version__,
        host=f"{socket.gethostname()}:{os.getpid()}",
        pack_folders=folders,
        missing_keys=missing_speech_keys(settings),
    )


def request_turns(settings: Settings, db: Database) -> RequestTurns:
    """Return this process's turns at the carrier's REST."""
    return RequestTurns(db, Allowance.within(settings.recovery.requests))


def carrier_rest(settings: Settings, db: Database) -> PlivoRest:
    """Return the carrier's REST client for a command; the twin must be running for it."""
    if settings.uses_twin:
        url = noted_url(Path(settings.data_dir))
        if url is None:
            raise Unavailable(
                "no carrier: set PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN, or run `dialer up` in another "
                "terminal to talk to the twin"
            )
        settings = at_twin(settings, url)
    assert settings.plivo_auth_id is not None and settings.plivo_auth_token is not None
    hide(settings.plivo_auth_token)
    point_sdk_at(settings.plivo_api_url)
    return PlivoRest(
        settings.plivo_auth_id,
        settings.plivo_auth_token,
        settings.plivo_api_url,
        turns=request_turns(settings, db),
    )
