"""Plivo's REST on the twin: queue, cap, lists, pages, hang-up, applications, numbers."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from dialer.twin.config import DEFAULT_AUTH_ID
from tests.integration.twin_customer import CALLEE, Customer, customer

TALK = '<Wait length="3000"/>'


async def talking(one: Customer, to: str = CALLEE) -> str:
    """Place a call and return its uuid once it is answered and stays up."""
    one.twin.set_callees({to: {}})
    one.replies["/answer"] = TALK
    uuid = await one.place(to)
    await one.wait_for("/answer")
    return uuid


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": aiohttp.encode_basic_auth(DEFAULT_AUTH_ID, "wrong")},
    ],
)
async def test_without_the_right_credentials_nothing_is_told(headers: dict[str, str]) -> None:
    async with customer() as one, aiohttp.ClientSession(headers=headers) as stranger:
        url = f"{one.twin.api_url}/Account/{DEFAULT_AUTH_ID}/Call/"
        async with stranger.post(url, json=one.call_body()) as reply:
            assert reply.status == 401 and "api_id" in await reply.json()
        assert one.twin.ledger.kept("rings") == []


async def test_a_401_may_come_without_json() -> None:
    async with customer(plain_401=True) as one, aiohttp.ClientSession() as stranger:
        url = f"{one.twin.api_url}/Account/{DEFAULT_AUTH_ID}/"
        async with stranger.get(url) as reply:
            assert (reply.status, reply.content_type) == (401, "text/plain")


async def test_what_is_not_json_or_not_there_is_refused_with_an_error() -> None:
    async with customer() as one:
        assert (await one.rest("GET", "/Fax/"))[0] == 404
        assert (await one.rest("PUT", "/Call/"))[0] == 405
        url = f"{one.twin.api_url}/Account/{DEFAULT_AUTH_ID}/Call/"
        for body in (
            {"data": b"to=1"},
            {"data": b"{", "headers": {"Content-Type": "application/json"}},
        ):
            async with one.http.post(url, **body) as reply:
                assert reply.status == 400 and set(await reply.json()) == {"api_id", "error"}


async def test_calls_beyond_cps_wait_in_the_queue() -> None:
    async with customer(cps=0.2) as one:
        first, second, third = [await one.place(f"+91980000001{n}") for n in range(3)]
        _, queued = await one.rest("GET", "/Call/", status="queued")
        _, live = await one.rest("GET", "/Call/", status="live")
        assert (live["calls"], queued["calls"]) == ([first], [second, third])
        _, found = await one.rest("GET", "/Call/", status="queued", to_number="919800000012")
        assert found["calls"] == [third]
        _, waiting = await one.rest("GET", f"/Call/{second}/", status="queued")
        assert (waiting["call_status"], waiting["request_uuid"]) == ("queued", second)
        assert (await one.rest("DELETE", f"/Request/{third}/"))[0] == 204
        assert (await one.rest("DELETE", f"/Call/{second}/"))[0] == 204
        await one.twin.wait_quiet()
        codes = {e["call_uuid"]: e["code"] for e in one.twin.ledger.kept("ended")}
        assert codes[second] == codes[third] == 1000
        assert [each["call_uuid"] for each in one.twin.ledger.kept("rings")] == [first]
        assert one.last("/hangup")["CallStatus"] in ("completed", "cancel")


async def test_the_reply_says_whether_a_call_was_fired_or_queued() -> None:
    async with customer(cps=2) as one:
        said = [(await one.rest("POST", "/Call/", one.call_body()))[1]["message"] for _ in "abc"]
        assert said == ["call fired", "call fired", "call queued"]
        assert one.twin.ledger.report()["high_water"]["cps"] == 2


async def test_several_destinations_get_an_array_and_a_call_each() -> None:
    async with customer() as one:
        to = "919800000001<919800000002<919800000001"
        status, reply = await one.rest("POST", "/Call/", one.call_body(to))
        assert (status, reply["message"], len(reply["request_uuid"])) == (201, "calls fired", 2)
        rang = {each["request_uuid"] for each in one.twin.ledger.kept("rings")}
        assert rang == set(reply["request_uuid"])


async def test_india_refuses_what_goes_over_the_cap_and_others_do_not() -> None:
    async with customer(cap=2) as one:
        for _ in range(2):
            await one.place()
        status, reply = await one.rest("POST", "/Call/", one.call_body())
        assert (status, reply["error"]) == (403, "Concurrency Limit Breached")
        assert len(one.twin.ledger.kept("requests")) == 2
    async with customer(cap=2, india=False) as one:
        for _ in range(3):
            await one.place()


async def test_too_many_requests_are_turned_away() -> None:
    async with customer(requests_per_5s=3) as one:
        got = [(await one.rest("GET", "/Account/"))[0] for _ in range(4)]
        assert got == [404, 404, 404, 429]


async def test_a_live_call_is_found_and_hung_up_once() -> None:
    async with customer() as one:
        uuid = await talking(one)
        _, live = await one.rest("GET", f"/Call/{uuid}/", status="live")
        assert (live["call_status"], live["to"]) == ("in-progress", CALLEE[1:])
        assert (await one.rest("GET", f"/Call/{uuid}/"))[0] == 404  # no CDR while it is live
        for query in ({"to_number": CALLEE}, {"from_number": "911601200001"}):
            assert (await one.rest("GET", "/Call/", status="live", **query))[1]["calls"] == [uuid]
        for query in ({"to_number": "919"}, {"call_direction": "inbound"}):
            assert (await one.rest("GET", "/Call/", status="live", **query))[1]["calls"] == []
        assert (await one.rest("DELETE", f"/Request/{uuid}/"))[0] == 404  # it is answered
        assert (await one.rest("DELETE", f"/Call/{uuid}/"))[0] == 204
        assert (await one.rest("DELETE", f"/Call/{uuid}/"))[0] == 404
        await one.twin.wait_quiet()
        told = one.last("/hangup")
        assert (told["HangupCauseCode"], told["HangupSource"]) == ("4000", "API Request")


async def test_a_ringing_call_is_cancelled_by_its_request() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {"behaviour": "ring_out"}})
        uuid = await one.place(ring_timeout=3000)
        await one.wait_for("/ring")
        assert (await one.rest("DELETE", f"/Request/{uuid}/"))[0] == 204
        await one.twin.wait_quiet()
        told = one.last("/hangup")
        assert (told["CallStatus"], told["HangupCause"]) == ("cancel", "ORIGINATOR_CANCEL")


async def test_hanging_up_everything_leaves_cause_zero() -> None:
    async with customer() as one:
        await talking(one)
        assert (await one.rest("DELETE", "/Call/"))[0] == 204
        await one.twin.wait_quiet()
        assert one.last("/hangup")["HangupCauseCode"] == "0"


async def test_a_cdr_appears_after_its_delay() -> None:
    async with customer(cdr_delay_s=25) as one:
        one.twin.set_callees({CALLEE: {"behaviour": "busy"}})
        uuid = await one.place()
        await one.wait_for("/hangup")
        assert (await one.rest("GET", f"/Call/{uuid}/"))[0] == 404
        async with asyncio.timeout(10):
            while (found := await one.rest("GET", f"/Call/{uuid}/"))[0] == 404:  # noqa: ASYNC110 - REST has no event
                await asyncio.sleep(0.02)
        cdr = found[1]
        assert (cdr["call_uuid"], cdr["to_number"]) == (uuid, CALLEE[1:])
        assert (cdr["hangup_cause_code"], cdr["call_state"]) == (3010, "BUSY")
        assert (cdr["answer_time"], cdr["total_amount"]) == (None, "0.00000")


@pytest.mark.parametrize("cursor_paging", [False, True])
async def test_pages_follow_each_other_to_the_end(cursor_paging: bool) -> None:
    async with customer(cursor_paging=cursor_paging, cdr_delay_s=0) as one:
        phones = [f"+91980000{n:04d}" for n in range(25)]
        one.twin.set_callees(dict.fromkeys(phones, "no_such_number"))
        placed = {await one.place(phone) for phone in phones}
        await one.twin.wait_quiet()
        _, page = await one.rest("GET", "/Call/", limit="10")
        assert page["meta"]["total_count"] == 25 and page["meta"]["previous"] is None
        found = [each["call_uuid"] for each in page["objects"]]
        while page["meta"]["next"]:
            assert ("cursor=" in page["meta"]["next"]) is cursor_paging
            async with one.http.get(one.twin.url + page["meta"]["next"]) as reply:
                page = await reply.json()
            found += [each["call_uuid"] for each in page["objects"]]
        assert len(found) == 25 and set(found) == placed
        for bad in ({"limit": "21"}, {"limit": "0"}, {"offset": "-1"}, {"cursor": "?"}):
            assert (await one.rest("GET", "/Call/", **bad))[0] == 400
        assert (await one.rest("GET", "/Call/", end_time__gte="2020-01-01 00:00"))[0] == 400


async def test_acts_on_a_live_call_are_accepted_and_on_others_not() -> None:
    async with customer() as one:
        uuid = await talking(one)
        call = f"/Call/{uuid}"
        for act, body, message in (
            ("Play", {"urls": "https://h/a.mp3"}, "play started"),
            ("Speak", {"text": "Hello"}, "speak started"),
            ("DTMF", {"digits": "12"}, "digits sent"),
        ):
            status, reply = await one.rest("POST", f"{call}/{act}/", body)
            assert (status, reply["message"]) == (202, message)
            assert (await one.rest("POST", f"{call}/{act}/", {}))[0] == 400
            assert (await one.rest("POST", f"/Call/none/{act}/", body))[0] == 404
        assert (await one.rest("DELETE", f"{call}/Play/"))[1]["message"] == "play stopped"
        body = {"callback_url": f"{one.url}/file", "file_format": "wav"}
        status, reply = await one.rest("POST", f"{call}/Record/", body)
        assert (status, reply["message"]) == (202, "call recording started")
        assert (await one.rest("DELETE", f"{call}/Record/"))[0] == 204
        assert (await one.wait_for("/file")).params["RecordingID"] == reply["recording_id"]
        for bad in (
            {},
            {"legs": "bleg", "bleg_url": "https://h"},
            {"legs": "cleg"},
            {"aleg_url": "wss://h"},
        ):
            assert (await one.rest("POST", f"{call}/", bad))[0] == 400


async def test_applications_are_created_changed_attached_and_deleted() -> None:
    async with customer() as one:
        body = {"app_name": "dialer", "answer_url": "https://h/a"}
        status, made = await one.rest("POST", "/Application/", body)
        assert (status, made["message"], len(made["app_id"])) == (201, "created", 17)
        path = f"/Application/{made['app_id']}/"
        assert (await one.rest("POST", path, {"hangup_url": "https://h/h"}))[0] == 202
        _, app = await one.rest("GET", path)
        assert (app["answer_url"], app["hangup_url"]) == ("https://h/a", "https://h/h")
        assert app["sip_uri"] == f"sip:{made['app_id']}@app.plivo.com"
        _, listed = await one.rest("GET", "/Application/", app_name="dialer")
        assert [each["app_id"] for each in listed["objects"]] == [made["app_id"]]
        number = "/Number/911601200001/"
        assert (await one.rest("POST", number, {"app_id": made["app_id"]}))[0] == 202
        _, rented = await one.rest("GET", number)
        assert made["app_id"] in rented["application"]
        assert rented["compliance_status"] == "accepted"
        for bad in ({"app_name": "dialer"}, {}, {"app_name": "x", "answer_url": "h"}):
            assert (await one.rest("POST", "/Application/", bad))[0] == 400
        assert (await one.rest("POST", number, {"app_id": "1"}))[0] == 400
        assert (await one.rest("DELETE", path))[0] == 204
        assert (await one.rest("GET", path))[0] == 404


async def test_the_account_tells_of_itself_and_its_numbers() -> None:
    async with customer() as one:
        _, account = await one.rest("GET", "/")
        assert account["auth_id"] == DEFAULT_AUTH_ID and account["timezone"] == "Asia/Kolkata"
        _, numbers = await one.rest("GET", "/Number/")
        assert "911601200001" in {each["number"] for each in numbers["objects"]}
        assert (await one.rest("GET", "/Number/15551234567/"))[0] == 404


async def test_hundreds_of_calls_end_as_many() -> None:
    async with customer(requests_per_5s=10_000) as one:
        one.replies = {"/answer": "<Speak>Hello</Speak>"}
        for n in range(0, 300, 50):
            to = "<".join(f"9198{n + i:08d}" for i in range(50))
            assert (await one.rest("POST", "/Call/", one.call_body(to)))[0] == 201
        await one.twin.wait_quiet()
        report = one.twin.ledger.report()
        assert len(report["rings"]) == len(report["ended"]) == one.paths().count("/hangup") == 300
        assert report["high_water"]["concurrency"] > 100
