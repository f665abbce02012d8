"""Plivo's XML vocabulary as a table: attributes with their limits, nesting, text (plivo.md §3).

URLs and methods are free text here: a bad one has its own hangup code (7022, 7032, ...) that
applies when it is used. Names are case-sensitive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

Check = Callable[[str], bool]

SSML = frozenset(
    {"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"}
)


class Text(Enum):
    NONE = auto()
    REQUIRED = auto()


@dataclass(frozen=True, slots=True)
class Shape:
    attributes: Mapping[str, Check] = field(default_factory=dict)
    children: frozenset[str] = frozenset()
    text: Text = Text.NONE
    required: frozenset[str] = frozenset()


def anything(_: str) -> bool:
    return True


def boolean(value: str) -> bool:
    return value in ("true", "false")


def one_of(*choices: str) -> Check:
    return lambda value: value in choices


def number(low: float, high: float = 1e9) -> Check:
    def check(value: str) -> bool:
        try:
            return low <= float(value) <= high
        except ValueError:
            return False

    return check


def whole(low: int, high: int = 10**9) -> Check:
    return lambda value: value.isascii() and value.isdigit() and low <= int(value) <= high


def auto_or(check: Check) -> Check:
    return lambda value: value == "auto" or check(value)


def keys(value: str) -> bool:
    return bool(value) and set(value) <= set("0123456789*#")


def finish_key(value: str) -> bool:
    return value in ("", "none") or (len(value) == 1 and keys(value))


def at_most(length: int) -> Check:
    return lambda value: len(value) <= length


_CALLED = {"sendDigits": anything, "sendOnPreanswer": boolean}
_ACTION = {"action": anything, "method": anything, "redirect": boolean}
_PROMPT = frozenset({"Speak", "Play"})
_PRE_ANSWER = _PROMPT | {"Wait", "GetDigits", "Redirect", "DTMF"}
_TOP = _PRE_ANSWER | {"GetInput", "Dial", "Record", "Hangup", "PreAnswer", "Stream"}

ELEMENTS: dict[str, Shape] = {
    "Response": Shape(children=_TOP),
    "Speak": Shape(
        {"voice": anything, "language": anything, "loop": whole(0), "type": anything},
        children=SSML,
        text=Text.REQUIRED,
    ),
    "Play": Shape({"loop": whole(0)}, text=Text.REQUIRED),
    "GetInput": Shape(
        {
            **_ACTION,
            "inputType": one_of("dtmf", "speech", "dtmf speech", "speech dtmf"),
            "executionTimeout": whole(5, 60),
            "digitEndTimeout": auto_or(whole(2, 10)),
            "speechEndTimeout": auto_or(whole(2, 10)),
            "numDigits": whole(1, 32),
            "finishOnKey": finish_key,
            "language": anything,
            "speechModel": one_of("default", "command_and_search", "phone_call"),
            "hints": at_most(10000),
            "profanityFilter": boolean,
            "interimSpeechResultsCallback": anything,
            "interimSpeechResultsCallbackMethod": anything,
            "log": boolean,
        },
        children=_PROMPT,
        required=frozenset({"action"}),
    ),
    "GetDigits": Shape(
        {
            **_ACTION,
            "timeout": number(0),
            "digitTimeout": number(0),
            "numDigits": whole(1, 99),
            "finishOnKey": finish_key,
            "retries": whole(1),
            "playBeep": boolean,
            "validDigits": keys,
            "invalidDigitsSound": anything,
            "log": boolean,
        },
        children=_PROMPT,
    ),
    "Dial": Shape(
        {
            **_ACTION,
            "timeout": number(1),
            "timeLimit": number(1),
            "callerId": anything,
            "callerName": at_most(50),
            "hangupOnStar": boolean,
            "confirmSound": anything,
            "confirmKey": keys,
            "confirmTimeout": number(1),
            "dialMusic": anything,
            "callbackUrl": anything,
            "callbackMethod": anything,
            "digitsMatch": anything,
            "digitsMatchBLeg": anything,
            "sipHeaders": anything,
        },
        children=frozenset({"Number", "User"}),
    ),
    "Number": Shape(_CALLED, text=Text.REQUIRED),
    "User": Shape(
        {
            **_CALLED,
            "sipHeaders": anything,
            "sipAuthUsername": anything,
            "sipAuthPassword": anything,
        },
        text=Text.REQUIRED,
    ),
    "Record": Shape(
        {
            **_ACTION,
            "fileFormat": one_of("mp3", "wav"),
            "timeout": number(1),
            "maxLength": number(1),
            "finishOnKey": finish_key,
            "playBeep": boolean,
            "recordSession": boolean,
            "startOnDialAnswer": boolean,
            "recordChannelType": one_of("stereo", "mono"),
            "transcriptionType": anything,
            "transcriptionUrl": anything,
            "transcriptionMethod": anything,
            "callbackUrl": anything,
            "callbackMethod": anything,
        }
    ),
    "Hangup": Shape({"reason": one_of("rejected", "busy"), "schedule": number(1)}),
    "Redirect": Shape({"method": anything}, text=Text.REQUIRED),
    "Wait": Shape(
        {"length": number(1), "silence": boolean, "minSilence": number(1), "beep": boolean}
    ),
    "DTMF": Shape({"async": boolean}, text=Text.REQUIRED),
    "PreAnswer": Shape(children=_PRE_ANSWER),
    "Stream": Shape(
        {
            "bidirectional": boolean,
            "keepCallAlive": boolean,
            "contentType": one_of(
                "audio/x-l16;rate=8000", "audio/x-l16;rate=16000", "audio/x-mulaw;rate=8000"
            ),
            "audioTrack": one_of("inbound", "outbound", "both"),
            "streamTimeout": whole(1, 86400),
            "statusCallbackUrl": anything,
            "statusCallbackMethod": one_of("GET", "POST"),
            "extraHeaders": anything,
            "noiseCancellation": boolean,
            "noiseCancellationLevel": whole(60, 100),
        },
        text=Text.REQUIRED,
    ),
}
