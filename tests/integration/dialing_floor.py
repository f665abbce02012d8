"""The dialing core on a real database, with a carrier that a test plays by hand.

Product time stands wherever a test puts it: `Floor.later` moves it on, nothing sleeps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update

from dialer.dialing import lifecycle
from dialer.dialing.callbacks import Heard, receive
from dialer.dialing.claim import Intended, dial_pass
from dialer.dialing.law import Law
from dialer.dialing.place import CallbackUrls, Placing, place
from dialer.dialing.recovery import recover
from dialer.domain.campaign import CampaignState
from dialer.domain.definition_parse import parse_tables
from dialer.errors import ProviderUnavailable
from dialer.keys import Keys
from dialer.leads.load import import_leads
from dialer.providers.protocols import Accepted, CallRequest, CarrierCall, PlaceResult, at_once
from dialer.settings import RecoveryBounds
from dialer.store.callers import upsert_callers, upsert_sender
from dialer.store.carrier import save_carrier
from dialer.store.engine import Database, Tx
from dialer.store.tables import accounts, attempts, campaigns, enrolments, lines

CALLER_ID = "+911601200001"
ASHA, RAVI, MEENA = "+919876500001", "+919876500002", "+919876500003"
DEFINITION: dict[str, Any] = {
    "campaign": {
        "name": "floor",
        "kind": "notification",
        "category": "service",
        "entity": "other",
        "rule_packs": ["in"],
    },
    "dialing": {"caller_ids": [CALLER_ID]},
    "retry": {"max_attempts": 3, "delays": {"busy": ["PT10M"], "failed": ["PT20M"]}},
    "notification": {
        "message": "Hello {name}.",
        "keys": {"1": "confirmed", "9": "opted_out"},
    },
}


@dataclass
class HandCarrier:
    """A carrier as `protocols.Carrier`: a test fills its lists and reads what it was asked."""

    reply: PlaceResult | None = None  # None: accepted with an id of its own
    queued: dict[str, str] = field(default_factory=dict)  # call uuid → phone
    live: dict[str, str] = field(default_factory=dict)
    finished: list[CarrierCall] = field(default_factory=list)
    is_down: bool = False
    placed: list[CallRequest] = field(default_factory=list)
    ended: list[tuple[str, str]] = field(default_factory=list)  # (how, id)
    transfers: list[tuple[str, str]] = field(default_factory=list)  # (id, url)

    async def place(
        self, request: CallRequest, may_go: Callable[[], Awaitable[bool]] = at_once
    ) -> PlaceResult | None:
        if not await may_go():
            return None
        self.placed.append(request)
        return self.reply or Accepted(f"request-{len(self.placed)}")

    async def hang_up(self, call_uuid: str) -> None:
        self._answer()
        self.ended.append(("hang_up", call_uuid))

    async def cancel_request(self, request_uuid: str) -> None:
        self._answer()
        self.ended.append(("cancel", request_uuid))

    async def transfer(self, call_uuid: str, url: str) -> bool:
        self._answer()
        self.transfers.append((call_uuid, url))
        return True

    async def end_streams(self, call_uuid: str) -> None:
        self._answer()
        self.ended.append(("streams", call_uuid))

    async def queued_calls(self, to: str | None = None) -> Sequence[str]:
        return self._ids(self.queued, to)

    async def live_calls(self, to: str | None = None) -> Sequence[str]:
        return self._ids(self.live, to)

    async def queued_call(self, call_uuid: str) -> CarrierCall | None:
        self._answer()
        return CarrierCall(call_uuid) if call_uuid in self.queued else None

    async def live_call(self, call_uuid: str) -> CarrierCall | None:
        self._answer()
        return CarrierCall(call_uuid, status="in-progress") if call_uuid in self.live else None

    async def finished_call(self, call_uuid: str) -> CarrierCall | None:
        self._answer()
        assert call_uuid, "an empty id would ask for every call"
        return next((call for call in self.finished if call.call_uuid == call_uuid), None)

    async def finished_calls(self, to: str) -> Sequence[CarrierCall]:
        self._answer()
        return [call for call in self.finished if call.to == to]

    def _ids(self, calls: Mapping[str, str], to: str | None) -> Sequence[str]:
        self._answer()
        return [uuid for uuid, phone in calls.items() if to in (None, phone)]

    def _answer(self) -> None:
        if self.is_down:
            raise ProviderUnavailable("plivo", "no reply in time")


@dataclass
class Floor:
    db: Database
    law: Law
    carrier: HandCarrier
    placing: Placing
    bounds: RecoveryBounds = field(default_factory=RecoveryBounds)

    async def launch(self, phones: Sequence[str], name: str = "floor", **changes: Any) -> UUID:
        """Start a campaign to these phones; a table of ``changes`` adds to the definition's."""
        tables = {
            **DEFINITION,
            **{key: DEFINITION.get(key, {}) | value for key, value in changes.items()},
        }
        csv = "phone,name,consent_kind,consent_at\n" + "".join(
            f"{number},Asha,inferred,2026-01-05\n" for number in phones
        )

        async def work(tx: Tx) -> UUID:
            leads = await import_leads(tx, name=f"leads of {name}", data=csv.encode())
            definition = parse_tables(tables, source="test")
            made = await lifecycle.create(
                tx, self.law, definition=definition, list_id=leads.list_id, name=name
            )
            rented = definition.dialing.caller_ids  # at the carrier, whatever was named to us
            await lifecycle.change_state(
                tx, made.id, CampaignState.RUNNING, actor="test", owned_numbers=rented
            )
            return made.id

        return await self.db.run(work)

    async def ask(self, campaign_id: UUID, state: str, in_flight: str = "finish") -> Sequence[Any]:
        """Move a campaign as a person would; returns the calls to end."""
        _, to_end = await self.db.run(
            lambda tx: lifecycle.change_state(
                tx, campaign_id, CampaignState(state), actor="test", in_flight=in_flight
            )
        )
        return to_end

    async def claim(self) -> list[Intended]:
        return await self.db.run(lambda tx: dial_pass(tx, self.law))

    async def claim_one(self) -> UUID:
        (intent,) = await self.claim()
        return intent.attempt_id

    async def place(self, attempt_id: UUID) -> None:
        await place(self.placing, attempt_id)

    async def ring_one(self) -> UUID:
        """Claim and place the one lead that is due; the carrier has it now."""
        attempt_id = await self.claim_one()
        await self.place(attempt_id)
        return attempt_id

    async def hear(self, attempt_id: UUID, kind: str, after: str = "", **form: str) -> Heard:
        """Take in one callback of the carrier."""
        heard = await self.db.run(lambda tx: self.hear_in(tx, attempt_id, kind, after, **form))
        assert heard is not None
        return heard

    async def hear_in(
        self, tx: Tx, attempt_id: UUID, kind: str, after: str = "", **form: str
    ) -> Heard | None:
        return await receive(
            tx,
            attempt_id=attempt_id,
            kind=kind,
            path=f"/plivo/{attempt_id}/mac/{kind}" + (f"?after={after}" if after else ""),
            form=form,
            after=after,
            input_url=lambda number: f"http://localhost/{number}",
        )

    async def recover(self) -> None:
        await recover(self.db, self.carrier, self.bounds)

    async def later(self, seconds: float) -> None:
        """Let product time pass."""
        moved = accounts.c.clock_offset_us + int(seconds * 1_000_000)
        await self.db.run(lambda tx: tx.execute(update(accounts).values(clock_offset_us=moved)))

    async def tick(self) -> None:
        await lifecycle.tick(self.db)

    async def attempt(self, attempt_id: UUID) -> Any:
        return await self._one(select(attempts).where(attempts.c.id == attempt_id))

    async def lead(self, phone: str) -> Any:
        return await self._one(select(enrolments).where(enrolments.c.phone == phone))

    async def line(self, phone: str) -> UUID | None:
        query = select(lines.c.live_attempt_id).where(lines.c.phone == phone)
        row = await self._one(query)
        return None if row is None else row.live_attempt_id

    async def campaign(self, campaign_id: UUID) -> Any:
        return await self._one(select(campaigns).where(campaigns.c.id == campaign_id))

    async def change(self, attempt_id: UUID, **values: Any) -> None:
        """Write an attempt's columns as no step of the product would."""
        await self.db.run(
            lambda tx: tx.execute(
                update(attempts).where(attempts.c.id == attempt_id).values(**values)
            )
        )

    async def blocked(self) -> None:
        """Wait until some transaction waits for a lock."""
        query = text("select count(*) from pg_locks where not granted")
        async with asyncio.timeout(5):
            while True:
                async with self.db.begin() as tx:
                    if await tx.scalar(query):
                        return
                await asyncio.sleep(0.01)

    async def _one(self, query: Any) -> Any:
        async with self.db.begin() as tx:
            return await tx.one_or_none(query)


