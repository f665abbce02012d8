"""The twin's ledger, read from its file: what was asked, what rang and how it ended."""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

Entry = Mapping[str, Any]

_ATTEMPT = re.compile(r"/plivo/([0-9a-f-]{36})/")
_SECOND = timedelta(seconds=1)
_STALLS_IN_VIEW = 50


@dataclass(slots=True)
class Books:
    """Every entry of one run, sorted out. Attempts are known by the id in their answer_url."""

    entries: Sequence[Entry]
    requests: dict[UUID, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    rings: dict[UUID, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    refused: list[Entry] = field(default_factory=list)
    ended: dict[str, Entry] = field(default_factory=dict)  # by call_uuid
    answered: dict[str, Entry] = field(default_factory=dict)
    callbacks: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    faults: Counter[str] = field(default_factory=Counter)
    stalls: list[tuple[datetime, datetime]] = field(default_factory=list)  # of the twin itself
    dialled: set[str] = field(default_factory=set)  # call_uuids that left the queue, and legs
    most_up: int = 0
    densest: list[datetime] = field(default_factory=list)  # the requests of the fullest second

    @classmethod
    def read(cls, path: Path) -> Books:
        with path.open(encoding="utf-8") as file:
            books = cls([json.loads(line) for line in file])
        for entry in books.entries:
            books._take(entry)
        books.densest = densest_second(
            [at_of(each) for some in books.requests.values() for each in some], books.stalls
        )
        books.most_up = books._most_up()
        return books

    def _take(self, entry: Entry) -> None:
        match entry["event"]:
            case "request":
                self.requests[attempt_of(entry)].append(entry)
            case "ring":
                self.rings[attempt_of(entry)].append(entry)
                self.dialled.add(entry["call_uuid"])
            case "stalled":
                until = at_of(entry)
                self.stalls.append((until - timedelta(seconds=entry["for_s"]), until))
            case "leg":
                self.dialled.add(entry["call_uuid"])
            case "refused":
                self.refused.append(entry)
            case "ended":
                self.ended[entry["call_uuid"]] = entry
            case "answered":
                self.answered[entry["call_uuid"]] = entry
            case "callback":
                self.callbacks[entry["call_uuid"]].append(entry)
            case "fault":
                self.faults[entry["kind"]] += 1

    def _most_up(self) -> int:
        up = most = 0
        for entry in self.entries:
            if entry["event"] in ("ring", "leg"):
                up += 1
                most = max(most, up)
            elif entry["event"] == "ended" and entry["call_uuid"] in self.dialled:
                up -= 1
        return most

    def phones_up_twice(self) -> list[str]:
        """Phones that had two calls at once."""
        up: Counter[str] = Counter()
        twice = []
        for entry in self.entries:
            if entry["event"] == "ring":
                up[entry["to"]] += 1
                if up[entry["to"]] > 1:
                    twice.append(entry["to"])
            elif entry["event"] == "ended" and entry["call_uuid"] in self.dialled:
                up[entry["to"]] -= 1
        return twice

    def about(self, attempt: UUID, phone: str) -> list[Entry]:
        """Everything about one attempt or its phone, for a trace."""
        uuids = {
            entry["call_uuid"]
            for some in (self.requests.get(attempt, []), self.rings.get(attempt, []))
            for entry in some
        }
        return [e for e in self.entries if e.get("to") == phone or e.get("call_uuid") in uuids]


def attempt_of(entry: Entry) -> UUID:
    found = _ATTEMPT.search(entry["answer_url"])
    assert found is not None, entry
    return UUID(found[1])


def at_of(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry["at"])


def densest_second(
    times: Sequence[datetime], stalls: Sequence[tuple[datetime, datetime]] = ()
) -> list[datetime]:
    """The most instants that any second held for certain: one stamped in a stall of the witness,
    or as long again after it, while it worked off what had come, may be as old as the stall."""
    stamped = sorted(times)
    begins = sorted(stalls)
    densest: list[datetime] = []
    for first, at in enumerate(stamped):
        since = at
        for began, ended in begins[: bisect_right(begins, (at, at))][-_STALLS_IN_VIEW:]:
            if at <= ended + (ended - began):
                since = min(since, began)
        after = bisect_left(stamped, since + _SECOND)
        densest = max(densest, stamped[first:after], key=len)
    return densest
