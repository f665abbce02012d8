"""Who we call as, and what the carrier account may do, over REST."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal

from litestar import Controller, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from dialer.dialing import breakers
from dialer.dialing.limits import change_limits
from dialer.domain.breakers import in_words
from dialer.domain.lead import PhoneProblem, normalise_phone
from dialer.errors import FieldError, InvalidInput
from dialer.store import callers, carrier, enrolments, facts
from dialer.store.breakers import breaker_of
from dialer.store.engine import Tx
from dialer.store.notify import DIAL

# Denials that the sender's word can lift (design §5).
_LIFTED_CODES = ("A2P_UNDECLARED", "CLI_SERIES_MISMATCH")
_E164 = re.compile(r"\+[1-9]\d{6,14}")

Series = Literal["140", "1600", "1601", "ordinary", "ordinary_with_carrier_letter", "own_verified"]
Text = Annotated[str, Meta(min_length=1, max_length=200)]


class Declaration(Struct, forbid_unknown_fields=True):
    """The notice to the access provider that automatic calls will be made.

    ``objective``: null is the campaign's category."""

    reference: Text
    declared_on: date
    objective: Text | None = None


class CallerId(Struct, forbid_unknown_fields=True):
    """``number``: E.164, ``+911601200001``."""

    number: str
    series: Series


class Sender(Struct, forbid_unknown_fields=True):
    """What is left out or null is taken away, caller ids excepted: those are added or corrected
    by number and none is removed."""

    peid: Text | None = None
    tmid: Text | None = None
    a2p: Declaration | None = None
    caller_ids: list[CallerId] = []


class Limits(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What the carrier allows: calls at once, calls started a second, and calls kept free for
    people who call us. ``paused_reason``: only there while the account may not dial."""

    cap: int
    cps: float
    inbound_reserve: int
    paused_reason: str | None = None


class Resumed(Struct):
    """``campaigns``: those that were paused with the account and go on."""

    campaigns: list[str]


class NewLimits(Struct, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    cap: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    cps: Annotated[float, Meta(ge=0.001, le=10_000)] | None = None
    inbound_reserve: Annotated[int, Meta(ge=0)] | None = None


class SenderController(Controller):
    path = "/sender"
    tags = ("sender",)

    @get()
    async def get_sender(self, tx: NamedDependency[Tx]) -> Sender:
        """Look at the sender profile and all caller ids."""
        return await read_sender(tx)

    @put()
    async def put_sender(self, tx: NamedDependency[Tx], data: JSONBody[Sender]) -> Sender:
        """Say who calls. Leads that waited for it become due at once."""
        return await save_sender(tx, data)


class CarrierController(Controller):
    path = "/carrier"
    tags = ("carrier",)

    @get()
    async def get_carrier(self, tx: NamedDependency[Tx]) -> Limits:
        """Look at the limits that all dialing keeps, and whether the account may dial."""
        return limits_of(await carrier.get_carrier(tx), tx.now)

    @post("/resume", status_code=200)
    async def resume_carrier(self, tx: NamedDependency[Tx]) -> Resumed:
        """Let the account dial again after its credentials were corrected or credit was added.
        Campaigns that were paused with it go on."""
        return Resumed(await breakers.resume_account(tx, actor="api"))

    @put()
    async def put_carrier(self, tx: NamedDependency[Tx], data: JSONBody[NewLimits]) -> Limits:
        """Change the limits; the next dial pass of every process keeps them, and calls that were
        about to start under wider ones are decided again."""
        row = await carrier.lock_carrier(tx)
        cap = row.cap if data.cap is None else data.cap
        cps = row.cps if data.cps is None else data.cps
        reserve = row.inbound_reserve if data.inbound_reserve is None else data.inbound_reserve
        if reserve >= cap:
            message = f"found {reserve}; must be less than cap {cap}, or no call could start"
            field = FieldError("inbound_reserve", message, reserve)
            raise InvalidInput(f"inbound_reserve: {message}", [field])
        await change_limits(tx, cap=cap, cps=cps, inbound_reserve=reserve)
        tx.hint(DIAL)
        return Limits(cap, cps, reserve)


def limits_of(row: Any, now: datetime) -> Limits:
    """Return a carrier account's row as the API shows it."""
    held = breaker_of(row)
    paused = None if held is None else in_words(held, now)
    return Limits(row.cap, row.cps, row.inbound_reserve, paused)


async def save_sender(tx: Tx, data: Sender) -> Sender:
    """Keep a profile; leads that waited for it become due."""
    numbers = [
        (_read_number(one.number, f"caller_ids[{index}].number"), one.series)
        for index, one in enumerate(data.caller_ids)
    ]
    a2p = data.a2p
    await callers.upsert_sender(
        tx,
        peid=data.peid,
        tmid=data.tmid,
        reference=None if a2p is None else a2p.reference,
        declared_on=None if a2p is None else a2p.declared_on,
        objective=None if a2p is None else a2p.objective,
    )
    await callers.upsert_callers(tx, list(dict(numbers).items()))
    await enrolments.wake(tx, codes=_LIFTED_CODES)
    return await read_sender(tx)


async def read_sender(tx: Tx) -> Sender:
    row = await facts.sender_row(tx)
    rows = await facts.caller_rows(tx)
    caller_ids = [CallerId(number, rows[number].series) for number in sorted(rows)]
    if row is None:
        return Sender(caller_ids=caller_ids)
    a2p = None
    if row.a2p_reference is not None and row.a2p_declared_on is not None:
        a2p = Declaration(row.a2p_reference, row.a2p_declared_on, row.a2p_objective)
    return Sender(row.peid, row.tmid, a2p, caller_ids)


def _read_number(text: str, path: str) -> str:
    """Read a number we call from: also of a company's series, which no lead may have."""
    plain = re.sub(r"[\s\-().]", "", text)
    plain = f"+{plain[2:]}" if plain.startswith("00") else plain
    if _E164.fullmatch(plain):
        return plain
    phone = normalise_phone(text)
    if isinstance(phone, PhoneProblem):
        message = f"found {text!r}; write it with + and country code, such as +911601200001"
        raise InvalidInput(f"{path}: {message}", [FieldError(path, message, text)])
    return phone
