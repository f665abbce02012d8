"""Asking for keys or words: GetInput and GetDigits, and how the scripted callee reacts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dialer.twin.calls import Heard
from dialer.twin.causes import NORMAL
from dialer.twin.document import Element
from dialer.twin.interpreter import Interpreter

SPEECH_CONFIDENCE = "0.93"
SPEECH_COST_USD = "0.02000"


async def get_input(run: Interpreter, element: Element) -> None:
    """The time to answer starts when the nested prompts are over; a key interrupts them. Without
    input the next element runs (or the action is called: `post_empty_input`)."""
    config = run.exchange.config
    kinds = element.get("inputType", "dtmf").split()
    heard = await _listen(
        run,
        element,
        kinds=kinds,
        first_s=element.number("executionTimeout", 15),
        gap_s=element.number("digitEndTimeout", config.digit_gap_s),
        most=int(element.number("numDigits", 32)),
    )
    if heard is None and not config.post_empty_input:
        return
    extra = {"InputType": "", "Digits": "", "Speech": "", "BilledAmount": "0.00000"}
    if heard is not None and heard.kind == "speech":
        await run.exchange.clock.sleep(element.number("speechEndTimeout", config.speech_gap_s))
        extra |= {
            "InputType": "speech",
            "Speech": heard.text,
            "SpeechConfidenceScore": SPEECH_CONFIDENCE,
            "BilledAmount": SPEECH_COST_USD,
        }
    elif heard is not None:
        extra |= {"InputType": "dtmf", "Digits": heard.text}
    await run.act("input", element, extra)


async def get_digits(run: Interpreter, element: Element) -> None:
    """Asks ``retries`` times in all; nothing or a key that is not valid uses one up."""
    valid = element.get("validDigits", "1234567890*#")
    for _ in range(int(element.number("retries", 1))):
        heard = await _listen(
            run,
            element,
            kinds=["dtmf"],
            first_s=element.number("timeout", 5),
            gap_s=element.number("digitTimeout", 2),
            most=int(element.number("numDigits", 99)),
        )
        if heard is None:
            continue
        if set(heard.text) <= set(valid):
            await run.act("input", element, {"Digits": heard.text})
            return
        if element.get("invalidDigitsSound"):
            await run.exchange.clock.sleep(run.exchange.config.play_s)


async def _listen(
    run: Interpreter,
    element: Element,
    *,
    kinds: Sequence[str],
    first_s: float,
    gap_s: float,
    most: int,
) -> Heard | None:
    """One prompt: keys without the finish key, or words; None when nothing came in time."""
    call = run.call
    call.keypad = asyncio.Queue()
    call.helpers.spawn(_react(run, call.prompts))
    call.prompts += 1
    try:
        first = await _first(run, element, kinds, first_s)
        if first is None or first.kind == "speech":
            return first
        keys = await _more_keys(run, element, first.text, gap_s, most)
    finally:
        call.keypad = None
    return Heard("dtmf", keys)


async def _first(
    run: Interpreter, element: Element, kinds: Sequence[str], first_s: float
) -> Heard | None:
    """The first key or words of a kind that is asked for, while or after the prompts play."""
    prompt = asyncio.ensure_future(_prompt_and_wait(run, element, first_s))
    keypad = run.call.keypad
    assert keypad is not None  # set by `_listen`
    try:
        while True:
            item = asyncio.ensure_future(keypad.get())
            try:
                await asyncio.wait({prompt, item}, return_when=asyncio.FIRST_COMPLETED)
                if not item.done():
                    return None
                if item.result().kind in kinds:
                    return item.result()
            finally:
                item.cancel()
    finally:
        prompt.cancel()
        await asyncio.gather(prompt, return_exceptions=True)


async def _prompt_and_wait(run: Interpreter, element: Element, first_s: float) -> None:
    await run.execute(element.children)
    await run.exchange.clock.sleep(first_s)


async def _more_keys(
    run: Interpreter, element: Element, first: str, gap_s: float, most: int
) -> str:
    finish = element.get("finishOnKey", "#")
    keypad = run.call.keypad
    assert keypad is not None  # set by `_listen`
    keys, key = "", first
    while key != finish:
        keys += key
        if len(keys) >= most:
            break
        try:
            async with asyncio.timeout(gap_s * run.exchange.clock.scale):
                key = (await keypad.get()).text
        except TimeoutError:
            break
    return keys


async def _react(run: Interpreter, prompt: int) -> None:
    """What the script does on prompt number ``prompt``, after its delay."""
    reaction = run.call.script.on_prompt(prompt)
    if reaction is None:
        return
    await run.exchange.clock.sleep(reaction.after_s)
    if reaction.hang_up:
        run.exchange.end(run.call, NORMAL)
        return
    heard = [Heard("dtmf", key) for key in reaction.keys]
    if reaction.says:
        heard.append(Heard("speech", reaction.says))
    in_time = run.call.hear(heard)
    run.exchange.ledger.write(
        "input",
        call_uuid=run.call.call_uuid,
        to=run.call.phone,
        keys=reaction.keys,
        says=reaction.says,
        in_time=in_time,
    )
