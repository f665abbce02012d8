"""Rejected rows → a CSV that a person corrects and imports again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select

from dialer.domain.spreadsheet import neutral
from dialer.leads.columns import REJECT_COLUMNS
from dialer.leads.csv import Reject
from dialer.store.engine import Tx
from dialer.store.tables import rejects as rejects_table


def rejects_csv(
    rejects: Iterable[Reject], *, header: Sequence[str] = (), delimiter: str = ","
) -> str:
    """Write line, column and reason of each reject before its own cells under ``header``.

    Such a file can be imported as it is once it is corrected: the three columns are known and
    dropped. A row that is no CSV stands whole in the first cell. Without a header the text of
    each row is one cell, ``raw``. Cells that would be formulas are led by an apostrophe.
    """
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow([*REJECT_COLUMNS, *map(neutral, header or ("raw",))])
    for reject in rejects:
        cells = _cells(reject.raw, delimiter) if header else [reject.raw]
        found = [str(reject.line), reject.column or "", reject.reason, *cells]
        writer.writerow(map(neutral, found))
    return target.getvalue()


async def rejects_of(tx: Tx, list_id: UUID) -> list[Reject]:
    """Return what the imports into a list did not load, in the files' order."""
    table = rejects_table.c
    rows = await tx.all(
        select(table.line, table.raw, table.column, table.reason, table.is_duplicate)
        .where(table.account_id == tx.account_id, table.list_id == list_id)
        .order_by(table.line, table.id)
    )
    return [Reject(*row) for row in rows]


def _cells(raw: str, delimiter: str) -> list[str]:
    try:
        lines = io.StringIO(raw, newline="")
        return next(csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True), [])
    except csv.Error:
        return [raw]
