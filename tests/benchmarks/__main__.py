"""Run the benchmarks named, or all, and print one line a figure."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import uvloop

from dialer.app.serve import short_collections
from dialer.store import embedded
from tests.benchmarks import (
    audio,
    audit,
    claim,
    decide,
    leads_in,
    make_call,
    passes,
    placing,
    status,
)
from tests.benchmarks.figure import Figure

BENCHMARKS = {
    "decide": decide.run,
    "claim": claim.run,
    "audit": audit.run,
    "import": leads_in.run,
    "make-call": make_call.run,
    "audio": audio.run,
    "placing": placing.run,
    "passes": passes.run,  # makes a million leads: some minutes
    "status": status.run,  # and again
}


async def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}")
        return 2
    print(f"{'what':52} {'ours':>16} {'reference':>16}  ratio")
    with tempfile.TemporaryDirectory(prefix="dialer-bench-") as folder:
        postgres = embedded.acquire(Path(folder))
        try:
            for name in names or BENCHMARKS:
                with short_collections():  # as the product's processes have them
                    figures = await BENCHMARKS[name](postgres.cluster.socket_dsn)
                for figure in figures:
                    show(figure)
        finally:
            postgres.release()
    return 0


def show(figure: Figure) -> None:
    ours = f"{_spelled(figure.ours)} {figure.unit}"
    reference = f"{_spelled(figure.reference)} {figure.unit}"
    ratio = figure.ours / figure.reference
    print(
        f"{figure.what:52} {ours:>16} {reference:>16}  {ratio:.2f} x {figure.against}", flush=True
    )


def _spelled(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(uvloop.run(main(sys.argv[1:])))  # the product's own loop
