"""What one inbound frame costs, part by part, and one call's worth of frames through all of them.

The reference of each part is the least another would do for it, in the same run: the standard
library's JSON and base64 for a message, one SHA-256 over the same bytes for the rest. The whole
is given as calls a core could hear at 50 frames a second.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from hashlib import sha256
from random import Random

import webrtcvad

from dialer.audio.jitter import JitterBuffer
from dialer.audio.levels import rms_dbfs
from dialer.audio.mulaw import FRAME_BYTES, FRAME_S, SAMPLE_RATE_HZ, decode, encode
from dialer.audio.talkspurt import Talkspurts
from dialer.providers.plivo_stream import Media, play_audio, read
from tests.benchmarks.figure import Figure

ROUNDS = 20_000
BEST_OF = 5
FRAMES_A_SECOND = round(1 / FRAME_S)
EPOCH_MS = 1_705_312_200_000


async def run(dsn: str) -> list[Figure]:
    frame = Random(1).randbytes(FRAME_BYTES)
    linear, message = decode(frame), media(frame, 41)
    vad, spurts = webrtcvad.Vad(3), Talkspurts()
    hashing = per_second(lambda: sha256(frame).digest())
    detecting = per_second(lambda: vad.is_speech(linear, SAMPLE_RATE_HZ))

    def figure(what: str, work: Callable[[], object], reference: float, against: str) -> Figure:
        return Figure(what, per_second(work), reference, "/s", against)

    hashed = "one SHA-256 of it"
    return [
        figure("mu-law decode, a frame", lambda: decode(frame), hashing, hashed),
        figure("mu-law encode, a frame", lambda: encode(linear), hashing, hashed),
        figure("level of a frame", lambda: rms_dbfs(frame), hashing, hashed),
        figure(
            "talkspurts, a frame", lambda: spurts.feed(frame, 0.0), detecting, "webrtcvad alone"
        ),
        figure(
            "read a media message",
            lambda: read(message),
            per_second(lambda: base64.b64decode(json.loads(message)["media"]["payload"])),
            "json + base64",
        ),
        figure(
            "write a playAudio message",
            lambda: play_audio(frame),
            per_second(lambda: json.dumps({"payload": base64.b64encode(frame).decode()})),
            "json + base64",
        ),
        _whole(frame, detecting),
    ]


def _whole(frame: bytes, detecting: float) -> Figure:
    """Message → frame in order → talkspurt → playAudio, for a call that is heard and answered."""
    messages = [media(frame, chunk) for chunk in range(1, ROUNDS // BEST_OF + 1)]

    def one_call() -> None:
        jitter, spurts = JitterBuffer(), Talkspurts()
        for number, text in enumerate(messages):
            said = read(text)
            assert isinstance(said, Media)
            for part in jitter.push(
                said.audio,
                chunk=said.chunk,
                timestamp_ms=said.timestamp_ms,
                arrived_s=number * FRAME_S,
            ):
                spurts.feed(part, number * FRAME_S)
                play_audio(part)

    calls = min(_seconds(one_call) for _ in range(BEST_OF)) / len(messages)
    return Figure(
        "hear and answer, calls a core at 50 frames/s",
        1 / calls / FRAMES_A_SECOND,
        detecting / FRAMES_A_SECOND,
        "",
        "webrtcvad alone",
    )


def media(audio: bytes, chunk: int) -> str:
    body = {
        "track": "inbound",
        "timestamp": str(EPOCH_MS + 20 * chunk),
        "chunk": chunk,
        "payload": base64.b64encode(audio).decode(),
    }
    message = {"event": "media", "sequenceNumber": chunk + 1, "streamId": "s", "media": body}
    return json.dumps(message | {"extra_headers": "a=b"})


def per_second(work: Callable[[], object]) -> float:
    def rounds() -> None:
        for _ in range(ROUNDS):
            work()

    return ROUNDS / min(_seconds(rounds) for _ in range(BEST_OF))


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
