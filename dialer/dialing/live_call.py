"""The desk of a live call: what its session writes down and asks of the carrier (`call.desk`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert

from dialer.agent.appointment import OpensAt
from dialer.agent.moves import Answer
from dialer.call.desk import LineNews, Metered, RecordingFile, Turn
from dialer.call.notification import lead_values
from dialer.dialing.costs import costs_of
from dialer.dialing.due import opens_at, zone_of
from dialer.dialing.hang_up import end_calls
from dialer.dialing.law import Law
from dialer.dialing.optout import suppress
from dialer.dialing.place import CallbackUrls
from dialer.dialing.settle import call_back, establish
from dialer.domain.after_stream import AfterStream, TransferReason, call_back_at
from dialer.domain.attempt import AttemptState, Disposition
from dialer.domain.costs import together
from dialer.domain.definition import Definition
from dialer.errors import ProviderError
from dialer.providers.protocols import CallControl
from dialer.store import attempts as ledger
from dialer.store import campaigns, enrolments
from dialer.store.attempts import CarrierIds, Held
from dialer.store.calls import add_recording, answers_of, has_recording, last_turn
from dialer.store.engine import Database, Tx
from dialer.store.notify import call_topic
from dialer.store.tables import answers, turns

log = logging.getLogger(__name__)

# Where the carrier is slower, the redirect behind the stream does the same.
_ASK_WITHIN_S = 3.0

Spawn = Callable[[Coroutine[Any, Any, None]], None]


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call whose stream has begun. ``zone``: IANA name of the lead's time zone. ``values``:
    what placeholders stand for. ``now``: product time when this was read. ``stream``: a name for
    the stream that a file may have. ``attempts``: calls to the lead counted before this one.
    ``turns`` and ``answers``: the last turn's number and what was answered in an older stream of
    this call. ``opens_at``: when the law lets this lead be called."""

    attempt_id: UUID
    campaign_id: UUID
    version: int
    call_uuid: str | None
    answered_at: datetime | None
    is_machine: bool
    definition: Definition
    values: Mapping[str, object]
    zone: str
    language: str
    now: datetime
    stream: str
    attempts: int
    turns: int
    answers: Mapping[str, Answer]
    opens_at: OpensAt

    def call_back_at(self, now: datetime) -> datetime | None:
        """Return when the lead is called again if this call breaks; None: by a person."""
        return call_back_at(self.definition.retry_plan, attempts=self.attempts, now=now)


