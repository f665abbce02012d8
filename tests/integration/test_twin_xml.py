"""XML run on live calls of the twin: input, redirects, dial, record, stream, transfer."""

from __future__ import annotations

import json

import pytest
from aiohttp import WSMsgType, web

from tests.integration.twin_customer import CALLEE, Customer, Received, customer

OTHER = "+919800000009"


def ask(one: Customer, **attributes: object) -> str:
    given = {"action": f"{one.url}/input", "numDigits": 1, "executionTimeout": 15, **attributes}
    words = " ".join(f'{name}="{value}"' for name, value in given.items())
    return f"<GetInput {words}><Speak>Please press a key now</Speak></GetInput>"


def pressed(one: Customer) -> list[str]:
    return [each.params["Digits"] for each in one.received if each.path == "/input"]


@pytest.mark.parametrize(
    ("reactions", "attributes", "digits"),
    [
        ([{"keys": "1"}], {}, ["1"]),
        ([{"keys": "12"}], {}, ["1"]),
        ([{"keys": "12"}], {"numDigits": 4}, ["12"]),
        ([{"keys": "12#3"}], {"numDigits": 4}, ["12"]),
        ([{"keys": "12#3"}], {"numDigits": 4, "finishOnKey": "none"}, ["12#3"]),
        ([{"keys": "1", "after_s": 50}], {}, []),
        ([], {}, []),
        ([{"says": "yes"}], {}, []),
    ],
)
async def test_get_input_hears_keys_in_time(
    reactions: list[object], attributes: dict[str, object], digits: list[str]
) -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {"reactions": reactions}})
        one.replies = {"/answer": ask(one, **attributes) + "<Hangup/>", "/input": ""}
        await one.run()
        assert pressed(one) == digits
        ended = "4010" if digits else "4000"  # without input the next element runs
        assert one.last("/hangup")["HangupCauseCode"] == ended


async def test_each_prompt_meets_its_own_reaction() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {"reactions": [{"keys": "7"}, {"keys": "1"}]}})
        one.replies = {"/answer": ask(one), "/input": [ask(one), "<Speak>Thanks</Speak>"]}
        await one.run()
        assert pressed(one) == ["7", "1"]
        inputs = one.twin.ledger.kept("inputs")
        assert [(each["keys"], each["in_time"]) for each in inputs] == [("7", True), ("1", True)]


async def test_spoken_input_carries_words_and_confidence() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {"reactions": [{"says": "yes please"}]}})
        one.replies = {"/answer": ask(one, inputType="dtmf speech"), "/input": ""}
        await one.run()
        told = one.last("/input")
        assert (told["InputType"], told["Speech"], told["Digits"]) == ("speech", "yes please", "")
        assert 0 < float(told["SpeechConfidenceScore"]) <= 1


async def test_without_redirect_the_reply_does_not_matter() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {"reactions": [{"keys": "1"}]}})
        one.replies = {"/answer": ask(one, redirect="false") + "<Hangup/>", "/input": 500}
        await one.run()
        assert pressed(one) == ["1"] and one.last("/hangup")["HangupCauseCode"] == "4000"


async def test_get_digits_asks_again_for_a_valid_key() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {"reactions": [{"keys": "5"}, {"keys": "2"}]}})
        digits = (
            f'<GetDigits action="{one.url}/input" numDigits="1" timeout="20" retries="2"'
            ' validDigits="12"/>'
        )
        one.replies = {"/answer": digits, "/input": "<Hangup/>"}
        await one.run()
        assert pressed(one) == ["2"]


@pytest.mark.parametrize(
    ("xml", "reply", "code"),
    [
        ("<Redirect>{url}/next</Redirect><Hangup/>", "", "4010"),
        ("<Redirect>{url}/next</Redirect>", 404, "7014"),
        ("<Redirect>{url}/next</Redirect>", "<Say/>", "8014"),
        ("<Redirect>ftp://h</Redirect>", "", "7024"),
        ('<Redirect method="PUT">{url}/next</Redirect>', "", "7034"),
        ('<GetInput action="{url}/next"/>', 404, "7012"),
        ('<GetInput action="{url}/next"/>', "<Say/>", "8012"),
        ('<GetInput action="nowhere"/>', "", "7022"),
        ("<Hangup/>", "", "4000"),
        ('<Hangup schedule="1"/><Wait length="60"/>', "", "6000"),
        ("<PreAnswer><Speak>Soon</Speak></PreAnswer><DTMF async='false'>1</DTMF>", "", "4010"),
    ],
)
async def test_where_a_document_leads_decides_how_the_call_ends(
    xml: str, reply: object, code: str
) -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {"reactions": [{"keys": "1", "after_s": 1}]}})
        one.replies = {"/answer": xml.format(url=one.url), "/next": reply}
        await one.run()
        assert one.last("/hangup")["HangupCauseCode"] == code


async def test_a_document_that_redirects_to_itself_is_a_loop() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {}})
        one.replies = {"/answer": f"<Redirect>{one.url}/answer</Redirect>"}
        await one.run()
        assert one.last("/hangup")["HangupCauseCode"] == "2060"


