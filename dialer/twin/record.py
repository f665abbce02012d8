"""<Record>, and the recordings that end with their call."""

from __future__ import annotations

import asyncio

from dialer.twin.calls import Call, Page
from dialer.twin.document import Element
from dialer.twin.exchange import Exchange
from dialer.twin.interpreter import Interpreter
from dialer.twin.make_call import is_http_url
from dialer.twin.recordings import Recording


async def record(run: Interpreter, element: Element) -> None:
    """With recordSession the whole call is recorded from here on: the action is called at once
    with durations of -1 and its reply ignored, and the document goes on. Otherwise the callee
    speaks for a while, and the action's document follows."""
    exchange, call = run.exchange, run.call
    url, method = element.get("callbackUrl"), element.get("callbackMethod", "POST").upper()
    recording = exchange.recordings.begin(
        call,
        file_format=element.get("fileFormat", "mp3"),
        channels=element.get("recordChannelType", "stereo"),
        callback=Page(url, method) if is_http_url(url) else None,
    )
    if element.flag("recordSession", False) or element.flag("startOnDialAnswer", False):
        action, method = element.get("action"), element.get("method", "POST")
        if action:
            extra = {"Event": "Record", **exchange.recordings.params(recording)}
            await run.notify("record", action, method, extra)
        return
    longest_s = element.number("maxLength", 60)
    quiet_s = element.number("timeout", 15)  # this much silence ends it
    await exchange.clock.sleep(min(longest_s, exchange.config.record_s + quiet_s))
    exchange.recordings.finish(recording)
    exchange.tasks.spawn(report_recording(exchange, call, recording))
    await run.act("record", element, {**exchange.recordings.params(recording), "Digits": ""})


async def finish_recordings(exchange: Exchange, call: Call) -> None:
    """The call is over: so is every recording of it."""
    running = exchange.recordings.running(call)
    for recording in running:
        exchange.recordings.finish(recording)
    await asyncio.gather(*(report_recording(exchange, call, each) for each in running))


async def report_recording(exchange: Exchange, call: Call, recording: Recording) -> None:
    """Final durations to the recording's callback, when it has one."""
    if recording.callback is None:
        return
    params = {
        **exchange.wording.in_call(call, "Record"),
        **exchange.recordings.params(recording),
    }
    await exchange.courier.deliver("recording", call, recording.callback, params)
