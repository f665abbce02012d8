"""The carrier's switchboard: accepted requests, the CPS queue, live calls and finished ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import aiohttp

from dialer.twin.calls import Call, CallState, MakeCall, billed_s, new_uuid
from dialer.twin.causes import CANCELLED, NORMAL, OVER_CAP, UNKNOWN, End
from dialer.twin.clock import Clock
from dialer.twin.config import TwinConfig
from dialer.twin.courier import Courier
from dialer.twin.directory import Directory
from dialer.twin.errors import Refused
from dialer.twin.faults import FaultKind, Faults
from dialer.twin.ledger import Ledger
from dialer.twin.pace import Pace
from dialer.twin.params import Wording
from dialer.twin.recognition import Library
from dialer.twin.recordings import Recordings
from dialer.twin.speech import Studio
from dialer.twin.talks import Talks
from dialer.twin.tasks import Tasks
from dialer.twin.vendors import VendorLog


@dataclass(slots=True, eq=False)
class Finished:
    """A call that is over; ``readable_at`` is when its CDR appears, on the monotonic clock."""

    call: Call
    readable_at: float


class Exchange:
    """Every call of the account. ``live_through`` takes a call from its first ring to its end."""

    def __init__(
        self,
        config: TwinConfig,
        *,
        clock: Clock,
        ledger: Ledger,
        faults: Faults,
        directory: Directory,
        courier: Courier,
        http: aiohttp.ClientSession,
        live_through: Callable[[Exchange, Call], Coroutine[None, None, None]],
    ) -> None:
        self.config = config
        self.clock = clock
        self.ledger = ledger
        self.faults = faults
        self.directory = directory
        self.courier = courier
        self.http = http
        self.wording = Wording(config, clock)
        self.recordings = Recordings(clock)
        self.studio = Studio(Library())  # every voice of this twin, whoever's
        self.talks = Talks()
        self.tasks = Tasks()
        self.vendors = VendorLog()
        self.queued: dict[str, Call] = {}
        self.live: dict[str, Call] = {}
        self.finished: dict[str, Finished] = {}  # by call_uuid, in the order of their ends
        self._finished_to: dict[str, list[Finished]] = {}  # by the callee's number
        self._live_through = live_through
        self._pace = Pace(config.cps)
        self._wake = asyncio.Event()

    def start(self) -> None:
        self.tasks.spawn(self._drain())

    async def stop(self) -> None:
        """End every task of every call; nothing is called back any more."""
        calls = [*self.live.values()]
        await self.tasks.cancel()
        for call in calls:
            await call.helpers.cancel()

    async def reset(self) -> None:
        """As just started: no calls, no scripts, no faults, an empty ledger in memory."""
        await self.stop()
        self.queued.clear()
        self.live.clear()
        self.finished.clear()
        self._finished_to.clear()
        self.recordings.clear()
        self.talks.clear()
        self.faults.clear()
        self.directory.forget()
        self.ledger.reset()
        self.vendors.reset()
        self._pace = Pace(self.config.cps)
        self.start()

    def check_capacity(self, wanted: int) -> None:
        """India mode: what would go over the cap is refused at once, never queued."""
        if self.config.india and len(self.live) + len(self.queued) + wanted > self.config.cap:
            raise Refused(self.config.concurrency_status, OVER_CAP.name)

    def accept(self, request: MakeCall) -> tuple[list[Call], bool]:
        """Take a request: its calls, one per destination, and whether they all went out now."""
        calls = [self._enter(request, to) for to in request.to]
        self._start_due()
        fired = all(call.call_uuid not in self.queued for call in calls)
        for call in calls:
            self.ledger.request(
                request_uuid=call.request_uuid,
                call_uuid=call.call_uuid,
                to=call.phone,
                from_number=call.from_,
                answer_url=request.answer.url,
                queued=call.call_uuid in self.queued,
            )
        self._wake.set()
        return calls, fired

    def start_leg(self, parent: Call, to: str, from_: str) -> Call:
        """Ring the B-leg of a <Dial>: concurrency counts it, CPS does not."""
        call = Call(
            call_uuid=new_uuid(),
            request_uuid=parent.request_uuid,
            from_=from_,
            to=to,
            accepted_at=self.clock.now(),
            request=None,
            parent_call_uuid=parent.call_uuid,
        )
        self._dial(call)
        self.ledger.leg(call_uuid=call.call_uuid, to=call.phone, parent=parent.call_uuid)
        return call

    def end(self, call: Call, end: End) -> bool:
        """Somebody ends the call; False if it was over already. Its own task does the rest."""
        if call.state is CallState.ENDED or call.end is not None:
            return False
        call.end = end
        call.over.set()
        if self.queued.pop(call.call_uuid, None) is not None:
            self.tasks.spawn(self._live_through(self, call))
        return True

    def hang_up(self, call: Call) -> bool:
        """The customer hangs up by REST."""
        end = NORMAL.by("API Request") if call.is_answered else CANCELLED
        if call.is_answered and self.config.hangup_code_after_api == CANCELLED.code:
            end = End(CANCELLED.code, CANCELLED.name, NORMAL.cause, "API Request", NORMAL.status)
        return self.end(call, end)

    def hang_up_all(self) -> None:
        """The account-wide hang-up; it leaves cause 0 in every CDR (plivo.md §1.2)."""
        for call in [*self.queued.values(), *self.live.values()]:
            self.end(call, UNKNOWN)

    def close(self, call: Call, end: End) -> None:
        """Take an ended call off the line and write its CDR."""
        call.end = end
        call.state = CallState.ENDED
        call.ended_at = self.clock.now()
        was_up = self.live.pop(call.call_uuid, None) is not None
        delayed = self.faults.take(FaultKind.CDR_DELAYED, call.phone)
        delay_s = delayed.delay_s if delayed else self.config.cdr_delay_s
        readable_at = time.monotonic() + delay_s * self.clock.scale
        finished = self.finished[call.call_uuid] = Finished(call, readable_at)
        self._finished_to.setdefault(call.phone, []).append(finished)
        self.ledger.ended(
            was_up=was_up,
            call_uuid=call.call_uuid,
            request_uuid=call.request_uuid,
            to=call.phone,
            parent=call.parent_call_uuid,
            rang=call.rang,
            code=end.code,
            name=end.name,
            source=end.source,
            status=end.status,
            talk_s=call.talk_s,
            billed_s=billed_s(call.talk_s),
        )

    def readable(self, phone: str | None = None) -> list[Call]:
        """Finished calls whose CDR can be read, all or those to one number; the latest first."""
        now = time.monotonic()
        some = [*self.finished.values()] if phone is None else self._finished_to.get(phone, [])
        return [each.call for each in reversed(some) if each.readable_at <= now]

    def readable_call(self, call_uuid: str) -> Call | None:
        """The finished call of this id, once its CDR can be read."""
        found = self.finished.get(call_uuid)
        return found.call if found and found.readable_at <= time.monotonic() else None

    def _enter(self, request: MakeCall, to: str) -> Call:
        call_uuid = new_uuid()
        call = Call(
            call_uuid=call_uuid,
            request_uuid=call_uuid,
            from_=request.from_,
            to=to,
            accepted_at=self.clock.now(),
            request=request,
            parent_call_uuid=request.parent_call_uuid,
        )
        if self.faults.take(FaultKind.UUID_DIFFERS, call.phone):
            call.request_uuid = new_uuid()
        stuck = self.faults.take(FaultKind.QUEUE_STUCK, call.phone)
        if stuck is not None:
            call.not_before = time.monotonic() + stuck.delay_s * self.clock.scale
        self.queued[call.call_uuid] = call
        return call

    async def _drain(self) -> None:
        """Start queued calls as CPS allows, for as long as the exchange runs."""
        while True:
            self._wake.clear()
            wait_s = self._start_due()
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _start_due(self) -> float | None:
        """Start what may start now; seconds until the next may, None when nothing waits."""
        while self.queued:
            now = time.monotonic()
            call = min(self.queued.values(), key=lambda each: max(each.not_before, now))
            due = max(call.not_before, self._pace.earliest(now))
            if due > now:
                return due - now
            self._pace.start(now)
            del self.queued[call.call_uuid]
            self._dial(call)
            self.ledger.ring(
                now,
                request_uuid=call.request_uuid,
                call_uuid=call.call_uuid,
                to=call.phone,
                from_number=call.from_,
                answer_url=call.request.answer.url if call.request else "",
                script=call.script.name,
            )
            self.tasks.spawn(self._live_through(self, call))
        return None

    def _dial(self, call: Call) -> None:
        call.state = CallState.RINGING
        call.started_at = self.clock.now()
        call.script = self.directory.ring(call.phone)
        self.live[call.call_uuid] = call
