"""What went wrong with the database: whether the same again may succeed, and whether it is away."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError

RERUN_STATES = frozenset({"40P01", "40001"})  # deadlock, serialization failure (design §6.0)
_AWAY_CLASSES = ("08", "53", "57")  # connection, no room, the operator's doing
#: What the driver raises; `Tx.fetch` and a commit turn it into SQLAlchemy's word for it.
#: The last comes on a connection whose server has gone when the news of that is only half read.
DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    asyncpg.InternalClientError,
)


def must_rerun(error: DBAPIError) -> bool:
    """True when the same transaction, run again, may well succeed."""
    return getattr(error.orig, "sqlstate", None) in RERUN_STATES


def is_gone(error: BaseException) -> bool:
    """True when the server went away, is stopping, or has no room: nothing that we did."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _sqlstate(error.orig)[:2] in _AWAY_CLASSES
    # Of asyncpg; a carrier's are `ProviderError`.
    return isinstance(error, ConnectionError | asyncpg.InternalClientError)


def is_restarting(error: BaseException) -> bool:
    """True for what a server says that was just there: going down, recovering, or starting."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _sqlstate(error.orig)[:2] in ("08", "57")
    if isinstance(error, asyncpg.PostgresError):
        return _sqlstate(error)[:2] in ("08", "57")
    if isinstance(error, ConnectionRefusedError):
        return False  # nobody is there
    return isinstance(error, ConnectionError | asyncpg.InternalClientError)  # cut off in the middle


def cannot_connect(error: BaseException) -> bool:
    """True for what may pass by itself: not for a wrong password or a database that is missing."""
    if isinstance(error, asyncpg.PostgresError):
        return _sqlstate(error)[:2] in _AWAY_CLASSES
    return isinstance(error, OSError) or is_gone(error)  # a timeout is an OSError too


def _sqlstate(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""


def wrapped(error: BaseException, driver: Any) -> DBAPIError:
    """Return the driver's error as SQLAlchemy's, without parameters: they hold phone numbers."""
    is_about_keys = isinstance(error, asyncpg.IntegrityConstraintViolationError)
    kind = IntegrityError if is_about_keys else DBAPIError
    is_lost = driver.is_closed() or isinstance(error, asyncpg.InternalClientError)
    return kind(None, None, error, hide_parameters=True, connection_invalidated=is_lost)


async def commit(driver: Any, transaction: Any) -> None:
    """End the driver's transaction; what it raises is SQLAlchemy's."""
    try:
        await transaction.commit()
    except DRIVER_ERRORS as error:
        raise wrapped(error, driver) from error


async def roll_back(driver: Any, transaction: Any) -> None:
    """Undo what is left of a transaction that failed; a lost connection has done so itself."""
    if driver.is_closed() or not driver.is_in_transaction():
        return
    with suppress(*DRIVER_ERRORS):
        await transaction.rollback()