async def open_call(
    tx: Tx, law: Law, attempt_id: UUID, *, stream_id: str | None = None
) -> OpenCall | None:
    """Return what a session needs of its call, None if that is over or never was.

    stream_id: noted as the call's newest stream; the session of an older one learns by `news`
    that it is over.
    """
    held = await ledger.hold(tx, attempt_id)
    if held is None or held.attempt.state != AttemptState.IN_CALL:
        return None
    if stream_id is not None:
        await ledger.change(tx, held, stream_id=stream_id)
    attempt = held.attempt
    lead = await enrolments.read_one(tx, held.enrolment.id)
    definition = await campaigns.definition_of(tx, attempt.campaign_id, attempt.version)
    packs = law.packs_of(definition)
    return OpenCall(
        attempt_id=attempt.id,
        campaign_id=attempt.campaign_id,
        version=attempt.version,
        call_uuid=attempt.call_uuid,
        answered_at=attempt.answered_at,
        is_machine=attempt.is_machine,
        definition=definition,
        values=lead_values(lead),
        zone=zone_of(packs, attempt.phone, lead.timezone),
        language=definition.campaign.language,
        now=tx.now,
        # The carrier's id may hold anything.
        stream=sha256((attempt.stream_id or "").encode()).hexdigest()[:8],
        attempts=lead.attempts,
        turns=await last_turn(tx, attempt.id),
        answers=await answers_of(tx, attempt.id),
        opens_at=opens_at(
            packs, campaigns.Campaign(None, definition), attempt.phone, lead.timezone
        ),
    )


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A `call.desk.Desk`. ``spawn`` runs what must not hold up the talk: ending other calls.
    ``turns_before``: of an older stream of this call; those of this one follow them."""

    db: Database
    carrier: CallControl
    urls: CallbackUrls
    spawn: Spawn
    attempt_id: UUID
    stream_id: str | None = None
    turns_before: int = 0

    async def keep_turn(self, turn: Turn) -> None:
        values = {
            "speaker": turn.speaker,
            "said": _kept(turn.said),
            "starts_s": turn.starts_s,
            "ends_s": turn.ends_s,
            "is_interrupted": turn.is_interrupted,
            "marks": dict(turn.marks),
        }
        await self._upsert(turns, {"number": self.turns_before + turn.number}, values)

    async def record(self, question_id: str, value: Answer, turn_number: int) -> None:
        clean = _kept(value) if isinstance(value, str) else value
        values = {"value": clean, "turn_number": self.turns_before + turn_number}
        await self._upsert(answers, {"question_id": question_id}, values)

    async def settle(self, disposition: Disposition, callback_at: datetime | None) -> None:
        async def work(tx: Tx, held: Held) -> None:
            if held.attempt.is_machine and disposition is Disposition.INCOMPLETE:
                return  # nobody was there: the outcome says so, and the retry plan knows it
            await establish(tx, held, disposition, callback_at)

        await self._held(work)

    async def opt_out(self) -> None:
        to_end: list[CarrierIds] = []

        async def work(tx: Tx, held: Held) -> None:
            found = await suppress(
                tx,
                phone=held.attempt.phone,
                source="call",
                reason="opt_out",
                by_attempt=self.attempt_id,
            )
            to_end[:] = found
            await establish(tx, held, Disposition.OPTED_OUT)

        await self._held(work)
        if to_end:
            self.spawn(end_calls(self.db, self.carrier, to_end))

    async def hand_over(self, reason: TransferReason) -> None:
        async def work(tx: Tx, held: Held) -> None:
            await establish(
                tx,
                held,
                Disposition.TRANSFERRED,
                after_stream=AfterStream.HAND_OVER,
                transfer_reason=reason,
            )

        url = self.urls.after(self.attempt_id, "stream")
        await self._ask(await self._held(work), lambda uuid: self.carrier.transfer(uuid, url))

    async def apologise(self, callback_at: datetime | None) -> None:
        async def work(tx: Tx, held: Held) -> None:
            attempt = held.attempt
            definition = await campaigns.definition_of(tx, attempt.campaign_id, attempt.version)
            at = callback_at or call_back(tx, held, definition)
            is_open = attempt.disposition in (None, Disposition.INCOMPLETE)
            await ledger.change(tx, held, after_stream=AfterStream.APOLOGISE)
            if is_open and not attempt.is_machine:
                await establish(tx, held, Disposition.CALLBACK, at)

        await self._held(work)

    async def hang_up(self) -> None:
        async def work(tx: Tx, held: Held) -> None:
            await ledger.change(tx, held, after_stream=AfterStream.HANG_UP)

        await self._ask(await self._held(work), self.carrier.hang_up)

    async def stirred(self, limit_s: float) -> None:
        await self.db.hints.wait(call_topic(self.attempt_id), limit_s)

    async def news(self) -> LineNews:
        attempt = await self.db.run(lambda tx: ledger.find(tx, self.attempt_id))
        if attempt is None:
            return LineNews(is_machine=False, is_over=True)
        is_superseded = self.stream_id is not None and attempt.stream_id != self.stream_id
        is_over = attempt.state != AttemptState.IN_CALL or is_superseded
        return LineNews(is_machine=attempt.is_machine, is_over=is_over)

    async def close(self, metered: Metered, recording: RecordingFile | None) -> None:
        used = msgspec.to_builtins(metered)

        async def work(tx: Tx, held: Held) -> None:
            path = None if recording is None else recording.path.as_posix()
            if path is not None and await has_recording(tx, self.attempt_id, path):
                return  # it was written, and only the reply was lost
            usage = together(held.attempt.usage, used)  # a call whose socket broke has two streams
            reckoned = await costs_of(tx, held.attempt, held.attempt.cost_usd, usage=usage)
            await ledger.change(tx, held, usage=usage, **reckoned)
            if recording is not None and path is not None:
                await add_recording(tx, self.attempt_id, path=path, seconds=recording.seconds)

        await self._held(work)

    async def _held(self, work: Callable[[Tx, Held], Awaitable[None]]) -> Any:
        """Do ``work`` on the locked attempt; return its row as it stands then, None if it is
        gone."""

        async def locked(tx: Tx) -> Any:
            held = await ledger.hold(tx, self.attempt_id)
            if held is None:
                return None
            await work(tx, held)
            return held.attempt

        return await self.db.run(locked)

    async def _upsert(self, table: Any, key: dict[str, Any], values: dict[str, Any]) -> None:
        async def work(tx: Tx) -> None:
            if await ledger.find(tx, self.attempt_id) is None:
                return
            row = {**key, **values, "account_id": tx.account_id, "attempt_id": self.attempt_id}
            changed = dict(values)
            if "at" in table.c:
                row["at"] = changed["at"] = tx.now
            await tx.execute(
                insert(table)
                .values(row)
                .on_conflict_do_update(index_elements=[*table.primary_key.columns], set_=changed)
            )

        await self.db.run(work)

    async def _ask(self, attempt: Any, request: Callable[[str], Awaitable[Any]]) -> None:
        """Ask the carrier once, for a call that is still up. Where it does not hear us, the
        redirect behind the stream does the same."""
        if attempt is None or attempt.state != AttemptState.IN_CALL or attempt.call_uuid is None:
            return
        try:
            async with asyncio.timeout(_ASK_WITHIN_S):
                await request(attempt.call_uuid)
        except (ProviderError, TimeoutError) as error:
            log.warning(
                "carrier_not_asked",
                extra={"attempt_id": attempt.id, "detail": str(error) or "no reply in time"},
            )


def _kept(text: str) -> str:
    """Return what Postgres keeps of a text: no U+0000, and no half of a pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
