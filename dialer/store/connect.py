"""Engines of SQLAlchemy's, as all of the product opens them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dialer.errors import Unavailable

#: What may follow the ? of a DATABASE_URL; the driver's own, and SQLAlchemy's one for pgbouncer.
_OPTIONS = frozenset(
    {"host", "port", "ssl", "target_session_attrs", "passfile", "service", "servicefile"}
    | {"krbsrvname", "gsslib", "command_timeout", "prepared_statement_cache_size"}
)


def asyncpg_url(url: str) -> str:
    """Return ``postgres://…`` or ``postgresql://…`` as SQLAlchemy wants it for asyncpg."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgres", "postgresql"):
        raise Unavailable("DATABASE_URL: only postgresql:// addresses are supported")
    # libpq's word for it; asyncpg's driver calls the same choice ssl.
    made = f"postgresql+asyncpg://{rest.replace('sslmode=', 'ssl=')}"
    for option in make_url(made).query:
        if option not in _OPTIONS:
            raise Unavailable(f"DATABASE_URL: unknown option {option!r} after the ?; remove it")
    return made


def create_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """Return an engine whose errors never show parameters: they hold phone numbers.

    Half as many again are opened when all are busy: six processes fit into the 100 connections
    that a Postgres takes unless it is told otherwise.
    """
    address = asyncpg_url(url)
    cached = make_url(address).query.get("prepared_statement_cache_size")
    # Who keeps SQLAlchemy from preparing statements (pgbouncer) means the driver as well.
    driver_cache = {} if cached is None else {"statement_cache_size": int(str(cached))}
    return create_async_engine(
        address,
        pool_size=pool_size,
        max_overflow=most_connections(pool_size) - pool_size,
        hide_parameters=True,
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        json_deserializer=msgspec.json.decode,
        connect_args={
            "timeout": 10,
            "server_settings": {"timezone": "UTC", "jit": "off"},
            **driver_cache,
        },
    )


def most_connections(pool_size: int) -> int:
    """Return how many one process opens at most."""
    return pool_size + pool_size // 2


def follow(engine: AsyncEngine, address: Callable[[], str]) -> None:
    """Open new connections at the host and port that ``address()``, a URL, names by then: for a
    server that may come back elsewhere."""

    @event.listens_for(engine.sync_engine, "do_connect")
    def at_its_address(dialect: Any, record: Any, args: Any, parameters: dict[str, Any]) -> None:
        now = make_url(address())
        # Of a Unix socket both stand in the query, as libpq has it.
        parameters["host"] = now.host or now.query["host"]
        parameters["port"] = now.port or int(str(now.query["port"]))
