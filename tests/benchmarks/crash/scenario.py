"""How one run is set up: limits, people, campaigns, and how often something is killed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.acceptance.line import CALLER_ID

#: A tenth of design §6.4's bounds, as the twin's times are a tenth.
RECOVERY = "placing=1.5,first_absence=4.5,absence=3,lookup=2,cdr_slack=12,late=360"
TIME_SCALE = 0.1
MAX_ATTEMPTS = 3
#: Outcomes after which a lead is called again, and how long after.
RETRIED = ("busy", "no_answer", "rejected", "failed")
RETRY_AFTER = "PT3S"

_HEAD = {
    "campaign": {
        "name": "crash",
        "kind": "notification",
        "category": "service",
        "entity": "other",
        "rule_packs": ["in"],
    },
    "dialing": {"caller_ids": [CALLER_ID], "ring_timeout_s": 20, "max_call_s": 60},
    "retry": {
        "max_attempts": MAX_ATTEMPTS,
        "delays": {outcome: [RETRY_AFTER] for outcome in RETRIED},
    },
}
_MENU = {
    "message": "Hello {name}. Press 1 to confirm, 2 to move it, 9 to stop calls.",
    "keys": {"1": "confirmed", "2": "reschedule", "9": "opted_out"},
}
_AGENT = {
    "opening": "Hello {name}, this is Asha from Surya Homes.",
    "disclosure": "I am an AI assistant and this call is recorded. Say stop calling at any time.",
    "questions": [{"id": "owns_home", "type": "yes_no", "ask": "Do you own the house?"}],
    "qualified_when": [{"question": "owns_home", "op": "==", "value": True}],
    "goodbye": "Thank you, goodbye.",
}
_BY_KEYPAD: dict[str, Any] = {**_HEAD, "notification": {**_MENU, "delivery": "xml"}}
_BY_VOICE: dict[str, Any] = {**_HEAD, "notification": {**_MENU, "delivery": "stream"}}
_BY_AGENT: dict[str, Any] = {
    **_HEAD,
    "campaign": {**_HEAD["campaign"], "kind": "qualification"},
    "agent": _AGENT,
}


@dataclass(frozen=True, slots=True)
class Person:
    """A callee: the twin's script, faults included."""

    phone: str
    script: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    """kill_every_s: mean time between two acts of violence. batch: leads of one campaign.

    least_kills, least_downs: SIGKILLs and restarts of Postgres below which the run is no test yet:
    people go on being called under fire until then, for ``most_minutes`` in all."""

    name: str
    seed: int
    attempts: int
    cap: int
    cps: float
    is_streamed: bool = False
    batch: int = 400
    kill_every_s: float = 5.0
    postgres_every_s: float = 75.0
    burst_every_s: float = 25.0
    workers: tuple[int, int] = (1, 4)
    webs: tuple[int, int] = (1, 2)
    minutes: float = 14.0  # nothing new is launched after this
    least_kills: int = 0
    least_downs: int = 0
    most_minutes: float = 20.0
    settle_s: float = 45.0  # without any change, once nobody is killed any more: it is stuck
    faulted: float = 0.45  # share of people with whom something goes wrong
    with_kills: bool = True
    is_told: bool = True  # a customer's system hears of every event

    def is_tested(self, *, kills: int, downs: int) -> bool:
        """True once enough was done to the product. Which deed comes when is chance, and on a busy
        machine fewer come in the same time."""
        is_enough = kills >= self.least_kills and downs >= self.least_downs
        return is_enough or not self.with_kills

    def definition(self, wave: int) -> dict[str, Any]:
        if not self.is_streamed:
            return _BY_KEYPAD
        return _BY_AGENT if wave % 2 else _BY_VOICE

    def people(self, wave: int) -> Iterator[Person]:
        """The same people for the same seed and wave."""
        dice = random.Random(f"{self.seed} {self.name} people {wave}")
        for index in range(self.batch):
            faults = _faults(dice, self.is_streamed) if dice.random() < self.faulted else []
            script = _streamed(dice) if self.is_streamed else _keyed(dice)
            yield Person(_phone(wave * self.batch + index), {**script, "faults": faults})


def _phone(number: int) -> str:
    return f"+91987{6_000_000 + number:07d}"


def _pick(dice: random.Random, shares: Mapping[str, float]) -> str:
    return dice.choices([*shares], weights=[*shares.values()])[0]


_WHO = {
    "confirms": 34,
    "reschedules": 10,
    "opts_out": 3,
    "silent": 6,
    "leaves": 6,
    "busy_first": 9,
    "out_first": 4,
    "busy": 7,
    "rejects": 5,
    "rings_out": 5,
    "invalid": 3,
    "unreachable": 4,
    "voicemail": 4,
}
_BEHAVIOURS = {
    "busy": "busy",
    "rejects": "reject",
    "rings_out": "ring_out",
    "invalid": "invalid",
    "unreachable": "unreachable",
    "voicemail": "voicemail",
}
_KEYS = {"confirms": "1", "reschedules": "2", "opts_out": "9"}


