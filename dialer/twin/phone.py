"""The story of one call: it rings, is answered, follows its document, ends, is reported."""

from __future__ import annotations

from collections.abc import Mapping

from dialer.twin.calls import Call, MakeCall
from dialer.twin.causes import MACHINE, NORMAL, SCHEDULED, UNKNOWN, End
from dialer.twin.exchange import Exchange
from dialer.twin.faults import FaultKind
from dialer.twin.interpreter import HangUp, Interpreter, Run
from dialer.twin.leg import hang_up_after, ring
from dialer.twin.params import Params
from dialer.twin.record import finish_recordings
from dialer.twin.tasks import race

MACHINE_VERDICT_S = (1.0, 5.0)  # asynchronous detection speaks up within these


class Phone:
    """Takes calls through their life. ``vocabulary``: what each XML element does."""

    def __init__(self, vocabulary: Mapping[str, Run]) -> None:
        self._vocabulary = vocabulary

    async def live_through(self, exchange: Exchange, call: Call) -> None:
        """From the first ring to the hangup callback. A call already ended (cancelled in the
        queue) is only reported."""
        request = call.request
        assert request is not None  # B-legs live inside their <Dial>
        ended = None
        late_answer: Params | None = None
        if call.end is None:
            try:
                ended = await race(self._talk(exchange, call, request), call.over)
            except HangUp as hang_up:
                ended = hang_up.end
            except _AnswersLate as late:
                ended, late_answer = NORMAL, late.params
            finally:
                await call.helpers.cancel()
        exchange.close(call, call.end or ended or UNKNOWN)
        exchange.tasks.spawn(finish_recordings(exchange, call))
        await exchange.clock.sleep(exchange.config.hangup_delay_s)
        await report_end(exchange, call, request)
        if late_answer is not None:
            await exchange.courier.deliver("answer", call, request.answer, late_answer)

    async def _talk(self, exchange: Exchange, call: Call, request: MakeCall) -> End:
        failed = await ring(
            exchange,
            call,
            timeout_s=min(request.ring_timeout_s, request.hangup_on_ring_s or float("inf")),
            on_ring=lambda: _report_ringing(exchange, call, request),
        )
        if failed is not None:
            return failed
        if exchange.faults.take(FaultKind.HANGUP_BEFORE_ANSWER, call.phone):
            raise _AnswersLate(exchange.wording.in_call(call))
        _set_timers(exchange, call, request)
        if request.send_digits:
            text = f"DTMF {request.send_digits}"
            exchange.ledger.write("note", call_uuid=call.call_uuid, text=text)
        if await _holds_machine(exchange, call, request):
            return MACHINE
        run = Interpreter(exchange, call, self._vocabulary)
        return await run.run(await run.answer_document())


class _AnswersLate(Exception):
    """The callee hung up at once; answer_url is asked after the hangup callback."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.params = params


def _report_ringing(exchange: Exchange, call: Call, request: MakeCall) -> None:
    """A slow ring_url does not hold up the call."""
    if request.ring is not None:
        params = exchange.wording.ring(call)
        exchange.tasks.spawn(exchange.courier.deliver("ring", call, request.ring, params))


def _set_timers(exchange: Exchange, call: Call, request: MakeCall) -> None:
    spawn = call.helpers.spawn
    spawn(hang_up_after(exchange, call, request.time_limit_s, SCHEDULED))
    if call.script.hang_up_after_s is not None:
        spawn(hang_up_after(exchange, call, call.script.hang_up_after_s, NORMAL))
    detection = request.detection
    if detection is not None and detection.page is not None and call.script.is_machine:
        spawn(_report_machine(exchange, call, request))


async def _holds_machine(exchange: Exchange, call: Call, request: MakeCall) -> bool:
    """Synchronous detection: hold the answer until there is a verdict or its time is up; true
    when a machine was found and the customer wants it hung up."""
    detection = request.detection
    if detection is None or detection.page is not None:
        return False
    verdict_s = call.script.machine_after_s
    await exchange.clock.sleep(min(verdict_s, detection.limit_s))
    call.machine = call.script.is_machine and verdict_s <= detection.limit_s
    return call.machine and detection.hangs_up


async def _report_machine(exchange: Exchange, call: Call, request: MakeCall) -> None:
    detection = request.detection
    assert detection is not None and detection.page is not None  # checked by the caller
    low_s, high_s = MACHINE_VERDICT_S
    await exchange.clock.sleep(min(max(call.script.machine_after_s, low_s), high_s))
    params = exchange.wording.machine(call, hangs_up=detection.hangs_up)
    await exchange.courier.deliver("machine", call, detection.page, params)
    if detection.hangs_up:
        exchange.end(call, MACHINE)


async def report_end(exchange: Exchange, call: Call, request: MakeCall) -> None:
    """To hangup_url, or to answer_url when there is none (plivo.md §1.1)."""
    assert call.end is not None  # set by `close`
    params = exchange.wording.hangup(call, call.end)
    page = request.hangup or request.answer
    await exchange.courier.deliver("hangup", call, page, params)
