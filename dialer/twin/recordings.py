"""What was recorded. There is no sound yet: the files hold silence of the right length."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from datetime import datetime

from dialer.twin.calls import Call, Page, new_uuid
from dialer.twin.clock import Clock

SAMPLE_RATE_HZ = 8000


@dataclass(slots=True, eq=False)
class Recording:
    recording_id: str
    call_uuid: str
    file_format: str
    started_at: datetime
    channels: str
    callback: Page | None  # told when the file is ready
    ended_at: datetime | None = None  # None while it runs

    @property
    def duration_ms(self) -> int:
        if self.ended_at is None:
            return -1
        return round((self.ended_at - self.started_at).total_seconds() * 1000)


class Recordings:
    """The account's recordings, oldest first. ``base_url`` is where their files are served."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, Recording] = {}
        self.base_url = ""

    def begin(
        self, call: Call, *, file_format: str, channels: str, callback: Page | None
    ) -> Recording:
        recording = Recording(
            new_uuid(), call.call_uuid, file_format, self._clock.now(), channels, callback
        )
        self._kept[recording.recording_id] = recording
        return recording

    def finish(self, recording: Recording) -> None:
        if recording.ended_at is None:
            recording.ended_at = self._clock.now()

    def url(self, recording: Recording) -> str:
        return f"{self.base_url}/{recording.recording_id}.{recording.file_format}"

    def find(self, recording_id: str) -> Recording | None:
        return self._kept.get(recording_id)

    def delete(self, recording_id: str) -> bool:
        return self._kept.pop(recording_id, None) is not None

    def running(self, call: Call) -> list[Recording]:
        return [
            each
            for each in self._kept.values()
            if each.call_uuid == call.call_uuid and each.ended_at is None
        ]

    def listing(self) -> list[Recording]:
        return [each for each in self._kept.values() if each.ended_at is not None]

    def clear(self) -> None:
        self._kept.clear()

    def params(self, recording: Recording) -> dict[str, str]:
        """A Record callback's fields; durations are -1 while it runs (plivo.md §2.2)."""
        start_ms = round(recording.started_at.timestamp() * 1000)
        duration_ms = recording.duration_ms
        is_running = recording.ended_at is None
        return {
            "RecordUrl": self.url(recording),
            "RecordingID": recording.recording_id,
            "RecordingDuration": "-1" if is_running else str(round(duration_ms / 1000)),
            "RecordingDurationMs": str(duration_ms),
            "RecordingStartMs": "-1" if is_running else str(start_ms),
            "RecordingEndMs": "-1" if is_running else str(start_ms + duration_ms),
        }


def silence(duration_ms: int) -> bytes:
    """A WAV file of silence: 8 kHz, 16 bit, mono, whatever format was asked for."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(bytes(2 * SAMPLE_RATE_HZ * max(0, duration_ms) // 1000))
    return out.getvalue()