async def test_wait_for_the_beep_ends_with_a_voicemails_greeting() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {"behaviour": "voicemail", "greeting_s": 2}})
        one.replies = {"/answer": '<Wait length="90000" beep="true"/><Speak>Message</Speak>'}
        await one.run()
        assert one.last("/hangup")["HangupCauseCode"] == "4010"


@pytest.mark.parametrize(
    ("script", "status", "leg_code"),
    [
        ({}, "completed", 4000),
        ({"behaviour": "busy"}, "busy", 3010),
        ({"behaviour": "invalid"}, "failed", 3050),
        ({"behaviour": "unreachable"}, "no-answer", 3000),
        ({"behaviour": "ring_out"}, "timeout", 6010),
    ],
)
async def test_dial_reports_what_became_of_the_other_leg(
    script: dict[str, object], status: str, leg_code: int
) -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {}, OTHER: script})
        one.replies = {
            "/answer": f'<Dial action="{one.url}/dialled" timeout="9" callbackUrl="{one.url}/leg">'
            f"<Number>{OTHER}</Number></Dial>",
            "/dialled": "<Hangup/>",
        }
        await one.run()
        told = one.last("/dialled")
        assert told["DialStatus"] == status and told["DialALegUUID"] == told["CallUUID"]
        legs = [e for e in one.twin.ledger.kept("ended") if e["parent"]]
        assert [(e["code"], e["call_uuid"]) for e in legs] == [(leg_code, told["DialBLegUUID"])]
        assert len(one.twin.ledger.kept("rings")) == 1  # a B-leg is no request
        actions = [each.params["DialAction"] for each in one.received if each.path == "/leg"]
        assert actions == (["answer", "connected", "hangup"] if not script else [])


async def test_dial_bridges_the_first_to_answer_and_the_others_lose() -> None:
    async with customer() as one:
        slow, fast = "+919800000007", "sip:agent@example.test"
        one.twin.set_callees(
            {CALLEE: {}, slow: {"answer_after_s": 20}, fast: {"answer_after_s": 1}}
        )
        one.replies = {"/answer": f"<Dial><Number>{slow}</Number><User>{fast}</User></Dial>"}
        await one.run()
        legs = {e["to"]: e["code"] for e in one.twin.ledger.kept("ended") if e["parent"]}
        assert legs == {slow: 9000, fast: 4000}
        assert one.last("/hangup")["HangupCauseCode"] == "4010"


async def test_dial_ends_with_the_caller_and_needs_an_owned_caller_id() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {"hang_up_after_s": 6}, OTHER: {"hang_up_after_s": 500}})
        one.replies = {"/answer": f"<Dial><Number>{OTHER}</Number></Dial>"}
        await one.run()
        ended = {e["to"]: e["code"] for e in one.twin.ledger.kept("ended")}
        assert ended == {CALLEE: 4000, OTHER: 4000}
        one.twin.set_callees({CALLEE: {}})
        one.replies = {
            "/answer": f'<Dial callerId="915" action="{one.url}/dialled">'
            f"<Number>{OTHER}</Number></Dial>"
        }
        await one.run()
        assert one.last("/dialled")["DialHangupCause"] == "CALL_REJECTED"


@pytest.mark.parametrize(("keys", "status"), [("5", "completed"), ("6", "failed")])
async def test_dial_asks_the_other_leg_to_confirm(keys: str, status: str) -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {}, OTHER: {"reactions": [{"keys": keys}]}})
        one.replies = {
            "/answer": f'<Dial action="{one.url}/dialled" confirmKey="5" confirmTimeout="4">'
            f"<Number>{OTHER}</Number></Dial>"
        }
        await one.run()
        leg = next(e for e in one.twin.ledger.kept("ended") if e["parent"])
        assert leg["code"] == (4000 if keys == "5" else 9110)
        assert one.last("/dialled")["DialStatus"] == status


async def test_a_recording_is_told_listed_served_and_deleted() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {}})
        one.replies = {
            "/answer": f'<Record action="{one.url}/recorded" callbackUrl="{one.url}/file"'
            ' maxLength="20" fileFormat="wav"/>',
            "/recorded": "<Hangup/>",
        }
        await one.run()
        told = one.last("/recorded")
        assert int(told["RecordingDurationMs"]) > 0
        assert one.last("/file")["RecordingID"] == told["RecordingID"]
        _, listed = await one.rest("GET", "/Recording/", call_uuid=told["CallUUID"])
        assert [each["recording_url"] for each in listed["objects"]] == [told["RecordUrl"]]
        async with one.http.get(told["RecordUrl"]) as file:
            assert (await file.read())[:4] == b"RIFF"
        path = f"/Recording/{told['RecordingID']}/"
        assert (await one.rest("GET", path))[0] == 200
        assert (await one.rest("DELETE", path))[0] == 204
        assert (await one.rest("GET", path))[0] == 404


