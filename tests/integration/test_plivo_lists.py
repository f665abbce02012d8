"""The carrier's lists are read whole, page by page, though they change meanwhile."""

from __future__ import annotations

import pytest
from aiohttp import web

from dialer.errors import ProviderUnavailable
from tests.integration.plivo_replies import BASE, Reply, always, rest_at


def page_of_uuids(count: int, *, obeys_paging: bool) -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        every = [f"c-{number}" for number in range(count)]
        if obeys_paging:
            offset = int(request.query["offset"])
            every = every[offset : offset + int(request.query["limit"])]
        return web.json_response({"api_id": "a", "calls": every})

    return reply


@pytest.mark.parametrize(("count", "requests_made"), [(0, 1), (19, 1), (20, 2), (45, 3)])
async def test_a_live_list_is_walked_to_its_end(count: int, requests_made: int) -> None:
    async with rest_at(page_of_uuids(count, obeys_paging=True)) as (rest, asked):
        assert await rest.live_calls() == [f"c-{number}" for number in range(count)]
    assert len(asked) == requests_made
    assert all(one.query["status"] == "live" for one in asked)


async def test_a_live_list_that_ignores_paging_is_not_walked_for_ever() -> None:
    async with rest_at(page_of_uuids(45, obeys_paging=False)) as (rest, asked):
        assert len(await rest.queued_calls("+919876543210")) == 45
    assert len(asked) == 2
    assert asked[0].query["to_number"] == "919876543210"
    assert asked[0].query["status"] == "queued"


def cdr(number: int, to: str = "919876543210") -> dict[str, object]:
    return {"call_uuid": f"c-{number}", "to_number": to}


def next_by(kind: str) -> Reply:
    """45 records in three pages, the next one named by an offset or by a cursor."""

    async def reply(request: web.Request) -> web.StreamResponse:
        if kind == "cursor" and "cursor" in request.query:
            assert "offset" not in request.query
            start = int(request.query["cursor"].removeprefix("at"))
        else:
            start = int(request.query["offset"])
        following = start + 20
        link = f"{BASE}/Call/?limit=20&{kind}={'at' if kind == 'cursor' else ''}{following}"
        return web.json_response(
            {
                "meta": {"next": link if following < 45 else None, "total_count": 45},
                "objects": [cdr(number) for number in range(start, min(following, 45))],
            }
        )

    return reply


@pytest.mark.parametrize("kind", ["offset", "cursor"])
async def test_finished_calls_follow_the_pages_without_a_time_filter(kind: str) -> None:
    async with rest_at(next_by(kind)) as (rest, asked):
        calls = await rest.finished_calls("+919876543210")
        assert [call.call_uuid for call in calls] == [f"c-{number}" for number in range(45)]
        assert not any("time" in name for one in asked for name in one.query)
        # Half a list proves no absence.
        with pytest.raises(ProviderUnavailable, match="pages"):
            await rest.finished_calls("+919876543210", max_pages=2)


class Moving:
    """60 records, oldest last, of which the walk wants all; between two pages it changes."""

    def __init__(self, change: str, times: int) -> None:
        self.rows = [cdr(number) for number in range(60)]
        self.change, self.times, self.added = change, times, 100

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        start = int(request.query.get("offset", 0))
        page = self.rows[start : start + 20]
        following = start + 20 if start + 20 < len(self.rows) else None
        if self.times:
            self.times -= 1
            self._move()
        if request.query.get("status"):
            return web.json_response({"calls": [row["call_uuid"] for row in page]})
        link = following and f"{BASE}/Call/?limit=20&offset={following}"
        return web.json_response({"meta": {"next": link}, "objects": page})

    def _move(self) -> None:
        if self.change == "taken_out":
            del self.rows[:5]
        else:
            self.added += 1
            self.rows.insert(0, cdr(self.added))


@pytest.mark.parametrize("change", ["taken_out", "put_in"])
async def test_a_list_that_changes_while_it_is_read_hides_no_call(change: str) -> None:
    """Calls that end leave the live list; new records come in front. Page 3 is still read."""
    for ask in ("finished_calls", "live_calls"):
        async with rest_at(Moving(change, 2)) as (rest, _):
            found = await getattr(rest, ask)("+919876543210")
            names = {getattr(one, "call_uuid", one) for one in found}
            assert {f"c-{number}" for number in range(20, 60)} <= names, ask


async def test_a_list_that_never_stands_still_is_an_error_not_an_absence() -> None:
    for ask in ("finished_calls", "live_calls"):
        async with rest_at(Moving("taken_out", 99)) as (rest, _):
            with pytest.raises(ProviderUnavailable, match="changes faster"):
                await getattr(rest, ask)("+919876543210")


async def test_the_list_of_all_live_calls_may_change_while_it_is_read() -> None:
    """It only ever proves that a call is up."""
    async with rest_at(Moving("taken_out", 2)) as (rest, _):
        assert set(await rest.live_calls()) <= {f"c-{number}" for number in range(60)}


async def test_a_page_that_names_itself_as_next_ends_the_walk() -> None:
    body = {"meta": {"next": f"{BASE}/Call/?offset=0"}, "objects": [cdr(1)]}
    async with rest_at(always(200, body)) as (rest, asked):
        assert len(await rest.finished_calls("+919876543210")) == 1
    assert len(asked) == 1


async def test_records_of_other_numbers_are_not_taken_for_this_one() -> None:
    body = {"meta": {"next": None}, "objects": [cdr(1), cdr(2, to="+911111111111"), {"x": 1}]}
    async with rest_at(always(200, body)) as (rest, _):
        calls = await rest.finished_calls("+919876543210")
    assert [call.call_uuid for call in calls] == ["c-1"]