def _keyed(dice: random.Random) -> dict[str, Any]:
    """A person at the keypad; seconds are before the twin's time scale."""
    who = _pick(dice, _WHO)
    script: dict[str, Any] = {
        "name": who,
        "ring_s": round(dice.uniform(0.5, 4.0), 2),
        "answer_after_s": round(dice.uniform(1.0, 12.0), 2),
    }
    if behaviour := _BEHAVIOURS.get(who):
        return script | {"behaviour": behaviour}
    if who == "leaves":
        return script | {"hang_up_after_s": round(dice.uniform(0.5, 8.0), 2)}
    keys = _KEYS.get(who, "1" if who.endswith("_first") else "")
    reacts = [{"keys": keys, "after_s": round(dice.uniform(1.0, 8.0), 2)}] if keys else []
    answers = {**script, "reactions": reacts}
    if who.endswith("_first"):
        first = {**script, "behaviour": "busy" if who == "busy_first" else "ring_out"}
        return script | {"attempts": [first, answers]}
    return answers


_WHO_TALKS = {
    "yes": 45,
    "no": 10,
    "keys": 20,
    "leaves": 8,
    "busy": 7,
    "rings_out": 4,
    "rejects": 3,
    "voicemail": 3,
}
_ASKED = r"own the house\?"
_MENU_HEARD = r"\bpress\b"


def _streamed(dice: random.Random) -> dict[str, Any]:
    """A person on a <Stream>: answers the question in words, a menu with a key."""
    who = _pick(dice, _WHO_TALKS)
    script: dict[str, Any] = {
        "name": who,
        "ring_s": round(dice.uniform(0.5, 4.0), 2),
        "answer_after_s": round(dice.uniform(1.0, 8.0), 2),
        "greeting_s": 2.0,
        "voice": f"person {dice.randrange(4)}",
    }
    if behaviour := _BEHAVIOURS.get(who):
        return script | {"behaviour": behaviour}
    if who == "leaves":
        return script | {"hang_up_after_s": round(dice.uniform(1.0, 6.0), 2)}
    says = "No, I do not." if who == "no" else "Yes, I do."
    talk = [
        {"hears": _MENU_HEARD, "keys": "1", "interrupts_after_ms": 200, "times": 2},
        {"hears": _ASKED, "says": says, "times": 3},
    ]
    return script | {"greets": "Hello?", "talk": talk}


#: Kind → (share, what else it is told). Replies wait in real seconds, all else in the twin's time.
_AT_PLACING: Mapping[str, float] = {
    "reset_after_placing": 8,
    "late_reply": 8,
    "error_after_placing": 8,
    "error_before_placing": 5,
    "reset_before_placing": 5,
    "no_request_uuid": 4,
    "redirect_reply": 3,
    "uuid_array": 3,
    "rate_limited": 3,
    "over_cap": 3,
}
_IN_CALL: Mapping[str, float] = {
    "uuid_differs": 8,
    "queue_stuck": 4,
    "cdr_delayed": 6,
    "hang_up_races": 2,
    "callback_lost": 14,
    "callback_doubled": 10,
    "callback_delayed": 14,
    "no_ring_callback": 5,
    "answer_twice": 5,
    "hangup_before_answer": 5,
    "two_signatures": 3,
    "subaccount_signed": 3,
    "list_error": 5,
}
_ON_STREAM: Mapping[str, float] = {
    "stream_refused": 8,
    "stream_cut": 8,
    "stream_stalls": 2,
    "second_stream": 10,
    "played_lost": 4,
    "media_gaps": 4,
    "media_before_start": 3,
    "garbage_media": 3,
}
_CALLBACKS = ("ring", "answer", "hangup", "input", "")


def _faults(dice: random.Random, is_streamed: bool) -> list[dict[str, Any]]:
    """One to three things that go wrong with one person, each once or twice."""
    shares = {**_AT_PLACING, **_IN_CALL, **({**_ON_STREAM} if is_streamed else {})}
    return [_fault(dice, _pick(dice, shares)) for _ in range(dice.choice((1, 1, 1, 2, 3)))]


def _fault(dice: random.Random, kind: str) -> dict[str, Any]:
    fault: dict[str, Any] = {"kind": kind, "times": dice.choice((1, 1, 1, 2))}
    if kind in ("error_after_placing", "error_before_placing", "list_error"):
        fault["status"] = dice.choice((500, 502, 503, 504))
    if kind in ("reset_after_placing", "error_after_placing"):
        fault["delay_s"] = dice.choice((0.0, 0.0, 0.5, 1.5))  # the phone rings by then, or talks
    if kind == "late_reply":
        fault["delay_s"] = dice.choice((1.0, 2.0, 4.0, 9.5))  # the last: after our patience
    if kind == "queue_stuck":
        fault["delay_s"] = round(dice.uniform(20.0, 120.0), 1)
    if kind == "cdr_delayed":
        fault["delay_s"] = round(dice.uniform(5.0, 50.0), 1)
    if kind == "callback_delayed":
        fault["delay_s"] = dice.choice((2.0, 10.0, 60.0))
    if kind == "stream_cut":
        fault["delay_s"] = round(dice.uniform(0.5, 4.0), 1)
    if kind in ("stream_stalls", "second_stream"):
        fault["delay_s"] = round(dice.uniform(0.5, 3.0), 1)
    if kind.startswith("callback_"):
        fault["callback"] = dice.choice(_CALLBACKS)
    return fault


def bursts(dice: random.Random) -> dict[str, Any]:
    """Something that goes wrong with whoever comes next, enough of them for a breaker to open. It
    asks one by one whether it is over, so that more would hold the account for minutes."""
    kind = dice.choice(("rate_limited", "over_cap", "error_before_placing", "list_error"))
    return {"kind": kind, "times": dice.randint(4, 9), "status": 503}