async def test_a_session_recording_has_no_length_until_the_call_is_over() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {}})
        one.replies = {
            "/answer": f'<Record recordSession="true" action="{one.url}/begun"'
            f' callbackUrl="{one.url}/file"/><Speak>We talk</Speak>'
        }
        await one.run()
        assert one.last("/begun")["RecordingDurationMs"] == "-1"
        assert int(one.last("/file")["RecordingDurationMs"]) > 0


async def test_a_transfer_replaces_the_document() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {}})
        one.replies = {"/answer": '<Wait length="600"/>', "/moved": "<Hangup/>"}
        uuid = await one.place()
        await one.wait_for("/answer")
        status, reply = await one.rest("POST", f"/Call/{uuid}/", {"aleg_url": f"{one.url}/moved"})
        assert (status, reply["message"]) == (202, "call transfered")
        await one.twin.wait_quiet()
        assert one.paths()[-2:] == ["/moved", "/hangup"]
        assert one.last("/hangup")["HangupCauseCode"] == "4000"


@pytest.mark.parametrize(
    ("legs", "fetched", "codes"),
    [
        ("aleg", {"/a"}, {CALLEE: 4010, OTHER: 4000}),
        ("bleg", {"/b"}, {CALLEE: 4010, OTHER: 4010}),
        ("both", {"/a", "/b"}, {CALLEE: 4010, OTHER: 4010}),
    ],
)
async def test_a_transfer_moves_the_legs_it_names(
    legs: str, fetched: set[str], codes: dict[str, int]
) -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {}, OTHER: {"hang_up_after_s": 30000}})
        dial = f'<Dial callbackUrl="{one.url}/leg"><Number>{OTHER}</Number></Dial>'
        one.replies = {"/answer": dial}
        uuid = await one.place()
        await one.wait_for("/leg")
        body = {"legs": legs, "aleg_url": f"{one.url}/a", "bleg_url": f"{one.url}/b"}
        assert (await one.rest("POST", f"/Call/{uuid}/", body))[0] == 202
        await one.twin.wait_quiet()
        assert fetched == {"/a", "/b"} & set(one.paths())
        assert {e["to"]: e["code"] for e in one.twin.ledger.kept("ended")} == codes
        if "/b" in fetched:
            assert one.last("/b")["ALegUUID"] == uuid != one.last("/b")["CallUUID"]


def stream_xml(one: Customer, **attributes: object) -> str:
    words = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    url = one.url.replace("http", "ws")
    return (
        f'<Stream bidirectional="true" contentType="audio/x-mulaw;rate=8000" {words}'
        f' statusCallbackUrl="{one.url}/status" extraHeaders="a=b">{url}/ws?t=1&amp;u=2</Stream>'
    )


async def test_a_stream_opens_signed_says_start_and_yields_to_a_transfer() -> None:
    async with customer() as one:
        seen: list[dict[str, object]] = []

        async def socket(request: web.Request, got: Received) -> web.StreamResponse:
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            seen.append(json.loads(await ws.receive_str()))
            body = {"aleg_url": f"{one.url}/moved"}
            await one.rest("POST", f"/Call/{one.last('/answer')['CallUUID']}/", body)
            await ws.close()
            return ws

        one.twin.set_callees({CALLEE: {}})
        one.replies = {
            "/answer": stream_xml(one, keepCallAlive="true") + '<Wait length="600"/>',
            "/ws": socket,
            "/moved": "<Hangup/>",
        }
        await one.run()
        upgrade = next(each for each in one.received if each.path == "/ws")
        assert upgrade.is_signed()
        (start,) = seen
        assert start["sequenceNumber"] == 1 and start["extra_headers"] == "a=b"
        assert start["start"]["callId"] == one.last("/answer")["CallUUID"]
        assert start["start"]["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000}
        events = [each.params["Event"] for each in one.received if each.path == "/status"]
        assert sorted(events) == ["StartStream", "StopStream"]
        assert "/moved" in one.paths()


async def test_a_stream_that_cannot_connect_is_dropped_and_the_document_goes_on() -> None:
    async with customer() as one:
        one.twin.set_callees({CALLEE: {}})
        one.replies = {"/answer": stream_xml(one, keepCallAlive="true") + "<Hangup/>", "/ws": 403}
        await one.run()
        assert one.paths().count("/ws") == 3
        assert one.last("/status")["Event"] == "DroppedStream"
        assert one.last("/hangup")["HangupCauseCode"] == "4000"


async def test_a_callee_who_hangs_up_takes_the_stream_along() -> None:
    async with customer() as one:
        closed: list[WSMsgType] = []

        async def socket(request: web.Request, got: Received) -> web.StreamResponse:
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            await ws.receive_str()
            while (kind := (await ws.receive()).type) is WSMsgType.TEXT:
                continue  # media
            closed.append(kind)
            return ws

        one.twin.set_callees({CALLEE: {"hang_up_after_s": 2.0}})
        one.replies = {"/answer": stream_xml(one, keepCallAlive="true"), "/ws": socket}
        await one.run()
        assert closed == [WSMsgType.CLOSE]
        assert one.last("/hangup")["HangupSource"] == "Callee"
        assert one.last("/status")["Event"] == "StopStream"
