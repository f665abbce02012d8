"""The witness of talks: who was heard when, on the call's own clock (seconds since the answer)."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Final

from dialer.twin.callee import Script
from dialer.twin.conversation import Answerphone, Person
from dialer.twin.ear import FRAME_S, Ear
from dialer.twin.mulaw import SAMPLE_RATE_HZ
from dialer.twin.recognition import Utterance

MOST_TALKS: Final = 200
MOST_AUDIO_BYTES: Final = 60 * SAMPLE_RATE_HZ  # of each side of each talk
HOLE_S: Final = 0.06
_LONGEST_HOLE_S: Final = 3.0  # what comes later is another talkspurt
_RECOGNISED_S: Final = 0.1  # the recogniser knows what plays


@dataclass(slots=True, eq=False)
class Talk:
    """One call's streams, one after the other. ``played`` is what the callee heard, ``heard`` what
    came from the callee: 8 kHz mu-law, both from the first frame of the first stream."""

    call_uuid: str
    phone: str
    script: Script
    ear: Ear
    party: Person | Answerphone
    starts_s: float = 0.0  # of the first stream
    played: bytearray = field(default_factory=bytearray)
    heard: bytearray = field(default_factory=bytearray)
    clears: list[dict[str, object]] = field(default_factory=list)
    holes: list[dict[str, object]] = field(default_factory=list)
    checkpoints: Counter[str] = field(default_factory=Counter)  # asked, played, dropped, lost
    messages: Counter[str] = field(default_factory=Counter)  # by what they were
    digits_sent: str = ""
    is_over: bool = False
    _dry_since_s: float | None = None
    _before_dry: Utterance | None = None
    _suspect: tuple[float, float, Utterance] | None = None  # dry from, to; what broke off

    def take(self, now_s: float, played: bytes, frame: bytes, emitted: bytes) -> None:
        """One frame: ``played`` of it came from the customer, the rest is silence."""
        if len(self.played) < MOST_AUDIO_BYTES:
            self.played += frame
        if len(self.heard) < MOST_AUDIO_BYTES:
            self.heard += emitted
        self._watch_for_holes(now_s, len(played) == len(frame))

    def clear(self, now_s: float, dropped_ms: int, dropped_checkpoints: int) -> None:
        """The customer dropped what was not played yet: no hole follows."""
        self.clears.append({"at_s": round(now_s, 3), "dropped_ms": dropped_ms})
        self.checkpoints["dropped"] += dropped_checkpoints
        if dropped_ms and self.ear.is_talking(now_s):
            self.ear.cut()
        self._before_dry = self._suspect = None

    def _watch_for_holes(self, now_s: float, is_fed: bool) -> None:
        """A hole: the queue ran dry within a known recording, which then went on."""
        if not is_fed:
            if self._dry_since_s is None:
                self._dry_since_s = now_s
                going_on = self.ear.listener.utterance
                self._before_dry = going_on if self.ear.listener.is_speech else None
            return
        if self._dry_since_s is not None:
            dry_s = now_s - self._dry_since_s
            if self._before_dry is not None and HOLE_S < dry_s < _LONGEST_HOLE_S:
                self._suspect = (self._dry_since_s, now_s, self._before_dry)
            self._dry_since_s = self._before_dry = None
        if self._suspect is not None and now_s - self._suspect[1] >= _RECOGNISED_S:
            from_s, to_s, before = self._suspect
            after = self.ear.listener.utterance
            if after is not None and after.goes_on(before):
                ms = round((to_s - from_s) * 1000)
                self.holes.append({"at_s": round(from_s, 3), "ms": ms})
            self._suspect = None

    def report(self) -> dict[str, object]:
        """All times in seconds since the answer."""
        utterances = self._utterances()
        return {
            "call_uuid": self.call_uuid,
            "to": self.phone,
            "script": self.script.name,
            "starts_s": round(self.starts_s, 3),
            "seconds": round(len(self.heard) / SAMPLE_RATE_HZ, 3),
            "is_over": self.is_over,
            "callee": utterances,
            "agent": [
                {
                    "starts_s": round(spurt.starts_s, 3),
                    "ends_s": round(spurt.ends_s, 3),
                    "text": " ".join(spurt.words),
                    "last_word": spurt.words[-1] if spurt.words else "",
                    "was_cleared": spurt.was_cleared,
                }
                for spurt in self.ear.spurts
            ],
            "keys": [{"key": k, "at_s": round(at_s, 3)} for k, at_s in self.party.mouth.keys],
            "voice_to_voice_ms": [
                each["voice_to_voice_ms"]
                for each in utterances
                if each["voice_to_voice_ms"] is not None
            ],
            "clears": list(self.clears),
            "holes": list(self.holes),
            "checkpoints": dict(self.checkpoints),
            "messages": dict(self.messages),
            "digits_sent": self.digits_sent,
        }

    def _utterances(self) -> list[dict[str, object]]:
        """What the callee said, each with the time from its end to the next start of the agent,
        unless the callee spoke again before."""
        said = self.party.mouth.said
        ends = [each.starts_s for each in said[1:]] + [float("inf")]
        return [
            {
                "text": each.text,
                "starts_s": round(each.starts_s, 3),
                "ends_s": round(each.ends_s, 3),
                "voice_to_voice_ms": self._answer_ms(each.ends_s, next_s),
            }
            for each, next_s in zip(said, ends, strict=False)
        ]

    def _answer_ms(self, ended_s: float, next_s: float) -> int | None:
        starts = (spurt.starts_s for spurt in self.ear.spurts)
        answer_s = next((at_s for at_s in starts if at_s >= ended_s - FRAME_S), float("inf"))
        return round((answer_s - ended_s) * 1000) if answer_s < next_s else None


class Talks:
    """The last 200 talks by call."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Talk] = OrderedDict()

    def find(self, call_uuid: str) -> Talk | None:
        return self._kept.get(call_uuid)

    def add(self, talk: Talk) -> None:
        self._kept[talk.call_uuid] = talk
        if len(self._kept) > MOST_TALKS:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        self._kept.clear()