@contextmanager
def drained(floor: Floor) -> Iterator[None]:
    """Let the process be on its way out."""
    placing = floor.placing
    floor.placing = Placing(
        placing.db, placing.carrier, placing.urls, placing.name, is_draining=lambda: True
    )
    yield
    floor.placing = placing


async def open_floor(db: Database) -> Floor:
    """A lawful sender, a fast carrier account, and a Tuesday noon in India."""
    keys = Keys.derive("a secret for tests")
    carrier = HandCarrier()
    urls = CallbackUrls("http://127.0.0.1:9", keys)
    floor = Floor(
        db,
        Law(keys=keys, engine_version="test", host="test"),
        carrier,
        Placing(db, carrier, urls, "test"),
    )

    async def prepare(tx: Tx) -> timedelta:
        await upsert_sender(
            tx,
            peid=None,
            tmid=None,
            reference="A2P-1",
            declared_on=date(2026, 1, 1),
            objective="reminders",
        )
        await upsert_callers(tx, [(CALLER_ID, "1601")])
        await save_carrier(tx, cap=100, cps=100.0)
        local = tx.now + timedelta(hours=5, minutes=30)
        return local.replace(year=2027, month=6, day=1, hour=12, minute=0) - local

    await floor.later((await db.run(prepare)).total_seconds())
    return floor
