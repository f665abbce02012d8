"""The witness: what was asked, what rang, how it ended. In memory and append-only on disk.

A *ring* is a request that left the CPS queue towards a phone, whatever the phone did. B-legs of a
<Dial> ring without a request; they are *legs*, counted in concurrency but not in CPS.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import TextIO

from dialer.twin.clock import Clock
from dialer.twin.errors import TwinError
from dialer.twin.pace import RollingCount

Entry = dict[str, object]

#: Events that are kept in memory as lists, by the name the admin route gives them.
KEPT = {
    "request": "requests",
    "refused": "refused",
    "reply_fault": "reply_faults",
    "ring": "rings",
    "leg": "legs",
    "answered": "answered",
    "input": "inputs",
    "ended": "ended",
    "note": "notes",
    "talk": "talks",
    "spoken": "spoken",
}


class Ledger:
    """``path`` is appended to, one JSON object per line, flushed per line."""

    def __init__(self, clock: Clock, path: Path | None) -> None:
        self._clock = clock
        self._file: TextIO | None = None
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = path.open("a", encoding="utf-8")
            except OSError as error:
                raise TwinError(f"cannot write the ledger {path}: {error.strerror}") from error
        self._begin()

    def _begin(self) -> None:
        self._kept: dict[str, list[Entry]] = {name: [] for name in KEPT.values()}
        self._callbacks: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._rings_per_s = RollingCount(1.0)
        self._requests_per_s = RollingCount(1.0)
        self._concurrency = self._most_concurrency = 0

    def write(self, event: str, **fields: object) -> None:
        """Record one event, stamped in product time."""
        entry: Entry = {"at": self._clock.now().isoformat(), "event": event, **fields}
        if event in KEPT:
            self._kept[KEPT[event]].append(entry)
        if self._file is not None:
            self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            self._file.flush()

    def request(self, **fields: object) -> None:
        self._requests_per_s.add(time.monotonic())
        self.write("request", **fields)

    def ring(self, started_s: float, **fields: object) -> None:
        """A request left the queue towards a phone at ``started_s`` of the monotonic clock."""
        self._rings_per_s.add(started_s)
        self._up()
        self.write("ring", **fields)

    def leg(self, **fields: object) -> None:
        """A <Dial> rings a B-leg."""
        self._up()
        self.write("leg", **fields)

    def ended(self, *, was_up: bool, **fields: object) -> None:
        """``was_up`` is false for a call that was cancelled in the queue."""
        self._concurrency -= was_up
        self.write("ended", **fields)

    def callback(self, kind: str, result: str, **fields: object) -> None:
        """``result``: delivered, failed or lost."""
        self._callbacks[kind][result] += 1
        self.write("callback", kind=kind, result=result, **fields)

    def _up(self) -> None:
        self._concurrency += 1
        self._most_concurrency = max(self._most_concurrency, self._concurrency)

    def report(self) -> dict[str, object]:
        return {
            **self._kept,
            "callbacks": {kind: dict(counts) for kind, counts in self._callbacks.items()},
            "high_water": {
                "concurrency": self._most_concurrency,
                "cps": self._rings_per_s.most,
                "requested_cps": self._requests_per_s.most,
            },
        }

    def kept(self, name: str) -> list[Entry]:
        """One list of the report: rings, requests, refused, ended, ..."""
        return list(self._kept[name])

    def reset(self) -> None:
        """Forget what is in memory; the file keeps everything and notes the reset."""
        self._begin()
        self.write("reset")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
