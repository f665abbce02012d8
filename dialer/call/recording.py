"""The recording of one call, which never ends the talk: a full disk ends only the recording."""

from __future__ import annotations

import logging
from pathlib import Path
from uuid import UUID

from dialer.audio.wav import Side, StereoWav
from dialer.call.desk import RecordingFile

log = logging.getLogger(__name__)


class Recording:
    """``path``: what the desk is told, relative to the data directory. Without a ``wav`` or a
    path nothing is recorded."""

    def __init__(self, wav: StereoWav | None, path: Path | None, attempt_id: UUID) -> None:
        self._wav, self._path, self._attempt_id = wav, path, attempt_id
        self._is_stopped = wav is None

    def write(self, side: Side, at_s: float, audio: bytes) -> None:
        """Add what was heard from ``at_s`` of the call clock on."""
        if self._wav is None or self._is_stopped:
            return
        try:
            self._wav.write(side, at_s, audio)
        except OSError as error:
            self._is_stopped = True
            self._tell("recording_stopped", error)

    def close(self) -> RecordingFile | None:
        """End it; return what there is of it."""
        if self._wav is None or self._path is None:
            return None
        self._is_stopped = True
        try:
            self._wav.close()
        except OSError as error:
            self._tell("recording_not_closed", error)
            return None
        return RecordingFile(self._path, self._wav.seconds)

    def _tell(self, event: str, error: OSError) -> None:
        extra = {"attempt_id": self._attempt_id, "error": type(error).__name__}
        log.error(event, extra=extra)
