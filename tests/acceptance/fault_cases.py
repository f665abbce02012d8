"""Calls in which something goes wrong: who is called, what they do, and what is done to the call.

A case is drawn from its kind with dice of its own, so that a seed names the same calls again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from dialer.twin.faults import LLM_FAULTS, FaultKind

Deed = Literal["hang_up", "opt_out"]

_FIRST: Final = (
    *("Asha", "Ravi", "Meera", "Kiran", "Sunil", "Latha", "Vikram", "Neha", "Arjun", "Divya"),
    *("Imran", "Pooja", "Rahul", "Sonia", "Tarun", "Usha", "Varun", "Yamini", "Zoya", "Dev"),
)
_LAST: Final = (
    *("Rao", "Kulkarni", "Sharma", "Nair", "Iyer", "Gupta", "Menon", "Bose", "Patel", "Reddy"),
    *("Joshi", "Khan", "Dutta", "Pillai", "Verma"),
)

_YES, _BILL, _ROOF = "yes I do", "about five thousand rupees", "it is concrete"


@dataclass(frozen=True, slots=True)
class Case:
    """One call. ``at_vendors``: faults that find this call by the words it alone has.
    ``deed``: what is asked of the product over REST once the call is up, after ``deed_s``."""

    kind: str
    name: str
    script: Mapping[str, Any]
    at_vendors: tuple[Mapping[str, Any], ...] = ()
    deed: Deed | None = None
    deed_s: float = 0.0


def names() -> Iterator[str]:
    """Names of which none is part of another: a fault that looks for one finds one call."""
    return (f"{first} {last}" for last in _LAST for first in _FIRST)


def person(name: str, **more: Any) -> dict[str, Any]:
    """Somebody who answers all that is asked. The first answer holds the name."""
    talk = [
        {"hears": "own the house", "says": f"{_YES}, this is {name}", "times": 2},
        {"hears": "electricity bill", "says": _BILL, "times": 2},
        {"hears": "roof", "says": _ROOF, "times": 2},
    ]
    return {"ring_s": 1.0, "answer_after_s": 2.0, "talk": talk, **more}


Draw = Callable[[str, random.Random], Case]


def _stays(kind: str, **more: Any) -> Draw:
    return lambda name, dice: Case(kind, name, person(name, **more))


def _leaves(kind: str, earliest_s: float, latest_s: float) -> Draw:
    def draw(name: str, dice: random.Random) -> Case:
        return Case(kind, name, person(name, hang_up_after_s=dice.uniform(earliest_s, latest_s)))

    return draw


def _leaves_while_it_thinks(name: str, dice: random.Random) -> Case:
    """Gone as the answer's last sound is out: the model is asked for nobody."""
    script = person(name)
    number = dice.randrange(3)
    talk = [dict(each) for each in script["talk"]]
    talk[number]["hang_up"] = True
    return Case("leaves_while_it_thinks", name, script | {"talk": talk})


def _leaves_while_it_speaks(name: str, dice: random.Random) -> Case:
    script = person(name)
    leave = {
        "hears": dice.choice(["electricity", "roof"]),
        "hang_up": True,
        "interrupts_after_ms": dice.randrange(0, 900, 20),
    }
    return Case("leaves_while_it_speaks", name, script | {"talk": [leave, *script["talk"]]})


def _stream(kind: FaultKind, *, times: int | None = 1, latest_s: float = 0.0) -> Draw:
    def draw(name: str, dice: random.Random) -> Case:
        fault = {"kind": kind.value, "times": times, "delay_s": dice.uniform(0.0, latest_s)}
        shown = kind.value if times in (1, None) else f"{kind.value}_{times}"
        return Case(shown, name, person(name, faults=[fault]))

    return draw


def _model(kind: FaultKind) -> Draw:
    def draw(name: str, dice: random.Random) -> Case:
        times = dice.choice([1, None])
        delay_s = dice.uniform(1.0, 6.0) if kind is FaultKind.LLM_SLOW else 0.0
        fault = {
            "kind": kind.value,
            "times": times,
            "said": name,
            "delay_s": delay_s,
            "status": dice.choice([401, 429, 500, 503]),
        }
        return Case(kind.value, name, person(name), (fault,))

    return draw


def _voice(kind: FaultKind) -> Draw:
    def draw(name: str, dice: random.Random) -> Case:
        delay_s = dice.choice([0.0, 0.3, 1.5])
        if kind is FaultKind.TTS_SLOW:
            delay_s = dice.uniform(0.5, 5.0)
        fault = {
            "kind": kind.value,
            "times": dice.choice([1, None]),
            "said": name,
            "delay_s": delay_s,
            "status": dice.choice([402, 429, 500]),
        }
        return Case(kind.value, name, person(name), (fault,))

    return draw


