"""How full the dialer keeps an Indian account: ``python -m tests.benchmarks.pacing``.

Cap 50, CPS 2, ring-out 30 s, talks of 60 s, news 0.2 s late, the share of calls answered stepping
20 → 60 → 20 %, three campaigns of equal weight; in simulated time, over some seeds.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from tests.benchmarks.pacing_model import Dialed, Model, Seen, World, fairness

RAMP_S = 30.0
STEP_S = 300.0
SEEDS = range(1, 6)
THREE = tuple(Dialed(UUID(int=n)) for n in (1, 2, 3))


def stepping(t: float) -> float:
    """The share of calls answered: 20, then 60, then 20 %."""
    return 0.6 if STEP_S <= t < 2 * STEP_S else 0.2


INDIA = World(seconds=3 * STEP_S, campaigns=THREE, answers=stepping)


@dataclass(frozen=True)
class Result:
    """use: of what cap and CPS allow, after the ramp. fairness: Jain's, of calls started."""

    use: float
    fairness: float
    seen: Seen


def simulate(world: World) -> Result:
    seen = Model(world).run()
    could = [
        min(world.cap, world.cps * world.hold_s(t))
        for t in (RAMP_S + n for n in range(int(world.seconds - RAMP_S)))
    ]
    use = seen.mean_use(RAMP_S, world.seconds) / (sum(could) / len(could))
    each = Counter(cid for _, cid in seen.starts)
    shares = {one.campaign_id: each[one.campaign_id] / one.weight for one in world.campaigns}
    return Result(use, fairness(shares), seen)


CASES: dict[str, Callable[[int], World]] = {
    "India, 2 workers": lambda seed: replace(INDIA, seed=seed),
    "India, no hint ever heard": lambda seed: replace(INDIA, seed=seed, has_hints=False),
    "India, 4 workers, one stands still for 4 s": lambda seed: replace(
        INDIA,
        seed=seed,
        workers=4,
        stalls=tuple((n % 4, 60.0 * n, 60.0 * n + 4) for n in range(1, 15)),
    ),
    "short calls: CPS is the limit": lambda seed: replace(
        INDIA, seed=seed, ring_out_s=12.0, talk_s=10.0
    ),
    "cap 500, CPS 20": lambda seed: replace(INDIA, seed=seed, cap=500, cps=20.0, seconds=300.0),
}


def main() -> int:
    head = f"{'worst of ' + str(len(SEEDS)) + ' seeds':44} {'use':>7} {'fairness':>9} {'5030':>5}"
    print(f"{head} {'most up':>8} {'most/s':>7} {'calls':>6}")
    for name, world_of in CASES.items():
        found = [(world_of(seed), simulate(world_of(seed))) for seed in SEEDS]
        use, fair = min(r.use for _, r in found), min(r.fairness for _, r in found)
        refused = sum(r.seen.refused for _, r in found)
        up, second = max(r.seen.most_up for _, r in found), max(r.seen.most_per_s for _, r in found)
        world, calls = found[0][0], sum(len(r.seen.starts) for _, r in found) // len(found)
        most = f"{up:>4}/{world.cap:<4}{second:>4}/{world.cps:<3.0f}"
        print(f"{name:44} {use:>6.1%} {fair:>9.4f} {refused:>5} {most} {calls:>6}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
