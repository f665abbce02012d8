"""What a person sees of a campaign's stats in a terminal: the live view and the last summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

Stats = Mapping[str, Any]

_STATE_STYLES: Final = {"running": "green", "paused": "yellow", "cancelled": "red"}
_MOST_UNRESOLVED: Final = 5  # lines of calls in doubt; the API lists them all


def status_view(name: str, stats: Stats, now: datetime) -> RenderableType:
    """Render the stats of the campaign ``name``; times are shown in the zone of ``now``.

    ``stats``: the object of `reports.stats`, or what its JSON says.
    """
    facts = _grid(_facts(stats, now))
    parts: list[RenderableType] = [_title(name, stats, now), _progress(stats), facts]
    parts += [Text(f"! {warning}", style="yellow") for warning in stats["warnings"]]
    return Group(*parts, _side_by_side(_tables(stats)))


def summary_table(stats: Stats) -> RenderableType:
    """Render what a campaign came to: how calls ended, what became of leads, what was allowed."""
    lines = [
        ("leads", f"{stats['leads']}, of whom {stats['opted_out']} opted out"),
        ("calls", _calls(stats)),
        ("checks", _checks(stats)),
    ]
    return Group(_grid(lines), _side_by_side(_tables(stats)))


def open_leads(stats: Stats) -> int:
    """Count what keeps a campaign from being through: leads that wait or are called, and calls
    that no lead waits for, such as a test call."""
    live: int = sum(stats["in_flight"].values())
    waiting: int = stats["waiting"]
    calling: int = stats["calling"]
    return waiting + max(live, calling)


def percent_done(stats: Stats) -> int:
    """Return 0 to 100, rounded down; 100 only when nothing waits, calls or is in flight."""
    still_open = open_leads(stats)
    if still_open == 0:
        return 100
    leads: int = stats["leads"]
    return min(99, max(0, leads - still_open) * 100 // max(1, leads))


def _title(name: str, stats: Stats, now: datetime) -> RenderableType:
    line = Table.grid(expand=True)
    line.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
    line.add_column(justify="right", no_wrap=True)
    state = Text(stats["state"], style=f"bold {_STATE_STYLES.get(stats['state'], 'cyan')}")
    clock = Text(now.strftime("%Y-%m-%d %H:%M:%S %Z"), style="dim")
    # As plain text: a campaign's name is a person's, and may look like markup.
    line.add_row(Text.assemble((name, "bold"), "  ", state), clock)
    return line


def _progress(stats: Stats) -> RenderableType:
    percent, leads = percent_done(stats), stats["leads"]
    line = Table.grid(expand=True, padding=(0, 1, 0, 0))
    line.add_column(ratio=1)
    line.add_column(justify="right", no_wrap=True)
    settled = max(0, leads - stats["waiting"] - stats["calling"])
    line.add_row(
        ProgressBar(total=100, completed=percent),
        Text(f"{percent:3d} %  {settled} of {leads} leads settled"),
    )
    return line


def _facts(stats: Stats, now: datetime) -> Iterator[tuple[str, str]]:
    live = stats["in_flight"]
    states = ", ".join(f"{count} {_words(state)}" for state, count in live.items())
    yield "in flight", f"{sum(live.values())}" + (f": {states}" if states else "")
    waiting = f"{stats['waiting']} leads"
    if stats["waiting_window"]:
        waiting += f", {stats['waiting_window']} of them for a calling window"
    yield "waiting", waiting
    for call in stats.get("unresolved", ())[:_MOST_UNRESOLVED]:
        yield f"in doubt ({_words(call['state'])})", f"awaits {call['awaits']}"
    yield "rate", _rate(stats)
    yield "finish", _finish(stats, now)
    yield "calls", _calls(stats)
    yield "checks", _checks(stats)


def _rate(stats: Stats) -> str:
    calls, net = stats["rate_per_min"], stats["net_per_min"]
    return f"{calls:g} calls a minute, {net:g} leads settled (last 5 minutes)"


def _calls(stats: Stats) -> str:
    ended, rate = sum(stats["outcomes"].values()), stats["answer_rate"]
    if rate is None:
        return f"{stats['attempts']}, none of them ended yet"
    unseen = stats["supposed"]
    supposed = f"; {unseen} ended unseen, their outcome is supposed" if unseen else ""
    return f"{stats['attempts']}; answer rate {rate:.0%} of {ended} ended{supposed}"


def _checks(stats: Stats) -> str:
    return f"{stats['checks']['allowed']} allowed, {stats['checks']['denied']} denied"


def _grid(lines: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in lines:
        grid.add_row(label, Text(text))
    return grid


def _finish(stats: Stats, now: datetime) -> str:
    finish_at, ends_at = _time(stats["finish_at"]), _time(stats["ends_at"])
    starts_at = _time(stats["starts_at"])
    if stats["state"] in ("finished", "cancelled"):
        return "over" if open_leads(stats) == 0 else "over when the last calls end"
    if stats["state"] == "scheduled" and starts_at is not None:
        return f"starts at {_clock(starts_at, now)}"
    if finish_at is None:
        last = "" if ends_at is None else f"; at {_clock(ends_at, now)} at the latest"
        return _why_unknown(stats) + last
    if finish_at == ends_at:
        return f"{_clock(finish_at, now)}, when the campaign ends"
    return f"about {_clock(finish_at, now)} if {stats['finish_assumes']}"


def _why_unknown(stats: Stats) -> str:
    if stats["state"] != "running":
        return f"unknown while {stats['state']}"
    if stats["waiting"] and not stats["rate_per_min"]:
        return "unknown: no call in the last 5 minutes"
    return "unknown"


def _time(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _clock(at: datetime, now: datetime) -> str:
    """Return the time in the zone of ``now``, with its date unless that is today."""
    local = at.astimezone(now.tzinfo)
    return local.strftime("%H:%M:%S" if local.date() == now.date() else "%Y-%m-%d %H:%M")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _tables(stats: Stats) -> list[Table]:
    """How calls ended, what was learned of leads, and the leads that ended without a word."""
    tables = [
        _counts("outcomes", "calls", stats["outcomes"]),
        _counts("dispositions", "leads", stats["done"]),
    ]
    left_out = {name: count for name, count in _left_out(stats).items() if count}
    if left_out:
        tables.append(_counts("left out", "leads", left_out))
    return tables


def _left_out(stats: Stats) -> dict[str, int]:
    out = {**stats["blocked"], "cancelled": stats["cancelled"]}
    settled = stats["leads"] - stats["waiting"] - stats["calling"]
    return out | {"out of time": settled - sum(stats["done"].values()) - sum(out.values())}


def _counts(title: str, unit: str, counts: Mapping[str, int]) -> Table:
    table = _table(title, unit)
    for name, count in counts.items():
        table.add_row(Text(_words(name) if name.islower() else name), str(count))
    if not counts:
        table.add_row(Text("none yet", style="dim"), "")
    return table


def _table(title: str, unit: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(title, overflow="fold")
    table.add_column(unit, justify="right", no_wrap=True)
    return table


def _side_by_side(tables: Sequence[Table]) -> RenderableType:
    """Side by side where the terminal is wide enough, else below each other."""
    return Padding(Columns(tables, padding=(0, 3)), (1, 0, 0, 0))
