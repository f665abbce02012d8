"""Calls on the twin, over real sockets: what is called back, in which words, in which order."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web

from dialer.twin.config import SUBACCOUNT_TOKEN
from tests.integration.twin_customer import CALLEE, CALLER, Customer, Received, customer

ASK = '<GetInput action="{url}/input" numDigits="1"><Speak>Press one to confirm</Speak></GetInput>'


def scripted(one: Customer, **script: object) -> None:
    one.twin.set_callees({CALLEE: script})


async def test_an_answered_call_is_told_of_in_order_and_signed() -> None:
    async with customer() as one:
        scripted(one, reactions=[{"keys": "1"}])
        one.replies = {
            "/answer": ASK.format(url=one.url) + "<Speak>unheard</Speak>",
            "/input": "<Speak>Thank you</Speak><Hangup/>",
        }
        got = await one.run(sip_headers="lead=7")
        assert one.paths() == ["/ring", "/answer", "/input", "/hangup"]
        assert all(each.is_signed() and each.params["X-PH-lead"] == "7" for each in got)
        ring, answer, pressed, hangup = (each.params for each in got)
        assert len({each.params["CallUUID"] for each in got}) == 1
        assert [each.params["Event"] for each in got] == ["Ring", "StartApp", "GetInput", "Hangup"]
        assert (ring["From"], answer["From"], ring["To"]) == (CALLER, CALLER[1:], CALLEE[1:])
        assert "ALegUUID" not in ring and ring["CallStatus"] == "ringing"
        assert answer["CallStatus"] == "in-progress" and answer["CountryCode"] == "IN"
        assert answer["RouteType"] == "Domestic_Anchored"
        assert answer["ComplianceStatus"] == "accepted"
        assert (pressed["Digits"], pressed["InputType"]) == ("1", "dtmf")
        assert hangup["CallStatus"] == "completed" and hangup["HangupSource"] == "Answer XML"
        assert (hangup["HangupCauseCode"], hangup["HangupCause"]) == ("4000", "NORMAL_CLEARING")
        assert (hangup["BillDuration"], hangup["TotalCost"]) == ("60", "0.00475")
        assert hangup["StartTime"] <= hangup["AnswerTime"] <= hangup["EndTime"]
        assert "." in hangup["SessionStart"] and "." not in hangup["EndTime"]


@pytest.mark.parametrize(
    ("script", "status", "cause", "code", "source", "rings"),
    [
        ({"behaviour": "busy"}, "busy", "USER_BUSY", "3010", "Carrier", False),
        ({"behaviour": "reject"}, "busy", "CALL_REJECTED", "3020", "Callee", True),
        ({"behaviour": "ring_out"}, "no-answer", "NO_ANSWER", "6010", "Plivo", True),
        ({"answer_after_s": 31}, "no-answer", "NO_ANSWER", "6010", "Plivo", True),
        ({"behaviour": "invalid"}, "failed", "UNALLOCATED_NUMBER", "3050", "Carrier", False),
        ({"behaviour": "unreachable"}, "no-answer", "NO_ANSWER", "3000", "Carrier", False),
    ],
)
async def test_a_call_nobody_answers_ends_with_its_cause(
    script: dict[str, object], status: str, cause: str, code: str, source: str, rings: bool
) -> None:
    async with customer() as one:
        scripted(one, **script)
        await one.run()
        assert one.paths() == (["/ring"] if rings else []) + ["/hangup"]
        told = one.last("/hangup")
        assert (told["CallStatus"], told["HangupCause"]) == (status, cause)
        assert (told["HangupCauseCode"], told["HangupSource"]) == (code, source)
        assert (told["Duration"], told["BillDuration"], told["TotalCost"]) == ("0", "0", "0.00000")
        assert "AnswerTime" not in told
        assert len(one.twin.ledger.kept("rings")) == 1


async def test_a_phone_behaves_differently_on_its_second_ring() -> None:
    async with customer() as one:
        scripted(
            one, attempts=[{"behaviour": "busy"}, {"reactions": [{"keys": "1", "after_s": 1}]}]
        )
        one.replies = {"/answer": ASK.format(url=one.url), "/input": ""}
        await one.run()
        await one.run()
        assert one.paths() == ["/hangup", "/ring", "/answer", "/input", "/hangup"]


async def test_without_a_hangup_url_the_answer_url_hears_of_the_end() -> None:
    async with customer() as one:
        scripted(one)
        got = await one.run(hangup_url="", ring_url="")
        assert [(each.path, each.params["Event"]) for each in got] == [
            ("/answer", "StartApp"),
            ("/answer", "Hangup"),
        ]
        assert got[-1].params["HangupCauseCode"] == "4010"


async def test_get_callbacks_carry_everything_in_the_signed_query() -> None:
    async with customer() as one:
        scripted(one)
        answer = f"{one.url}/answer?attempt=a%20b#ct=500"
        got = await one.run(answer_url=answer, answer_method="GET", ring_url="")
        assert got[0].method == "GET" and got[0].is_signed()
        assert got[0].params["attempt"] == "a b" and got[0].params["Event"] == "StartApp"


async def test_a_failing_answer_url_is_retried_then_the_fallback_is_asked() -> None:
    async with customer() as one:
        scripted(one)
        one.replies = {"/answer": 503, "/fallback": "<Hangup/>"}
        await one.run(
            answer_url=f"{one.url}/answer#rc=2&rp=5xx", fallback_url=f"{one.url}/fallback"
        )
        assert one.paths() == ["/ring", "/answer", "/answer", "/answer", "/fallback", "/hangup"]
        assert one.last("/hangup")["HangupCauseCode"] == "4000"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (503, "7011"),
        ("<Say>no</Say>", "8011"),
        ("<Conference>room</Conference>", "8011"),
        (web.Response(text="{}", content_type="application/json"), "8011"),
    ],
)
async def test_a_bad_answer_ends_the_call_with_its_code(reply: object, code: str) -> None:
    async with customer() as one:
        scripted(one)
        one.replies = {"/answer": reply}
        await one.run()
        assert one.paths().count("/answer") == 1  # by default an error reply is not retried
        told = one.last("/hangup")
        assert (told["HangupCauseCode"], told["HangupSource"]) == (code, "Error")


async def test_an_unreachable_answer_url_is_recorded_not_raised() -> None:
    async with customer() as one:
        scripted(one)
        await one.run(answer_url="http://127.0.0.1:9/answer", ring_url="http://127.0.0.1:9/ring")
        assert one.last("/hangup")["HangupCauseCode"] == "7011"
        callbacks = one.twin.ledger.report()["callbacks"]
        assert callbacks == {
            "answer": {"failed": 1},
            "ring": {"failed": 1},
            "hangup": {"delivered": 1},
        }


async def test_a_slow_answer_url_is_given_up_after_its_read_timeout() -> None:
    async with customer() as one:
        scripted(one)

        async def slow(request: web.Request, got: Received) -> web.Response:
            await asyncio.sleep(1)
            return web.Response()

        one.replies = {"/answer": slow}
        await one.run(answer_url=f"{one.url}/answer#rt=100&rc=1")
        assert one.paths().count("/answer") == 2
        assert one.last("/hangup")["HangupCauseCode"] == "7011"


async def test_the_callee_hangs_up_in_the_middle_of_a_sentence() -> None:
    async with customer() as one:
        scripted(one, reactions=[{"hang_up": True, "after_s": 0.5}])
        one.replies = {"/answer": ASK.format(url=one.url), "/input": 500}
        await one.run()
        assert "/input" not in one.paths()
        assert one.last("/hangup")["HangupSource"] == "Callee"


@pytest.mark.parametrize(
    ("params", "script", "code"),
    [
        ({}, {"hang_up_after_s": 2}, "4000"),
        ({"time_limit": 3}, {}, "6000"),
        ({"hangup_on_ring": 2}, {"behaviour": "ring_out"}, "6010"),
    ],
)
async def test_limits_and_people_end_a_long_call(
    params: dict[str, object], script: dict[str, object], code: str
) -> None:
    async with customer() as one:
        scripted(one, **script)
        one.replies = {"/answer": '<Wait length="600"/>'}
        await one.run(**params)
        assert one.last("/hangup")["HangupCauseCode"] == code


async def test_synchronous_detection_marks_the_machine() -> None:
    async with customer() as one:
        scripted(one, behaviour="voicemail")
        await one.run(machine_detection="true")
        assert one.last("/answer")["Machine"] == one.last("/hangup")["Machine"] == "true"
        await one.run(machine_detection="hangup")
        assert one.paths().count("/answer") == 1
        assert one.last("/hangup")["HangupCauseCode"] == "9100"


async def test_asynchronous_detection_speaks_of_machines_only() -> None:
    async with customer() as one:
        scripted(one, behaviour="voicemail")
        one.replies = {"/answer": '<Wait length="20"/>'}
        detect = {"machine_detection": "true", "machine_detection_url": f"{one.url}/machine"}
        await one.run(**detect)
        assert one.paths() == ["/ring", "/answer", "/machine", "/hangup"]
        told = one.last("/machine")
        assert (told["Event"], told["IfMachine"]) == ("MachineDetection", "continue")
        assert "Machine" not in one.last("/answer")
        one.received.clear()
        scripted(one)
        await one.run(**detect)
        assert "/machine" not in one.paths()
        scripted(one, behaviour="voicemail")
        await one.run(**detect | {"machine_detection": "hangup"})
        assert one.last("/hangup")["HangupCauseCode"] == "9100"


async def test_the_ledger_witnesses_in_memory_and_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "twin" / "ledger.jsonl"
    async with customer(ledger_path=path) as one:
        one.twin.set_callees({"+919800000002": {"behaviour": "busy"}, CALLEE: {}})
        first = await one.place()
        second = await one.place("+919800000002")
        await one.rest("POST", "/Call/", {"from": "911", "to": "919", "answer_url": "https://h"})
        await one.twin.wait_quiet()
        status, report = await one.admin("GET", "/ledger")
        assert status == 200
        rings = {each["request_uuid"]: each for each in report["rings"]}
        assert set(rings) == {first, second}
        assert rings[first]["to"] == CALLEE and rings[first]["answer_url"].endswith("/answer")
        assert report["high_water"] == {"concurrency": 2, "cps": 2, "requested_cps": 2}
        assert [each["status"] for each in report["refused"]] == [400]
        assert {each["code"] for each in report["ended"]} == {4010, 3010}
    events = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    counted = [each["event"] for each in events]
    assert counted.count("ring") == counted.count("request") == counted.count("ended") == 2
    assert counted.count("refused") == 1
    assert counted.count("callback") == 4  # two ends, one ring, one answer


async def test_callbacks_and_cdrs_are_stamped_in_product_time() -> None:
    async with customer(clock_offset_us=-365 * 86_400_000_000, cdr_delay_s=0) as one:
        scripted(one)
        await one.run()
        stamp = one.twin.exchange.clock.now().strftime("%Y-")
        assert one.last("/hangup")["StartTime"].startswith(stamp)
        assert one.last("/answer")["SessionStart"].startswith(stamp)
        _, listed = await one.rest("GET", "/Call/")
        assert listed["objects"][0]["end_time"].startswith(stamp)
        assert listed["objects"][0]["end_time"].endswith("+05:30")
        await one.admin("POST", "/clock", {"offset_us": 0})
        _, listed = await one.rest("GET", "/Call/")
        assert listed["objects"] == []  # over seven days ago now


async def test_a_subaccount_signed_callback_still_carries_the_main_signature() -> None:
    async with customer() as one:
        scripted(one, faults=[{"kind": "subaccount_signed"}])
        got = await one.run()
        assert not got[0].is_signed() and got[0].is_signed(SUBACCOUNT_TOKEN)
        assert got[1].is_signed()
        assert "X-Plivo-Signature-Ma-V3" in got[0].headers
