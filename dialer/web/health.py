"""Is it alive, is it ready, how is it doing: for balancers and for Prometheus."""

from __future__ import annotations

from collections import Counter
from typing import Any

from litestar import Response, get
from litestar.datastructures import State
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import select

from dialer.errors import DatabaseAway
from dialer.store import carrier, reports, tallies
from dialer.store.engine import Tx
from dialer.store.tables import campaigns
from dialer.web.context import MARKER, Context


@get("/health/live", include_in_schema=False, sync_to_thread=False)
def live() -> Response[dict[str, str]]:
    """The process answers."""
    return Response({"status": "live"}, headers={MARKER[0]: MARKER[1]})


@get("/health/ready", include_in_schema=False)
async def ready(state: State) -> Response[dict[str, Any]]:
    """The process answers and so does its database, it stays, and it is in time: a talk that
    began in one that ends, or in one that is late already, would suffer where another process
    could have had it."""
    context: Context = state.context
    if context.is_draining():
        return Response({"status": "draining"}, status_code=503)
    if context.is_overloaded():
        lag_ms = round(context.lag_ms(), 1)
        return Response({"status": "overloaded", "loop_lag_p95_ms": lag_ms}, status_code=503)
    try:
        async with context.db.begin() as tx:
            now = tx.now
    except Exception as error:
        # Whatever it was, a balancer must send nobody here; the class says enough for a log.
        return Response({"status": "database", "error": type(error).__name__}, status_code=503)
    return Response({"status": "ready", "now": now.isoformat()}, headers={MARKER[0]: MARKER[1]})


@get("/metrics", include_in_schema=False)
async def metrics(state: State) -> Response[bytes]:
    """Counts from the rows, the same whichever process is asked; and a few of this process, which
    are there while the database is away as well."""
    context: Context = state.context
    registry = CollectorRegistry()
    is_up = True
    try:
        async with context.db.begin() as tx:
            await measure(tx, registry)
    except DatabaseAway:
        is_up = False
    for name, text, value in (
        ("dialer_database_up", "1 while the database answers this process", is_up),
        (
            "dialer_placements_in_flight",
            "Intents of this process under way",
            context.loop.in_flight,
        ),
        ("dialer_streams", "Streams that this process serves", context.streams.count),
        ("dialer_loop_lag_p95_seconds", "Lag of the event loop, 5 s", context.lag_ms() / 1000),
        ("dialer_overloaded", "1 while this process takes no new call", context.is_overloaded()),
    ):
        Gauge(name, text, registry=registry).set(value)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


async def measure(tx: Tx, registry: CollectorRegistry) -> None:
    """Set what the rows say."""
    c = campaigns.c
    rows = await tx.all(select(c.id, c.state).where(c.account_id == tx.account_id))
    ids = [row.id for row in rows]
    states = Counter(await reports.count_live(tx))
    outcomes: Counter[str] = Counter()
    for over in await tallies.count_over(tx, ids):
        states[over.a] += over.count
        if over.b is not None:
            outcomes[over.b] += over.count
    for name, text, label, counts in (
        ("dialer_attempts", "Attempts by state", "state", states),
        ("dialer_outcomes", "Ended attempts by outcome", "outcome", outcomes),
        ("dialer_campaigns", "Campaigns by state", "state", Counter(row.state for row in rows)),
        (
            "dialer_checks",
            "Compliance checks by decision",
            "decision",
            await tallies.count_checks(tx, ids),
        ),
    ):
        gauge = Gauge(name, text, [label], registry=registry)
        for value, count in counts.items():
            gauge.labels(value).set(count)
    account = await carrier.get_carrier(tx)
    for name, text, value in (
        ("dialer_carrier_cap", "Calls that may be up at once", account.cap),
        ("dialer_carrier_cps", "Calls that may start in a second", account.cps),
    ):
        Gauge(name, text, registry=registry).set(value)


ROUTES = [live, ready, metrics]
