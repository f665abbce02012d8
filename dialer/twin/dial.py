"""<Dial>: ring other phones and bridge the first that answers.

B-legs are scripted callees like any other. hangupOnStar, digitsMatch and dialMusic are accepted
and have no effect: nobody presses keys inside a bridge yet.
"""

from __future__ import annotations

import asyncio

from dialer.twin.callee import normal_phone
from dialer.twin.calls import Call, CallState, billed_s
from dialer.twin.causes import (
    LOST_RACE,
    NORMAL,
    NOT_CONFIRMED,
    OVER_CAP,
    RING_TIMEOUT,
    SCHEDULED,
    UNKNOWN,
    UNKNOWN_CALLER,
    End,
)
from dialer.twin.document import Element
from dialer.twin.errors import Refused
from dialer.twin.interpreter import HangUp, Interpreter
from dialer.twin.leg import ring
from dialer.twin.tasks import race


async def dial(run: Interpreter, element: Element) -> None:
    """Ring every Number and User at once, bridge until one side ends, then call the action."""
    caller = element.get("callerId") or run.call.from_
    failure = _refusal(run, caller, len(element.children))
    legs: list[Call] = []
    leg: Call | None = None
    if failure is None:
        legs = [run.exchange.start_leg(run.call, child.text, caller) for child in element.children]
        try:
            leg = await _first_answer(run, element, legs)
            if leg is not None and await _confirms(run, element, leg):
                await _bridge(run, element, leg)
        finally:  # the A-leg may have gone in the middle of it
            _close(run, element, legs, NORMAL)
        leg = leg or legs[-1]
        failure = leg.end
    rang = any(each.rang for each in legs)
    await run.act("dial", element, _result(run.call, leg, failure or NORMAL, rang))


def _refusal(run: Interpreter, caller: str, wanted: int) -> End | None:
    """Why the carrier would not even ring: a caller id that is not ours, or the cap."""
    owned = {number.number for number in run.exchange.config.numbers}
    if normal_phone(caller) not in owned:
        return UNKNOWN_CALLER
    try:
        run.exchange.check_capacity(wanted)
    except Refused:
        return OVER_CAP
    return None


async def _first_answer(run: Interpreter, element: Element, legs: list[Call]) -> Call | None:
    """The first leg to answer; the others lose the race. None when nobody did."""
    timeout_s = element.number("timeout", run.exchange.config.dial_timeout_s)
    ringing = {asyncio.ensure_future(_ring(run, leg, timeout_s)): leg for leg in legs}
    waiting = set(ringing)
    winner: Call | None = None
    try:
        while waiting and winner is None:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                failed = task.result()
                if failed is not None:
                    _close(run, element, [ringing[task]], failed)
                elif winner is None:
                    winner = ringing[task]
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    if winner is not None:
        _close(run, element, [leg for leg in legs if leg is not winner], LOST_RACE)
    return winner


async def _ring(run: Interpreter, leg: Call, timeout_s: float) -> End | None:
    work = ring(run.exchange, leg, timeout_s=timeout_s, on_ring=lambda: None)
    failed = await race(work, leg.over)
    return leg.end or failed


async def _confirms(run: Interpreter, element: Element, leg: Call) -> bool:
    """confirmKey: the B-leg must press it, by its script's first reaction."""
    wanted = element.get("confirmKey")
    if not wanted:
        return True
    reaction = leg.script.on_prompt(0)
    limit_s = element.number("confirmTimeout", 120)
    if reaction is not None and reaction.keys == wanted and reaction.after_s <= limit_s:
        await run.exchange.clock.sleep(reaction.after_s)
        return True
    await run.exchange.clock.sleep(limit_s)
    leg.end = NOT_CONFIRMED
    return False


async def _bridge(run: Interpreter, element: Element, leg: Call) -> None:
    """Both talk until the B-leg hangs up, timeLimit is reached, REST ends the B-leg or moves it."""
    run.call.bridged = leg
    for action in ("answer", "connected"):
        await _report(run, element, leg, action)
    talk_s = leg.script.hang_up_after_s or run.exchange.config.dial_talk_s
    limit_s = element.number("timeLimit", 14400)
    talk = run.exchange.clock.sleep(min(talk_s, limit_s))
    await race(race(talk, leg.over), leg.moved)
    if leg.moved_to is None:
        leg.end = leg.end or (NORMAL if talk_s <= limit_s else SCHEDULED)


def _close(run: Interpreter, element: Element, legs: list[Call], end: End) -> None:
    """Let those B-legs go that are still up, without holding up anybody: one that was
    transferred follows its own document from here on, the others end."""
    for leg in legs:
        if run.call.bridged is leg:
            run.call.bridged = None
        if leg.moved_to is not None and leg.end is None:
            run.exchange.tasks.spawn(_follow(run, element, leg))
        elif leg.state is not CallState.ENDED:
            _end(run, element, leg, leg.end or end)


async def _follow(run: Interpreter, element: Element, leg: Call) -> None:
    ended: End | None = None
    try:
        ended = await race(run.on(leg).run(()), leg.over)
    except HangUp as hang_up:
        ended = hang_up.end
    finally:
        await leg.helpers.cancel()
    _end(run, element, leg, leg.end or ended or UNKNOWN)


def _end(run: Interpreter, element: Element, leg: Call, end: End) -> None:
    run.exchange.close(leg, end)
    if leg.is_answered:
        run.exchange.tasks.spawn(_report(run, element, leg, "hangup"))


async def _report(run: Interpreter, element: Element, leg: Call, action: str) -> None:
    url = element.get("callbackUrl")
    if not url:
        return
    extra = {
        "Event": f"Dial{action.title()}",
        "DialAction": action,
        "DialBLegStatus": action,
        "DialALegUUID": run.call.call_uuid,
        "DialBLegUUID": leg.call_uuid,
        "DialBLegFrom": leg.from_.lstrip("+"),
        "DialBLegTo": leg.to.lstrip("+"),
    }
    if leg.end is not None:
        extra |= {
            "DialBLegDuration": str(leg.talk_s),
            "DialBLegBillDuration": str(billed_s(leg.talk_s)),
            "DialBLegHangupCause": leg.end.cause,
            "DialBLegHangupCauseName": leg.end.name,
            "DialBLegHangupCauseCode": str(leg.end.code),
            "DialBLegHangupSource": leg.end.source,
        }
    await run.notify("dial", url, element.get("callbackMethod", "POST"), extra)


def _result(call: Call, leg: Call | None, end: End, rang: bool) -> dict[str, str]:
    """The action's fields. A <Dial> whose own timeout ran out says ``timeout``; a leg that
    answered but did not confirm has ``failed``."""
    status = {RING_TIMEOUT: "timeout", NOT_CONFIRMED: "failed"}.get(end, end.status)
    return {
        "DialStatus": status,
        "DialRingStatus": "true" if rang else "false",
        "DialHangupCause": end.cause,
        "DialALegUUID": call.call_uuid,
        "DialBLegUUID": leg.call_uuid if leg is not None else "",
    }
