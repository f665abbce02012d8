"""How the callee hears the agent: sound, silence and the words that are recognised in it.

Pure. Times are seconds since the call was answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from dialer.twin.mulaw import LEVELS, SAMPLE_RATE_HZ
from dialer.twin.recognition import Library, Listener

FRAME_S: Final = 0.02
FRAME_BYTES: Final = 160
SPURT_GAP_S: Final = 0.35  # so much silence ends a talkspurt
_LOUD: Final = 200  # of 32768: -44 dBFS
_QUIET_CODES: Final = bytes(code for code in range(256) if abs(LEVELS[code]) <= _LOUD)
_LOUD_SAMPLES: Final = 8  # of a frame; fewer are a click


def is_loud(frame: bytes) -> bool:
    """There is more in the frame than line noise."""
    return len(frame.translate(None, _QUIET_CODES)) > _LOUD_SAMPLES


@dataclass(slots=True, eq=False)
class Spurt:
    """One talkspurt of the agent as it was played. What comes after a clear is another."""

    starts_s: float
    ends_s: float
    words: list[str] = field(default_factory=list)
    was_cleared: bool = False


class Ear:
    """Hears the agent frame by frame. A pause inside a known recording is not the end of it."""

    def __init__(self, library: Library) -> None:
        self.spurts: list[Spurt] = []
        self.listener = Listener(library)

    @property
    def latest(self) -> Spurt | None:
        return self.spurts[-1] if self.spurts else None

    def hear(self, frame: bytes, now_s: float) -> list[str]:
        """``frame`` was played from ``now_s`` on; the words that ended in it."""
        spurt = self.latest
        if is_loud(frame):
            if spurt is None or spurt.was_cleared or not self.is_talking(now_s):
                spurt = Spurt(now_s, now_s)
                self.spurts.append(spurt)
            spurt.ends_s = now_s + len(frame) / SAMPLE_RATE_HZ
        words = [word.text for word in self.listener.feed(frame)]
        if words and spurt is not None:
            spurt.words += words
        return words

    def cut(self) -> None:
        """The agent has stopped in mid-speech."""
        spurt = self.latest
        if spurt is not None:
            spurt.was_cleared = True
            spurt.words += [word.text for word in self.listener.cut()]

    def silent_s(self, now_s: float) -> float:
        """For how long the agent has been silent at ``now_s``; 0 while a recording goes on, and
        endless before the first sound."""
        spurt = self.latest
        if spurt is None:
            return float("inf")
        if self.listener.is_speech:
            return 0.0
        return max(0.0, now_s - spurt.ends_s)

    def is_talking(self, now_s: float) -> bool:
        return self.silent_s(now_s) < SPURT_GAP_S
