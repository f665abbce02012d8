"""Campaigns on the line: people answer, press keys, are busy; the carrier misbehaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.line import Line, phone, running_line


@pytest.fixture
async def line(database_url: str, tmp_path: Path) -> AsyncIterator[Line]:
    async with running_line(database_url, tmp_path) as running:
        yield running


async def test_every_kind_of_person_gets_the_outcome_and_disposition_that_fit(line: Line) -> None:
    people = {
        phone(1): ("confirms", "completed", "confirmed"),
        phone(2): ("reschedules", "completed", "reschedule"),
        phone(3): ("opts_out", "completed", "opted_out"),
        phone(4): ("wrong_then_right", "completed", "confirmed"),
        phone(5): ("silent", "completed", "incomplete"),
        phone(6): ("cuts_off", "completed", "incomplete"),
        phone(7): ("busy", "busy", "unreachable"),
        phone(8): ("busy_then_confirms", "completed", "confirmed"),
        phone(9): ("declines", "rejected", "unreachable"),
        phone(10): ("rings_out", "no_answer", "unreachable"),
        phone(11): ("no_such_number", "invalid_number", "unreachable"),
        phone(12): ("voicemail", "machine", "unreachable"),
    }
    campaign = await line.launch({number: script for number, (script, *_) in people.items()})
    await line.finished(campaign)
    for number, (script, outcome, disposition) in people.items():
        last = (await line.attempts(number))[-1]
        assert (last.outcome, (await line.lead(number)).disposition) == (outcome, disposition), (
            script
        )
    assert len(await line.attempts(phone(7))) == 2, "a busy line is tried max_attempts times"
    suppressions = (await line.client.get("/api/v1/suppressions")).json()["items"]
    assert [row["phone"] for row in suppressions] == [phone(3)]
    found = await line.compare()
    assert found.rings == 15, "12 first calls; busy, busy_then_confirms and rings_out again"
    assert found.disagreements == 0


ODD_CALLBACKS = [
    {"kind": "callback_lost", "callback": "hangup"},
    {"kind": "callback_lost", "callback": "ring"},
    {"kind": "callback_doubled", "times": None},
    {"kind": "no_ring_callback"},
    {"kind": "answer_twice"},
    {"kind": "uuid_differs"},
    {"kind": "uuid_array"},
    {"kind": "two_signatures", "times": None},
]
LOST_REPLIES = [
    {"kind": "error_after_placing", "status": 500},
    {"kind": "error_after_placing", "status": 504},
    {"kind": "reset_after_placing"},
    {"kind": "late_reply", "delay_s": 9},
    {"kind": "no_request_uuid"},
]


async def test_lost_replies_and_odd_callbacks_ring_once_and_are_resolved(line: Line) -> None:
    faults = {phone(n): fault for n, fault in enumerate([*ODD_CALLBACKS, *LOST_REPLIES], start=1)}
    answers = {"reactions": [{"keys": "1"}]}
    people = {number: {**answers, "faults": [fault]} for number, fault in faults.items()}
    await line.finished(await line.launch(people))
    for number, fault in faults.items():
        (attempt,) = await line.attempts(number)
        assert (attempt.state, attempt.outcome) == ("ended", "completed"), fault
        assert (await line.lead(number)).disposition == "confirmed", fault
        assert line.rings(number) == 1, fault
    assert (await line.compare()).disagreements == 0


async def test_a_lost_reply_without_callbacks_is_found_in_the_carriers_lists(line: Line) -> None:
    faults = [
        {"kind": "error_after_placing", "status": 500},
        {"kind": "callback_lost", "times": None},
    ]
    campaign = await line.launch({phone(1): {"faults": faults}})
    await line.finished(campaign)
    (attempt,) = await line.attempts()
    assert attempt.state == "ended" and attempt.call_uuid is not None
    assert line.rings(phone(1)) == 1
    assert (await line.compare()).disagreements == 0


async def test_a_call_the_carrier_never_had_is_dialed_later(line: Line) -> None:
    faults = {
        phone(1): {"kind": "error_before_placing", "status": 503},
        phone(2): {"kind": "reset_before_placing"},
    }
    answers = {"reactions": [{"keys": "1"}]}
    people = {number: {**answers, "faults": [fault]} for number, fault in faults.items()}
    await line.finished(await line.launch(people))
    for number, fault in faults.items():
        first, second = await line.attempts(number)
        assert (first.state, second.state) == ("never_placed", "ended"), fault
        assert (await line.lead(number)).attempts == 1, "what never rang counts as no attempt"
        assert line.rings(number) == 1, fault
    assert (await line.compare()).disagreements == 0


async def test_a_hangup_that_overtakes_the_answer_ends_the_call_once(line: Line) -> None:
    campaign = await line.launch({phone(1): {"faults": [{"kind": "hangup_before_answer"}]}})
    await line.finished(campaign)
    (attempt,) = await line.attempts()
    assert attempt.state == "ended"
    assert (await line.compare()).disagreements == 0


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [
        ("rate_limited", "rate_limited"),
        ("over_cap", "concurrency"),
        ("unauthorised", "credentials"),
    ],
)
async def test_a_refusal_gives_the_lead_back(line: Line, kind: str, refusal: str) -> None:
    await line.launch({phone(1): {"faults": [{"kind": kind}]}})
    while not (found := await line.attempts()) or found[0].state in ("intended", "placing"):
        pass
    assert (found[0].state, found[0].refusal) == ("refused", refusal)
    lead = await line.lead(phone(1))
    assert (lead.state, lead.attempts) == ("waiting", 0)
    assert line.rings(phone(1)) == 0


async def test_two_campaigns_never_dial_one_phone_at_once(line: Line) -> None:
    script = {"ring_s": 20.0, "reactions": [{"keys": "1"}]}
    one = await line.launch({phone(1): script}, name="one")
    two = await line.launch({phone(1): script}, name="two")
    await line.finished(one)
    await line.finished(two)
    first, second = await line.attempts()
    assert second.placing_at > first.ended_at
    assert (await line.compare()).disagreements == 0


async def test_a_machine_gets_the_message_after_its_beep(line: Line) -> None:
    voicemail = {"action": "leave_message", "message": "Please call us back."}
    campaign = await line.launch({phone(1): "voicemail"}, voicemail=voicemail)
    await line.finished(campaign)
    (attempt,) = await line.attempts()
    assert (attempt.outcome, attempt.disposition) == ("machine", "voicemail_left")
    assert (await line.lead(phone(1))).disposition == "voicemail_left"
    assert (await line.compare()).disagreements == 0


async def test_a_notification_may_hand_the_callee_to_a_sip_address(line: Line) -> None:
    sip = {"message": "unused", "delivery": "sip", "sip_uri": "sip:desk@pbx.example"}
    campaign = await line.launch({phone(1): "silent"}, notification=sip)
    await line.finished(campaign)
    (attempt,) = await line.attempts()
    assert attempt.outcome == "completed"
    assert [leg["to"] for leg in line.twin.ledger.kept("legs")] == ["sip:desk@pbx.example"]
