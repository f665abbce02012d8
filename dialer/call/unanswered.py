"""A recogniser that takes the audio and says nothing, found by what it must have heard. Pure."""

from __future__ import annotations

from typing import Final

from dialer.audio.mulaw import FRAME_S

#: Less than this may be a cough, which no recogniser needs to answer.
SPEECH_S: Final = 0.6
#: One that works tells of speech within a second, and of sound without words a little later; a
#: socket on which only audio flows stays open for ever.
ANSWER_WITHIN_S: Final = 5.0


class Unanswered:
    """What the callee said since the recogniser last said anything, on the media clock."""

    def __init__(self) -> None:
        self._speech_s = 0.0
        self._since_s: float | None = None

    def answered(self) -> None:
        """The recogniser said something, whatever it was."""
        self._speech_s, self._since_s = 0.0, None

    def feed(self, at_s: float, *, is_speech: bool) -> bool:
        """Take in the frame at ``at_s``; return whether an answer is overdue."""
        if is_speech:
            self._speech_s += FRAME_S
            self._since_s = at_s if self._since_s is None else self._since_s
        if self._since_s is None or self._speech_s < SPEECH_S:
            return False
        return at_s - self._since_s >= ANSWER_WITHIN_S
