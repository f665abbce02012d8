"""What the caller hears and how the document moves on: Speak, Play, Wait, DTMF, Hangup, Redirect.

There is no sound: a <Speak> lasts as long as its words at a set pace, a <Play> a set time.
"""

from __future__ import annotations

import math
from dataclasses import replace

from dialer.twin.causes import NORMAL, SCHEDULED, Origin
from dialer.twin.config import TwinConfig
from dialer.twin.document import Element
from dialer.twin.interpreter import HangUp, Interpreter, Jump
from dialer.twin.leg import hang_up_after

MIN_SPEECH_S = 0.5
TONE_S = 0.5  # one DTMF digit with its pause
_RAW_CAUSES = {"rejected": "CALL_REJECTED", "busy": "USER_BUSY"}


def prompt_s(element: Element, config: TwinConfig) -> float:
    """How long a Speak or Play lasts, in seconds; infinite for loop="0"."""
    if element.name == "Play":
        once_s = config.play_s
    else:
        words = len(element.text.split())
        once_s = max(MIN_SPEECH_S, words * 60 / config.words_per_minute)
    loop = int(element.number("loop", 1))
    return once_s * loop if loop else math.inf


async def speak(run: Interpreter, element: Element) -> None:
    """Also <Play>."""
    duration_s = prompt_s(element, run.exchange.config)
    call_uuid = run.call.call_uuid
    run.exchange.ledger.write("spoken", call_uuid=call_uuid, text=element.text)
    if math.isinf(duration_s):
        await run.call.over.wait()
    await run.exchange.clock.sleep(duration_s)


async def wait(run: Interpreter, element: Element) -> None:
    """With beep="true" until a voicemail's beep, with silence="true" until the callee has been
    quiet for minSilence; never longer than ``length``."""
    length_s = element.number("length", 1)
    call, script = run.call, run.call.script
    if element.flag("beep", False) and script.is_machine and call.answered_at is not None:
        talked_s = (run.exchange.clock.now() - call.answered_at).total_seconds()
        beep_s = script.greeting_s - talked_s / run.exchange.clock.scale
        length_s = min(length_s, max(0.0, beep_s))
    elif element.flag("silence", False):
        length_s = min(length_s, element.number("minSilence", 2000) / 1000)
    await run.exchange.clock.sleep(length_s)


async def send_tones(run: Interpreter, element: Element) -> None:
    run.note(f"DTMF {element.text}")
    if not element.flag("async", True):
        await run.exchange.clock.sleep(len(element.text) * TONE_S)


async def hang_up(run: Interpreter, element: Element) -> None:
    """Outbound calls are answered by now, so a Hangup without reason is a Normal Hangup even as
    the first element; with ``schedule`` the document goes on and the end comes later."""
    schedule_s = element.number("schedule", 0)
    if schedule_s:
        end = SCHEDULED.by("Answer XML")
        run.call.helpers.spawn(hang_up_after(run.exchange, run.call, schedule_s, end))
        return
    cause = _RAW_CAUSES.get(element.get("reason"), NORMAL.cause)
    raise HangUp(replace(NORMAL, source="Answer XML", cause=cause))


async def redirect(run: Interpreter, element: Element) -> None:
    method = element.get("method", "POST")
    raise Jump(await run.fetch("redirect", Origin.REDIRECT, element.text, method, {}))


async def pre_answer(run: Interpreter, element: Element) -> None:
    """An outbound call is answered already; the children simply run."""
    await run.execute(element.children)
