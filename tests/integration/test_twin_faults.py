"""Every fault knob of the twin does what its name says, to whom it should, and is witnessed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dialer.twin.faults import FaultKind
from tests.integration.twin_customer import CALLEE, Customer, customer

OTHER = "+919800000009"


async def arm(one: Customer, kind: str, **fields: object) -> None:
    status, _ = await one.admin("POST", "/faults", {"kind": kind, **fields})
    assert status == 201


async def post_call(one: Customer) -> tuple[int, Any]:
    """(status, JSON or text) of a Make Call, without following redirects; (0, None): no reply."""
    url = f"{one.twin.api_url}/Account/{one.twin.exchange.config.auth_id}/Call/"
    try:
        async with one.http.post(
            url,
            json=one.call_body(),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=0.3),
        ) as reply:
            is_json = reply.content_type == "application/json"
            return reply.status, await reply.json() if is_json else await reply.text()
    except (aiohttp.ClientConnectionError, TimeoutError):
        return 0, None


@pytest.mark.parametrize(
    ("kind", "fields", "status", "rings"),
    [
        ("error_after_placing", {"status": 502}, 502, 1),
        ("error_before_placing", {}, 503, 0),
        ("reset_after_placing", {}, 0, 1),
        ("reset_before_placing", {}, 0, 0),
        ("late_reply", {"delay_s": 0.6}, 0, 1),
        ("no_request_uuid", {}, 201, 1),
        ("uuid_array", {}, 201, 1),
        ("redirect_reply", {}, 302, 0),
        ("redirect_reply", {"status": 307}, 307, 0),
        ("rate_limited", {}, 429, 0),
        ("over_cap", {}, 403, 0),
        ("unauthorised", {}, 401, 0),
    ],
)
async def test_a_wrong_reply_rings_exactly_as_often_as_it_says(
    kind: str, fields: dict[str, object], status: int, rings: int
) -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {"behaviour": "busy"}})
        await arm(one, kind, **fields)
        got, reply = await post_call(one)
        assert got == status
        if kind == "no_request_uuid":
            assert "request_uuid" not in reply
        if kind == "uuid_array":
            assert isinstance(reply["request_uuid"], list)
        if kind == "unauthorised":
            assert isinstance(reply, str)
        await one.twin.wait_quiet()
        assert len(one.twin.ledger.kept("rings")) == rings
        assert one.paths() == ["/hangup"] * rings
        assert len(one.twin.ledger.kept("refused")) == 1 - rings
        assert len(one.twin.ledger.kept("reply_faults")) == rings
        assert (await post_call(one))[0] == 201  # it struck once
        await one.twin.wait_quiet()


async def test_a_burst_strikes_as_often_as_armed_and_only_its_number() -> None:
    async with customer() as one:
        await arm(one, "rate_limited", phone=CALLEE, times=2)
        assert (await one.rest("POST", "/Call/", one.call_body(OTHER)))[0] == 201
        assert [(await post_call(one))[0] for _ in range(3)] == [429, 429, 201]


async def test_a_request_uuid_may_differ_from_the_call_uuid() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {}})
        await arm(one, "uuid_differs")
        request_uuid = await one.place()
        told = (await one.wait_for("/answer")).params
        assert told["RequestUUID"] == request_uuid != told["CallUUID"] == told["ALegUUID"]
        await one.twin.wait_quiet()
        assert (await one.rest("DELETE", f"/Call/{request_uuid}/"))[0] == 404


async def test_a_call_may_be_stuck_in_the_queue() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {"behaviour": "busy"}})
        await arm(one, "queue_stuck", delay_s=10)
        _, reply = await one.rest("POST", "/Call/", one.call_body())
        assert reply["message"] == "call queued"
        other = await one.place(OTHER)  # others pass it
        _, queued = await one.rest("GET", "/Call/", status="queued")
        assert queued["calls"] == [reply["request_uuid"]]
        await one.twin.wait_quiet()
        rang = [each["request_uuid"] for each in one.twin.ledger.kept("rings")]
        assert rang == [other, reply["request_uuid"]]


async def test_a_hang_up_may_come_second() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {}})
        one.replies = {"/answer": '<Wait length="3000"/>'}
        await arm(one, "hang_up_races", phone=CALLEE)
        uuid = await one.place()
        await one.wait_for("/answer")
        assert (await one.rest("DELETE", f"/Call/{uuid}/"))[0] == 404
        await one.twin.wait_quiet()
        assert one.last("/hangup")["HangupSource"] == "Callee"


async def test_a_cdr_may_be_late() -> None:
    async with customer(cdr_delay_s=0) as one:
        one.twin.set_callees({CALLEE: {"behaviour": "busy"}})
        await arm(one, "cdr_delayed", delay_s=3600)
        await one.run()
        await one.run()
        _, listed = await one.rest("GET", "/Call/")
        assert len(listed["objects"]) == 1


@pytest.mark.parametrize(
    ("kind", "fields", "paths"),
    [
        ("callback_lost", {"callback": "hangup"}, ["/ring", "/answer"]),
        ("callback_lost", {"callback": "answer"}, ["/ring", "/hangup"]),
        ("callback_lost", {"times": None}, []),
        ("no_ring_callback", {}, ["/answer", "/hangup"]),
        ("callback_doubled", {"callback": "hangup"}, ["/ring", "/answer", "/hangup", "/hangup"]),
        ("answer_twice", {}, ["/ring", "/answer", "/answer", "/hangup"]),
        ("hangup_before_answer", {}, ["/ring", "/hangup", "/answer"]),
        ("callback_delayed", {"callback": "ring", "delay_s": 60}, ["/answer", "/hangup", "/ring"]),
    ],
)
async def test_callbacks_go_astray_as_asked(
    kind: str, fields: dict[str, object], paths: list[str]
) -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {"faults": [{"kind": kind, **fields}]}})
        await one.run()
        assert one.paths() == paths
        if "/answer" in paths:
            assert one.last("/answer")["CallStatus"] == "in-progress"
        lost = one.twin.ledger.report()["callbacks"]
        if kind == "callback_lost":
            assert sum(counts.get("lost", 0) for counts in lost.values()) == 3 - len(paths)


async def test_two_signatures_are_told_apart_by_a_comma() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {}})
        await arm(one, "two_signatures", times=None)
        got = await one.run()
        assert len(got) == 3 and all(each.is_signed() for each in got)
        assert all(each.headers["X-Plivo-Signature-V3"].count(",") == 1 for each in got)


async def test_lists_may_fail() -> None:
    async with customer() as one:
        await arm(one, "list_error", status=500, times=3)
        for query in ({"status": "live"}, {"status": "queued"}, {}):
            assert (await one.rest("GET", "/Call/", **query))[0] == 500
        assert (await one.rest("GET", "/Call/"))[0] == 200


async def test_faults_are_listed_and_cleared() -> None:
    async with customer() as one:
        await arm(one, "rate_limited", times=2, phone="919800000001")
        await post_call(one)
        _, listed = await one.admin("GET", "/faults")
        assert [(each["phone"], each["left"]) for each in listed] == [(CALLEE, 1)]
        assert (await one.admin("DELETE", "/faults"))[0] == 204
        assert (await one.admin("GET", "/faults"))[1] == []
        for bad in ({"kind": "flood"}, {"kind": "late_reply", "delay": 3}, {}):
            status, error = await one.admin("POST", "/faults", bad)
            assert status == 400 and "\n" not in error["error"]


def test_every_fault_has_its_test() -> None:
    tests = Path(__file__).parents[1].rglob("test_*.py")
    source = "".join(path.read_text("utf-8") for path in tests)
    signing = {FaultKind.SUBACCOUNT_SIGNED}  # with the other signatures, in test_twin_calls
    wanted = set(FaultKind) - signing
    missing = [kind for kind in wanted if f'"{kind}"' not in source and kind.name not in source]
    assert missing == []


async def test_a_held_reply_does_not_hold_up_the_end_of_the_twin() -> None:
    async with customer() as one:
        await arm(one, "late_reply", delay_s=3600)
        posting = asyncio.ensure_future(post_call(one))
        while not one.twin.ledger.kept("rings"):  # noqa: ASYNC110 - the twin tells nobody
            await asyncio.sleep(0.01)
    assert await posting == (0, None)
