"""Decisions a second with the India pack, against hashing one check's bytes.

The reference is the least that any provable decision costs: one HMAC over a record of 2 kB.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from hashlib import sha256

from dialer.compliance.decide import decide
from tests.benchmarks.figure import Figure
from tests.unit.compliance_facts import INDIA, NOON, SERVICE

ROUNDS = 20_000


async def run(dsn: str) -> list[Figure]:
    assert decide(SERVICE, INDIA, NOON).allowed
    ours = per_second(lambda: decide(SERVICE, INDIA, NOON))
    record = bytes(2000)
    reference = per_second(lambda: hmac.digest(b"key", record, sha256))
    return [Figure("decide, allowed service call", ours, reference, "/s", "one HMAC of 2 kB")]


def per_second(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(ROUNDS):
        work()
    return ROUNDS / (time.perf_counter() - started)
