"""What a definition must fit that stands outside it: the carrier account, the law's hours."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select

from dialer.compliance.packs import Pack
from dialer.dialing.due import opens_at
from dialer.domain.definition import Definition
from dialer.domain.duration import parse_duration
from dialer.domain.spread import always
from dialer.errors import FieldError, InvalidInput, ProviderError
from dialer.providers.protocols import NumberList
from dialer.store import carrier
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx
from dialer.store.facts import caller_rows
from dialer.store.tables import leads

log = logging.getLogger(__name__)

OpensAt = Callable[[datetime], datetime | None]

#: A number that a person verified at the carrier without renting it: in no list of rented ones.
_VERIFIED = "own_verified"


async def require_fitting(
    tx: Tx, definition: Definition, packs: Sequence[Pack], *, list_id: UUID, source: str
) -> None:
    """Raise `InvalidInput` for a definition that is saved and could never be kept."""
    account = await carrier.get_carrier(tx)
    hours = await _hours(tx, definition, packs, list_id)
    problems = [
        *_pace_problems(definition, account.cps),
        *retry_problems(definition, hours, now=tx.now),
    ]
    _refuse(problems, source)


def _pace_problems(definition: Definition, cps: float) -> Iterator[FieldError]:
    most = definition.dialing.max_cps
    if most is not None and most > cps:
        message = (
            f"found {most:g}; allowed: up to {cps:g}, which is what the carrier account starts a "
            "second (PUT /carrier changes that)"
        )
        yield FieldError("dialing.max_cps", message, most)


def retry_problems(
    definition: Definition, opens: OpensAt, *, now: datetime
) -> Iterator[FieldError]:
    """Find pauses after which no try can come before the campaign's end, however early the first
    call is made. One that stands in the file for more tries than the plan has is left alone."""
    dialing, retry = definition.dialing, definition.retry
    if dialing.ends_at is None:
        return
    begins = opens(now if dialing.starts_at is None else max(now, dialing.starts_at))
    if begins is None or begins >= dialing.ends_at:
        return  # nothing can be called at all, which is said elsewhere
    for outcome, pauses in retry.delays.items():
        at: datetime | None = begins
        for index, text in enumerate(pauses[: retry.max_attempts - 1]):
            at = None if at is None else opens(at + (parse_duration(text) or timedelta(0)))
            if at is not None and at < dialing.ends_at:
                continue
            message = (
                f"found {text!r}; no try can come so late before dialing.ends_at "
                f"{dialing.ends_at.isoformat()}: shorten it, remove it or move the end"
            )
            yield FieldError(f"retry.delays.{outcome}[{index}]", message, text)
            break


async def _hours(tx: Tx, definition: Definition, packs: Sequence[Pack], list_id: UUID) -> OpensAt:
    """Return when leads may be called, where that is the same for all of the list; else always."""
    mine = (leads.c.account_id == tx.account_id, leads.c.list_id == list_id)
    has_zones = await tx.scalar(select(exists().where(*mine, leads.c.timezone.is_not(None))))
    if has_zones or any(pack.header.zones.mode == "number" for pack in packs):
        return always
    phone = await tx.scalar(select(leads.c.phone).where(*mine).limit(1))
    if phone is None:
        return always
    found = opens_at(packs, Campaign(None, definition), phone, None)
    return found if found(tx.now) is not None else always


async def owned_numbers(account: NumberList) -> set[str] | None:
    """Ask the carrier which numbers are rented there; None where it does not say."""
    try:
        return set(await account.rented()) or None
    except ProviderError as error:
        log.warning("carrier_numbers_unknown", extra={"detail": str(error)})
        return None


async def require_callers(
    tx: Tx, definition: Definition, *, owned: Collection[str] | None, source: str
) -> None:
    """Raise `InvalidInput` for a caller id that is not on the account: calls from it are refused.

    owned: the numbers rented at the carrier, None where it could not be asked; then those that
    were named to us (PUT /sender) must do.
    """
    known = await caller_rows(tx)
    _refuse(list(caller_problems(definition.dialing.caller_ids, known, owned)), source)


def caller_problems(
    caller_ids: Sequence[str], known: Mapping[str, Any], owned: Collection[str] | None
) -> Iterator[FieldError]:
    """``known``: number → row of our caller ids."""
    for index, number in enumerate(caller_ids):
        row = known.get(number)
        path = f"dialing.caller_ids[{index}]"
        if owned and number not in owned and (row is None or row.series != _VERIFIED):
            rented = ", ".join(sorted(owned)[:5])
            message = f"found {number!r}; the carrier account has {rented}: rent it or use another"
            yield FieldError(path, message, number)
        elif not owned and row is None:
            named = ", ".join(sorted(known)[:5]) or "none yet"
            message = (
                f"found {number!r}; caller ids of the account are {named}: name it "
                "(PUT /sender) or use another"
            )
            yield FieldError(path, message, number)


def _refuse(problems: Sequence[FieldError], source: str) -> None:
    if problems:
        lines = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
        raise InvalidInput(f"{source}: {lines}", problems)
