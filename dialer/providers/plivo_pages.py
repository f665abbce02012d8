"""Plivo's lists, 20 rows a page, read whole though they change meanwhile.

Rows that are taken out in front move the others up, and an offset then passes over some. So each
page begins with the last row of the one before: where that is not there, rows moved.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dialer.errors import ProviderUnavailable
from dialer.providers.plivo_records import as_fields

PAGE = 20  # the most Plivo gives at once
_MOST_ROWS = 100_000


async def walk_ids(page_at: Callable[[int], Awaitable[Sequence[str]]]) -> tuple[list[str], bool]:
    """Read a list page by page, each beginning with the last row of the one before; also say
    whether that joined them all. Where it did not, rows were taken out and others moved up."""
    found: dict[str, None] = {}
    offset, is_whole = 0, True
    while offset < _MOST_ROWS:
        page = await page_at(offset)
        if offset and (not page or page[0] not in found):
            is_whole = False
        known = len(found)
        found.update(dict.fromkeys(page))
        if len(page) < PAGE or len(found) == known:
            break
        offset += len(page) - 1
    return list(found), is_whole


async def walk_rows(
    read: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]], max_pages: int
) -> list[dict[str, Any]] | None:
    """Read the pages of a list as `walk_ids` does; None if its rows moved up meanwhile.

    What is new comes in front and only moves rows back, so that some are read twice. A cursor
    keeps its own place.
    """
    rows: dict[str, dict[str, Any]] = {}
    page: dict[str, Any] = {"offset": 0}
    for _ in range(max_pages):
        reply = await read(page)
        objects = reply.get("objects")
        if not isinstance(objects, list):
            raise ProviderUnavailable("plivo", "a list came without its objects")
        found = {_key(row): row for row in map(as_fields, objects)}
        if page.get("offset") and next(iter(found), None) not in rows:
            return None
        rows |= found
        following = _next_page(reply)
        if following is None or following == page or not found:
            return [*rows.values()]
        page = following
    raise ProviderUnavailable("plivo", f"a list has more than {max_pages} pages")


def _key(row: dict[str, Any]) -> str:
    """What makes a row of a list itself: its id where it has one."""
    for name in ("call_uuid", "app_id", "number"):
        if row.get(name):
            return str(row[name])
    return repr(sorted(row.items(), key=lambda item: item[0]))


def _next_page(reply: dict[str, Any]) -> dict[str, Any] | None:
    following = as_fields(reply.get("meta")).get("next")
    if not following:
        return None
    query = parse_qs(urlsplit(str(following)).query)
    if "cursor" in query:
        # An offset must not ride along: it would pin the walk to the first page.
        return {"cursor": query["cursor"][0], "offset": None}
    offset = query.get("offset", [""])[0]
    if not offset.isdecimal():
        raise ProviderUnavailable("plivo", "a list's next page has neither offset nor cursor")
    return {"offset": max(0, int(offset) - 1)}
