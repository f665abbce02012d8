"""Two hundred scripted conversations with the whole product (`make bench-agent`).

Ten personas with twenty seeds each, the twin's default delays of vendors on. Prints what
was found; fails if anybody was misunderstood or had to wait too long.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import uvloop

from dialer.store import embedded
from tests.acceptance.conversations import AT_ONCE, Held, hold
from tests.acceptance.personas import PERSONAS, people
from tests.benchmarks.figure import fresh_url

SEEDS = 20
P50_S, P95_S = 1.0, 1.6  # voice to voice
LONGEST_S = 2.0  # without a filler, which is heard like any reply
HOLE_MS = 60
TALK_S = 25.0
_SHOWN = 20  # of the findings


async def main(seeds: int, at_once: int) -> int:
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a tick that overlaps is no news
    cast = people(range(seeds))
    print(
        f"{len(cast)} conversations: {len(PERSONAS)} personas, {seeds} seeds, {at_once} at a time"
    )
    with tempfile.TemporaryDirectory(prefix="dialer-bench-") as folder:
        server = embedded.acquire(Path(folder))
        try:
            async with fresh_url(server.cluster.socket_dsn) as url:
                held = await hold(url, Path(folder) / "data", cast, at_once=at_once)
        finally:
            server.release()
    return show(held)


def show(held: Held) -> int:
    """Print the table; return 1 if something that is promised did not hold."""
    verdicts = held.verdicts
    heard = [each for v in verdicts for each in v.heard_s]
    marked = [each for v in verdicts for each in v.marked_s]
    apart = [each for v in verdicts for each in v.apart_s]
    cuts = Counter(words for v in verdicts for words in v.cuts)
    holes = [ms for v in verdicts for ms in v.holes_ms if ms > HOLE_MS]
    slow = sum(each > LONGEST_S for each in heard)
    stale = sum(len(v.stale_audio) for v in verdicts)
    longest_s = max(v.seconds for v in verdicts)
    wrong = {
        "wrong answers": sum(bool(v.wrong_answers) for v in verdicts),
        "wrong dispositions": sum(bool(v.wrong_dispositions) for v in verdicts),
        "wrong interruptions": sum(bool(v.wrong_interruptions) for v in verdicts),
        "cut more than a word off": sum(n for words, n in cuts.items() if abs(words) > 1),
        "agent heard after a clear": stale,
    }
    rows: list[tuple[str, str]] = [
        ("answers stored", str(sum(len(v.conversation.answers) for v in verdicts))),
        *((name, str(count)) for name, count in wrong.items()),
        ("cuts, words of ours too many", _histogram(cuts)),
        ("turns heard otherwise than written", str(sum(len(v.misheard) for v in verdicts))),
        ("voice to voice, heard: p50 p95 max", _quantiles(heard)),
        ("voice to voice, our marks: p50 p95 max", _quantiles(marked)),
        ("our marks less what was heard: p5 p50 p95", _spread(apart)),
        (f"replies over {LONGEST_S:g} s without a filler", f"{slow} of {len(heard)}"),
        (f"holes over {HOLE_MS} ms inside a phrase", _largest(holes)),
        ("level of the agent, of the callee", _levels(held)),
        ("talk: mean, longest", f"{held.talk_s / len(verdicts):.1f} s, {longest_s:.1f} s"),
        ("our CPU a second of a call", f"{1000 * held.cpu_s / held.talk_s:.0f} ms"),
        ("wall clock, load average", f"{held.wall_s:.0f} s, {os.getloadavg()[0]:.1f}"),
    ]
    for name, figure in rows:
        print(f"{name:44} {figure}")
    _show_findings(held)
    is_slow = quantile(heard, 0.5) > P50_S or quantile(heard, 0.95) > P95_S
    if is_slow:
        print(f"voice to voice is over p50 {P50_S:g} s or p95 {P95_S:g} s")
    return int(any(wrong.values()) or is_slow)


def _show_findings(held: Held) -> None:
    findings = [
        f"{v.conversation.name} ({v.conversation.campaign}): {found}"
        for v in held.verdicts
        for found in (*v.wrong_answers, *v.wrong_dispositions, *v.wrong_interruptions)
    ]
    for finding in findings[:_SHOWN]:
        print(f"  {finding}")


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share does not exceed; not a number of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def _quantiles(values: Sequence[float]) -> str:
    shares = (quantile(values, 0.5), quantile(values, 0.95), quantile(values, 1.0))
    return " ".join(f"{each:.2f}" for each in shares) + f" s of {len(values)}"


def _spread(values: Sequence[float]) -> str:
    shares = (quantile(values, 0.05), quantile(values, 0.5), quantile(values, 0.95))
    return " ".join(f"{1000 * each:+.0f}" for each in shares) + " ms"


def _histogram(cuts: Counter[int]) -> str:
    return ", ".join(f"{words:+d}: {cuts[words]}" for words in sorted(cuts)) or "none"


def _largest(holes: Sequence[int]) -> str:
    return f"{len(holes)}, the largest {max(holes)} ms" if holes else "0"


def _levels(held: Held) -> str:
    agent = [v.agent_dbfs for v in held.verdicts if v.agent_dbfs is not None]
    callee = [v.callee_dbfs for v in held.verdicts if v.callee_dbfs is not None]
    return ", ".join(
        f"{min(side):.0f} to {max(side):.0f} dBFS ({len(side)})" for side in (agent, callee) if side
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.agent", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--at-once", type=int, default=AT_ONCE)
    arguments = parser.parse_args()
    sys.exit(uvloop.run(main(arguments.seeds, arguments.at_once)))
