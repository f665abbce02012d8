"""What the demo came to, for a person or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from dialer.app.witness import Comparison
from dialer.cli.shared import print_json, say, table
from dialer.reports.talks import ShownTurn, VoiceToVoice
from dialer.reports.view import summary_table

_STYLES = {"agent": "cyan", "callee": "green", "keypad": "yellow"}


@dataclass(frozen=True, slots=True)
class Played:
    """One campaign at its end; ``rows`` of its report."""

    name: str
    numbers: Mapping[str, Any]
    report: Path
    rows: int


@dataclass(frozen=True, slots=True)
class Result:
    """The whole run."""

    played: Sequence[Played]
    comparison: Comparison
    stories: Mapping[str, str]
    speed: VoiceToVoice
    talk: Sequence[ShownTurn]
    took_s: float

    @property
    def is_good(self) -> bool:
        """Both sides of the story agree, and no lead is missing from a report."""
        is_whole = all(one.rows == one.numbers["leads"] for one in self.played)
        return self.comparison.disagreements == 0 and is_whole

    @property
    def distinct(self) -> tuple[list[str], list[str]]:
        """The outcomes and the dispositions that happened."""
        outcomes = {name for one in self.played for name, n in one.numbers["outcomes"].items() if n}
        done = {name for one in self.played for name, n in one.numbers["done"].items() if n}
        return sorted(outcomes), sorted(done)


def conclude(result: Result, *, as_json: bool) -> int:
    """Print the end; 0 only if both sides agree."""
    if as_json:
        print_json(_as_json(result))
        return 0 if result.is_good else 1
    for one in result.played:
        say(Text(f"\n{one.name}", style="bold"))
        say(summary_table(one.numbers))
    say(_ledger_table(result.comparison))
    for story, sentence in result.stories.items():
        say(f"{story[:1].upper()}{story[1:]}: {sentence}.")
    if result.talk:
        say(_talk_table(result.talk))
    say(_speed_line(result.speed))
    outcomes, dispositions = result.distinct
    say(
        f"{len(outcomes)} outcomes ({', '.join(outcomes)}) and {len(dispositions)} dispositions "
        f"({', '.join(dispositions)})."
    )
    for one in result.played:
        say(f"The report of {one.name}, {one.rows} rows: {one.report}")
    verdict = "Both sides agree." if result.is_good else "THEY DISAGREE."
    say(f"Took {result.took_s:.0f} s. {verdict}")
    return 0 if result.is_good else 1


def _as_json(result: Result) -> dict[str, Any]:
    outcomes, dispositions = result.distinct
    return {
        "ok": result.is_good,
        "took_s": round(result.took_s, 1),
        "campaigns": [
            {"name": one.name, "stats": one.numbers, "report": str(one.report), "rows": one.rows}
            for one in result.played
        ],
        "outcomes": outcomes,
        "dispositions": dispositions,
        "ledger": {
            "rings": result.comparison.rings,
            "attempts": result.comparison.attempts,
            "disagreements": result.comparison.disagreements,
            "high_water": result.comparison.high_water,
        },
        "voice_to_voice": asdict(result.speed),
        "stories": result.stories,
        "transcript": [asdict(turn) for turn in result.talk],
    }


def _speed_line(speed: VoiceToVoice) -> str:
    if speed.p50_s is None or speed.p95_s is None or speed.longest_s is None:
        return "Voice to voice: nobody was answered."
    return (
        f"Voice to voice over {speed.replies} replies: p50 {speed.p50_s:.2f} s, "
        f"p95 {speed.p95_s:.2f} s, longest {speed.longest_s:.2f} s."
    )


def _talk_table(talk: Sequence[ShownTurn]) -> Any:
    """One call as it was said; ``after`` is the agent's answer time."""
    rows = [
        (
            f"{turn.starts_s:.1f}",
            Text(turn.speaker, style=_STYLES[turn.speaker]),
            Text(turn.said + (" —" if turn.is_interrupted else "")),
            "" if turn.after_s is None else f"{turn.after_s:.2f}",
        )
        for turn in talk
    ]
    return table("One call (seconds since it was answered)", ("at", "who", "said", "after"), rows)


def _ledger_table(found: Comparison) -> Any:
    rows = [
        ("rings in the twin's ledger", found.rings),
        ("our attempts that rang", found.attempts),
        ("rings we cannot explain", found.unknown_rings),
        ("attempts without a ring", found.missing_rings),
        ("attempts that rang twice", found.rung_twice),
        ("attempts without one earlier allowing check", found.unproved),
        ("most calls up at once (twin)", found.high_water.get("concurrency")),
        ("most calls started in one second (twin)", found.high_water.get("cps")),
    ]
    return table("Our database against the twin's ledger", ("", "count"), rows)
