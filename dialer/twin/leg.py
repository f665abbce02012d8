"""Ringing one phone until somebody answers or nobody will."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dialer.twin.callee import Behaviour
from dialer.twin.calls import Call, CallState
from dialer.twin.causes import BUSY, REJECTED, RING_TIMEOUT, UNALLOCATED, UNREACHABLE, End
from dialer.twin.exchange import Exchange

#: Phones that never ring: the carrier says so as soon as it has tried.
SILENT = {
    Behaviour.BUSY: BUSY,
    Behaviour.INVALID: UNALLOCATED,
    Behaviour.UNREACHABLE: UNREACHABLE,
}


async def ring(
    exchange: Exchange, call: Call, *, timeout_s: float, on_ring: Callable[[], None]
) -> End | None:
    """Ring the phone of ``call``: None when it was answered, else why it was not.

    timeout_s: longest ringing; the customer's ring_timeout, or less.
    on_ring: called once when the phone starts to ring.
    """
    script, clock = call.script, exchange.clock
    await clock.sleep(script.ring_s)
    if script.behaviour in SILENT:
        return SILENT[script.behaviour]
    call.rang = True
    on_ring()
    if script.behaviour is Behaviour.RING_OUT or script.answer_after_s > timeout_s:
        await clock.sleep(timeout_s)
        return RING_TIMEOUT
    await clock.sleep(script.answer_after_s)
    if script.behaviour is Behaviour.REJECT:
        return REJECTED
    call.state = CallState.IN_PROGRESS
    call.answered_at = clock.now()
    exchange.ledger.write("answered", call_uuid=call.call_uuid, to=call.phone)
    return None


async def hang_up_after(exchange: Exchange, call: Call, wait_s: float, end: End) -> None:
    """End the call ``wait_s`` from now, unless it ends before. Once it has a <Stream>, whose media
    runs at real speed, these are real seconds."""
    await exchange.clock.sleep(wait_s)
    if call.stream_records:
        await asyncio.sleep(wait_s * max(0.0, 1 - exchange.clock.scale))
    exchange.end(call, end)


async def wait_over(call: Call, limit_s: float) -> bool:
    """Wait until the call ends; False when ``limit_s`` real seconds were not enough."""
    try:
        async with asyncio.timeout(limit_s):
            await call.over.wait()
    except TimeoutError:
        return False
    return True
