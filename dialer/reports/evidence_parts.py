"""What the parts of an evidence page are built from: a time, a list of facts, a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from dialer.reports.markup import Child, Markup, el, join


def when(at: datetime | str | None, zone: ZoneInfo) -> str:
    """Local time of the person, as its zone is said once for the whole page."""
    if at is None:
        return "–"
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{moment.astimezone(zone):%a %d %b %Y %H:%M:%S}"


def facts(*pairs: tuple[str, Child]) -> Markup:
    shown = [(name, "–" if value in (None, "") else value) for name, value in pairs]
    return el("dl", *(join((el("dt", n), el("dd", v))) for n, v in shown), class_="facts")


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[Child]], class_: str | None = None
) -> Markup:
    return el(
        "table",
        el("caption", caption),
        el("thead", el("tr", *(el("th", head, scope="col") for head in heads))),
        el(
            "tbody",
            *(
                el("tr", el("th", row[0], scope="row"), *(el("td", cell) for cell in row[1:]))
                for row in rows
            ),
        ),
        class_=class_,
    )
