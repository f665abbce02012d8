"""UUIDv7 (RFC 9562 §5.7) made here, so that any Postgres from 15 on will do.

The first 48 bits are real milliseconds, so ids sort by creation and index inserts stay local.
Within one process ids never go back, not even inside a millisecond or when the clock steps.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import timedelta
from uuid import UUID, SafeUUID

_lock = threading.Lock()
_last = 0
_new, _set = object.__new__, object.__setattr__
_COUNTER_BITS = 12  # rand_a, used as a counter within the millisecond (RFC 9562 §6.2 method 1)


def _next_ticks(count: int) -> int:
    """Reserve ``count`` consecutive (millisecond, counter) ticks and return the first."""
    global _last
    with _lock:
        first = max((time.time_ns() // 1_000_000) << _COUNTER_BITS, _last + 1)
        _last = first + count - 1
    return first


def _build(tick: int, random_b: int) -> UUID:
    milliseconds, counter = tick >> _COUNTER_BITS, tick & ((1 << _COUNTER_BITS) - 1)
    made = _new(UUID)  # its own constructor takes three times as long to look at what it is given
    _set(
        made,
        "int",
        (milliseconds << 80)
        | (0x7 << 76)
        | (counter << 64)
        | (0b10 << 62)
        | (random_b & ((1 << 62) - 1)),
    )
    _set(made, "is_safe", SafeUUID.unknown)
    return made


def uuid7() -> UUID:
    """Return a new id, greater than every id this process made before."""
    return _build(_next_ticks(1), int.from_bytes(os.urandom(8)))


def uuid7s(count: int) -> list[UUID]:
    """Return ``count`` new ids in ascending order, cheaper than one by one."""
    first = _next_ticks(count)
    noise = os.urandom(8 * count)
    return [
        _build(first + index, int.from_bytes(noise[8 * index : 8 * index + 8]))
        for index in range(count)
    ]


def id_before(age: timedelta) -> UUID:
    """Return what is greater than every id made longer ago than ``age``, and than no later one."""
    milliseconds = time.time_ns() // 1_000_000 - age // timedelta(milliseconds=1)
    return UUID(int=max(0, milliseconds) << 80)
