"""Ten kinds of people and the campaigns that call them. A persona and a seed give one person: the
twin's script of them, and what the product must have stored when they have hung up."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dialer.agent.moves import Answer
from tests.acceptance.line import CALLER_ID
from tests.acceptance.persona_words import ASKED, ENGLISH, HINDI, HINGLISH, Manner

COLLEAGUE = "+912241000007"
_TO_THE_POINT = "I am an AI, the call is recorded. Say stop calling to opt out."
_QUESTIONS: dict[str, dict[str, Any]] = {
    "owns": {"type": "yes_no", "ask": "Do you own your house?"},
    "bill": {"type": "number", "ask": "How much is your monthly bill?"},
    "roof": {
        "type": "choice",
        "choices": ["concrete", "tin", "tiled"],
        "ask": "Is your roof concrete, tin or tiled?",
    },
    "day": {"type": "date", "ask": "Which day may we visit?"},
}
_HINDI_QUESTIONS: dict[str, dict[str, Any]] = {
    "owns": {"type": "yes_no", "ask": "क्या घर आपका अपना है?"},
    "bill": {"type": "number", "ask": "बिजली का बिल कितने रुपये है?"},
    "day": {"type": "date", "ask": "हम किस दिन आएँ?"},
}
_KEYS: dict[str, tuple[str, Answer]] = {
    "bill": ("4170#", 4170),
    "roof": ("2", "tin"),
    "day": ("05122026", "2026-12-05"),
}
_ENOUGH = 2000  # rupees a month


def _campaign(language: str, ids: Sequence[str]) -> dict[str, Any]:
    """A campaign of some questions; it wants people with a high bill, and of their own house."""
    is_hindi = language == "hi"
    questions = _HINDI_QUESTIONS if is_hindi else _QUESTIONS
    wanted = {
        "owns": {"question": "owns", "op": "==", "value": True},
        "bill": {"question": "bill", "op": ">=", "value": _ENOUGH},
    }
    opening = "नमस्ते {name}, सूर्या होम्स से।" if is_hindi else "Hello {name}, Surya Homes here."
    disclosure = (
        "मैं एआई हूँ, कॉल रिकॉर्ड होती है। न चाहें तो कहिए, कॉल मत करना।" if is_hindi else _TO_THE_POINT
    )
    knowledge = (
        "आपका नंबर हमें वेबसाइट के फ़ॉर्म से मिला। खर्च छत पर निर्भर है।"
        if is_hindi
        else "We got your number from our website's form. Surya Homes is a licensed company. "
        "The cost depends on the roof."
    )
    return {
        "campaign": {
            "name": f"{language} {' '.join(ids)}",
            "kind": "qualification",
            "category": "service",
            "entity": "other",
            "rule_packs": ["in"],
            "language": "hi-IN" if is_hindi else "en-IN",
        },
        "dialing": {"caller_ids": [CALLER_ID], "ring_timeout_s": 20},
        "retry": {"max_attempts": 1},
        "transfer": {"to": COLLEAGUE, "when": ["asked", "frustrated"]},
        "agent": {
            "opening": opening,
            "disclosure": disclosure,
            "goodbye": "नमस्ते।" if is_hindi else "Goodbye.",
            "knowledge": knowledge,
            "questions": [{"id": each, **questions[each]} for each in ids],
            "qualified_when": [wanted[each] for each in ids if each in wanted],
        },
    }


CAMPAIGNS: Mapping[str, dict[str, Any]] = {
    "solar": _campaign("en", ("owns", "bill", "roof")),
    "visit": _campaign("en", ("bill", "roof", "day")),
    "hindi": _campaign("hi", ("owns", "bill", "day")),
    "home": _campaign("en", ("owns", "roof")),
    "date": _campaign("en", ("bill", "day")),
    "short_hindi": _campaign("hi", ("owns", "bill")),
}
#: Who talks beside the questions is asked fewer: a talk is over in 25 s.
_TALKATIVE = frozenset({"interrupts", "objects", "hesitates"})
#: Words of the opening and how soon after them an interrupter speaks.
_OPENINGS = {"en": ("Homes", r"\bAI\b", "recorded"), "hi": ("होम्स", "एआई", "रिकॉर्ड")}


@dataclass(frozen=True, slots=True)
class Conversation:
    """One person of a campaign: the twin's script, and what must be known afterwards.

    interrupts: whether the agent is talked over, and must have stopped.
    """

    name: str
    campaign: str
    script: dict[str, Any]
    answers: Mapping[str, Answer]
    disposition: str
    callback_at: datetime | None = None
    transfer_reason: str | None = None
    interrupts: bool = False


@dataclass(slots=True)
class Player:
    """One person in the making: draws words, and remembers what they come to."""

    draw: random.Random
    campaign: str
    manner: Manner
    talk: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def tongue(self) -> str:
        return CAMPAIGNS[self.campaign]["campaign"]["language"][:2]

    @property
    def ids(self) -> list[str]:
        return [each["id"] for each in CAMPAIGNS[self.campaign]["agent"]["questions"]]

    def asked(self, question: str) -> str:
        return ASKED[self.tongue][question]

    def say(self, hears: str, says: str, **more: Any) -> None:
        after_ms = self.draw.randrange(250, 700, 50)
        self.talk.append({"hears": hears, "says": says, "after_ms": after_ms} | more)

    def answer(self, question: str, *, is_good: bool = True) -> str:
        """Draw an answer, remember its value; return the words."""
        words: str
        value: Answer
        manner = self.manner
        if question == "owns":
            words, value = self.draw.choice(manner.yes if is_good else manner.no), is_good
        elif question == "bill":
            words, value = self.draw.choice(manner.high if is_good else manner.low)
        else:
            words, value = self.draw.choice(manner.roof if question == "roof" else manner.day)
        self.answers[question] = value
        return words

    def answer_all(self, *, but: Sequence[str] = (), bad: Sequence[str] = ()) -> None:
        for each in self.ids:
            if each not in but:
                self.say(self.asked(each), self.answer(each, is_good=each not in bad), times=3)

    def interrupt_opening(self, says: str) -> None:
        word = self.draw.choice(_OPENINGS[self.tongue])
        late_ms = self.draw.randrange(60, 400, 20)
        self.say(word, says, interrupts_after_ms=late_ms)

    def become(self, name: str, disposition: str, **more: Any) -> Conversation:
        script = {
            "name": name,
            "language": self.manner.language,
            "voice": f"{name}-{self.draw.randrange(1000)}",
            "greets": self.draw.choice(self.manner.greets),
            "patience_ms": self.draw.randrange(300, 450, 50),
            "answer_after_s": 1.0,
            "ring_s": 0.5,
            "talk": self.talk,
        }
        return Conversation(name, self.campaign, script, self.answers, disposition, **more)


def _qualifies(player: Player, name: str) -> Conversation:
    player.answer_all()
    return player.become(name, "qualified")


def _does_not_qualify(player: Player, name: str) -> Conversation:
    deciding = [each for each in player.ids if each in ("owns", "bill")]
    player.answer_all(bad=[player.draw.choice(deciding)])
    return player.become(name, "not_qualified")


def _interrupts(player: Player, name: str) -> Conversation:
    """Talks over the opening, or begins to answer while a question is being asked."""
    if player.draw.random() < 0.6:
        player.interrupt_opening(player.draw.choice(player.manner.waits))
        player.answer_all()
    else:
        early = player.ids[1]
        heard = {"bill": r"\bmuch|बिजली", "roof": r"\broof", "day": r"\bWhich"}[early]
        words = player.answer(early)
        late_ms = player.draw.randrange(0, 120, 20)
        player.say(heard, words, interrupts_after_ms=late_ms)
        player.answer_all(but=[early])
        player.say(player.asked(early), words, times=2)
    return player.become(name, "qualified", interrupts=True)


def _objects(player: Player, name: str) -> Conversation:
    at = player.asked(player.draw.choice(player.ids[:2]))
    player.say(at, player.draw.choice(player.manner.objections))
    player.answer_all()
    return player.become(name, "qualified")


def _wants_a_person(player: Player, name: str) -> Conversation:
    """Asks for one, or is fed up: at the first question or at the second."""
    answered = player.draw.randrange(2)
    for each in player.ids[:answered]:
        player.say(player.asked(each), player.answer(each))
    reason = player.draw.choice(("asked", "frustrated"))
    words = player.manner.human if reason == "asked" else player.manner.annoyed
    player.say(player.asked(player.ids[answered]), player.draw.choice(words))
    return player.become(name, "transferred", transfer_reason=reason)


def _later(player: Player, name: str) -> Conversation:
    words, at = player.draw.choice(player.manner.later)
    answered = player.draw.randrange(2)
    for each in player.ids[:answered]:
        player.say(player.asked(each), player.answer(each))
    player.say(player.asked(player.ids[answered]), words)
    return player.become(name, "callback", callback_at=at)


def _stops(player: Player, name: str) -> Conversation:
    """Wants no more calls, and half of them do not wait for the agent to end."""
    words = player.draw.choice(player.manner.stops)
    interrupts = player.draw.random() < 0.5
    if interrupts:
        player.interrupt_opening(words)
    else:
        player.say(player.asked(player.ids[0]), words)
    return player.become(name, "opted_out", interrupts=interrupts)


def _hesitates(player: Player, name: str) -> Conversation:
    """Asks again, says what is no answer, presses keys, or hangs up on the second question."""
    first, second = player.ids[:2]
    match player.draw.randrange(4):
        case 0:
            player.say(player.asked(first), player.draw.choice(player.manner.again))
            player.answer_all()
        case 1:
            player.say(player.asked(second), player.draw.choice(player.manner.loose))
            player.answer_all(but=[second])
            # What is asked after an unclear answer begins with what an answer should be.
            player.say(player.asked(second), player.answer(second), times=3)
        case 2:
            player.answer_all(but=[second])
            keys, player.answers[second] = _KEYS[second]
            player.say(player.asked(second), "", keys=keys)
        case _:
            player.say(player.asked(first), player.answer(first))
            player.say(player.asked(second), "", hang_up=True, interrupts_after_ms=40)
            return player.become(name, "incomplete")
    return player.become(name, "qualified")


_KINDS: Mapping[str, Callable[[Player, str], Conversation]] = {
    "qualifies": _qualifies,
    "does_not_qualify": _does_not_qualify,
    "hinglish": _qualifies,
    "hindi": _qualifies,
    "interrupts": _interrupts,
    "objects": _objects,
    "wants_a_person": _wants_a_person,
    "later": _later,
    "stops": _stops,
    "hesitates": _hesitates,
}
PERSONAS: Sequence[str] = tuple(_KINDS)


def person(name: str, seed: int) -> Conversation:
    """The same every time."""
    draw = random.Random(f"{name} {seed}")
    english, hindi = ("solar", "visit"), "hindi"
    if name in _TALKATIVE:
        english, hindi = ("home", "date"), "short_hindi"
    campaign, manner = draw.choice(english), ENGLISH
    if name == "hinglish":
        # They are asked in either language.
        campaign, manner = draw.choice((*english, hindi)), HINGLISH
    elif name == "hindi" or seed % 7 == 6:
        campaign, manner = hindi, HINDI
    return _KINDS[name](Player(draw, campaign, manner), f"{name} {seed}")


def people(seeds: Sequence[int]) -> list[Conversation]:
    """Every persona with every seed."""
    return [person(name, seed) for seed in seeds for name in PERSONAS]