def _asks(deed: Deed, kind: str) -> Draw:
    def draw(name: str, dice: random.Random) -> Case:
        return Case(kind, name, person(name), deed=deed, deed_s=dice.uniform(0.0, 12.0))

    return draw


_STREAM_DRAWS: Final[dict[str, Draw]] = {
    "stream_refused": _stream(FaultKind.STREAM_REFUSED),
    "stream_refused_3": _stream(FaultKind.STREAM_REFUSED, times=3),
    "stream_cut": _stream(FaultKind.STREAM_CUT, latest_s=14.0),
    "stream_stalls": _stream(FaultKind.STREAM_STALLS, latest_s=10.0),
    "second_stream": _stream(FaultKind.SECOND_STREAM, latest_s=12.0),
    "played_lost": _stream(FaultKind.PLAYED_LOST, times=None),
    "media_gaps": _stream(FaultKind.MEDIA_GAPS),
    "media_before_start": _stream(FaultKind.MEDIA_BEFORE_START),
    "garbage_media": _stream(FaultKind.GARBAGE_MEDIA),
}
_VOICE_FAULTS: Final = (
    FaultKind.TTS_DIES,
    FaultKind.TTS_STALLS,
    FaultKind.TTS_ERROR_EVENT,
    FaultKind.TTS_GARBAGE_AUDIO,
    FaultKind.TTS_CHUNKS_AFTER_CANCEL,
    FaultKind.TTS_SLOW,
)

DRAWS: Final[dict[str, Draw]] = {
    "nothing": _stays("nothing"),
    "leaves_at_once": _leaves("leaves_at_once", 0.0, 0.2),
    "leaves_in_opening": _leaves("leaves_in_opening", 0.2, 8.0),
    "leaves_while_it_thinks": _leaves_while_it_thinks,
    "leaves_while_it_speaks": _leaves_while_it_speaks,
    "hung_up_by_rest": _asks("hang_up", "hung_up_by_rest"),
    "opted_out_by_rest": _asks("opt_out", "opted_out_by_rest"),
    **_STREAM_DRAWS,
    **{kind.value: _model(kind) for kind in LLM_FAULTS},
    **{kind.value: _voice(kind) for kind in _VOICE_FAULTS},
}

#: These strike the next sockets, whoever's they are: their calls begin before all others of a
#: wave. How many handshakes each takes of one call.
SOCKET_FAULTS: Final[dict[FaultKind, int]] = {
    FaultKind.STT_REFUSED: 3,
    FaultKind.STT_DIES: 1,
    FaultKind.STT_STALLS: 1,
    FaultKind.STT_NO_SPEECH_FINAL: 1,
    FaultKind.STT_UNKNOWN_EVENTS: 1,
    FaultKind.STT_GARBAGE: 1,
    FaultKind.TTS_REFUSED: 1,
}
#: These strike what anybody says: a wave with one of them has no other calls that are talked in.
UTTERANCE_FAULTS: Final = (FaultKind.STT_LATE_FINALS, FaultKind.STT_NO_WORDS)
WITHOUT_WORDS: Final = ("leaves_at_once", "stream_refused_3")


@dataclass(frozen=True, slots=True)
class Wave:
    """Calls that are up together. ``socket``: the fault of the first calls, which are ``first``."""

    fault: Mapping[str, Any] | None
    first: tuple[Case, ...]
    rest: tuple[Case, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        return (*self.first, *self.rest)


def waves(seed: int, *, size: int, first: int, count: int) -> Iterator[Wave]:
    """Draw ``count`` waves of ``size`` calls, of which ``first`` meet the wave's own fault."""
    dice = random.Random(seed)
    free = names()
    kinds = [*SOCKET_FAULTS, *UTTERANCE_FAULTS]
    dice.shuffle(kinds)
    bag: list[str] = []
    for number in range(count):
        kind = kinds[number % len(kinds)]
        is_of_utterances = kind in UTTERANCE_FAULTS
        fault = {
            "kind": kind.value,
            "times": None if is_of_utterances else first * SOCKET_FAULTS[kind],
            "delay_s": dice.uniform(1.0, 8.0) if not is_of_utterances else dice.uniform(1.0, 3.0),
        }
        struck = tuple(Case(kind.value, name, person(name)) for name in _take(free, first))
        rest = []
        for name in _take(free, size - first):
            if is_of_utterances:
                drawn = dice.choice(WITHOUT_WORDS)
            else:
                bag = bag or dice.sample(sorted(DRAWS), len(DRAWS))
                drawn = bag.pop()
            rest.append(DRAWS[drawn](name, dice))
        yield Wave(fault, struck, tuple(rest))


def _take(free: Iterator[str], count: int) -> list[str]:
    return [next(free) for _ in range(count)]
