"""The real plivo SDK against the twin: what it asks is understood, what it gets it understands,
and every callback it causes passes its own signature check."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import plivo
import pytest
from plivo.exceptions import AuthenticationError, GeoPermissionError, ResourceNotFoundError
from plivo.exceptions import ValidationError as PlivoValidationError
from plivo.rest import client as plivo_client
from plivo.utils import validate_v3_signature

from dialer.twin.config import DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN
from tests.integration.twin_customer import CALLEE, CALLER, Customer, Received, customer

BASES = (
    "PLIVO_API_BASE_URI",
    "API_VOICE_BASE_URI",
    "API_VOICE_BASE_URI_FALLBACK_1",
    "API_VOICE_BASE_URI_FALLBACK_2",
)


@pytest.fixture
async def one(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Customer]:
    async with customer() as someone:
        for name in BASES:
            monkeypatch.setattr(plivo_client, name, f"{someone.twin.api_url}/Account")
        yield someone


async def sdk(ask: Callable[[plivo.RestClient], Any], *, token: str = DEFAULT_AUTH_TOKEN) -> Any:
    """Ask one thing of a fresh client, in a thread as the SDK is synchronous."""

    def run() -> Any:
        with plivo.RestClient(DEFAULT_AUTH_ID, token) as client:
            return ask(client)

    return await asyncio.to_thread(run)


def passes_sdk_check(got: Received) -> bool:
    query = urlsplit(got.url).query
    params = {} if got.method == "GET" and query else dict(got.params)
    return bool(
        validate_v3_signature(
            got.method,
            got.url,
            got.headers["X-Plivo-Signature-V3-Nonce"],
            DEFAULT_AUTH_TOKEN,
            got.headers["X-Plivo-Signature-V3"],
            params,
        )
    )


def urls(one: Customer) -> dict[str, str]:
    return {
        "from_": CALLER,
        "to_": CALLEE,
        "answer_url": f"{one.url}/answer?campaign=1&x=a%20b#ct=2000&rt=5000&rc=3&rp=all",
        "ring_url": f"{one.url}/ring",
        "hangup_url": f"{one.url}/hangup?y=2",
    }


async def test_it_places_finds_transfers_and_hangs_up_a_call(one: Customer) -> None:
    one.twin.set_callees({CALLEE: {"reactions": [{"keys": "1"}]}})
    one.replies = {
        "/answer": f'<GetInput action="{one.url}/input" numDigits="1"><Speak>Hi</Speak></GetInput>',
        "/input": '<Wait length="30000"/>',
        "/moved": '<Wait length="30000"/>',
    }
    placed = await sdk(lambda c: c.calls.create(**urls(one)))
    uuid = placed.request_uuid
    assert placed.message == "call fired"
    await one.wait_for("/input")

    assert (await sdk(lambda c: c.live_calls.list_ids(to_number=CALLEE))).calls == [uuid]
    assert (await sdk(lambda c: c.live_calls.get(uuid))).call_status == "in-progress"
    assert (await sdk(lambda c: c.queued_calls.list_ids())).calls == []

    moved = await sdk(
        lambda c: c.calls.transfer(
            uuid, legs="aleg", aleg_url=f"{one.url}/moved", aleg_method="GET"
        )
    )
    assert "transfer" in moved.message
    await one.wait_for("/moved")
    assert (await sdk(lambda c: c.calls.speak(uuid, "Hello"))).message == "speak started"
    assert (await sdk(lambda c: c.calls.send_digits(uuid, "12"))).message == "digits sent"

    assert await sdk(lambda c: c.calls.hangup(uuid)) is None
    await one.twin.wait_quiet()
    with pytest.raises(ResourceNotFoundError):
        await sdk(lambda c: c.calls.hangup(uuid))

    assert one.paths() == ["/ring", "/answer", "/input", "/moved", "/hangup"]
    assert all(passes_sdk_check(each) for each in one.received)
    async with asyncio.timeout(10):
        while not (found := await sdk(lambda c: c.calls.list(to_number=CALLEE[1:]))).objects:
            continue
    assert found.objects[0].hangup_source == "API Request"
    assert (await sdk(lambda c: c.calls.get(uuid))).call_uuid == uuid


async def test_it_cancels_a_ringing_call_by_its_request(one: Customer) -> None:
    one.twin.set_callees({CALLEE: {"behaviour": "ring_out"}})
    placed = await sdk(lambda c: c.calls.create(**urls(one), ring_timeout=3000))
    assert await sdk(lambda c: c.calls.cancel(placed.request_uuid)) is None
    await one.twin.wait_quiet()
    assert one.last("/hangup")["CallStatus"] == "cancel"
    assert all(passes_sdk_check(each) for each in one.received)


async def test_several_destinations_come_back_as_a_list(one: Customer) -> None:
    to = "919800000001<919800000002"
    placed = await sdk(lambda c: c.calls.create(**urls(one) | {"to_": to}))
    assert placed.message == "calls fired" and len(placed.request_uuid) == 2


async def test_refusals_become_the_sdks_errors(one: Customer) -> None:
    with pytest.raises(AuthenticationError):
        await sdk(lambda c: c.calls.create(**urls(one)), token="wrong")
    with pytest.raises(PlivoValidationError, match="not associated with your account"):
        await sdk(lambda c: c.calls.create(**urls(one) | {"from_": "+912200000000"}))
    one.twin.set_callees({CALLEE: {"faults": [{"kind": "over_cap"}]}})
    with pytest.raises(GeoPermissionError, match="Concurrency Limit Breached"):
        await sdk(lambda c: c.calls.create(**urls(one)))


async def test_a_server_error_makes_the_sdk_ring_again(one: Customer) -> None:
    """Why the product must not place calls through the SDK (plivo.md §1.5)."""
    fault = {"kind": "error_after_placing", "times": 2, "status": 500}
    one.twin.set_callees({CALLEE: {"behaviour": "busy", "faults": [fault]}})
    await sdk(lambda c: c.calls.create(**urls(one)))
    await one.twin.wait_quiet()
    assert len(one.twin.ledger.kept("rings")) == 3


async def test_it_sets_up_an_application_and_a_number(one: Customer) -> None:
    made = await sdk(lambda c: c.applications.create("dialer", answer_url="https://h.test/a"))
    assert made.message == "created"
    listed = await sdk(lambda c: c.applications.list())
    assert [each.app_id for each in listed.objects] == [made.app_id]
    changed = await sdk(lambda c: c.applications.update(made.app_id, hangup_url="https://h.test/h"))
    assert changed.message == "changed"
    assert (await sdk(lambda c: c.applications.get(made.app_id))).hangup_url == "https://h.test/h"
    number = CALLER[1:]
    attached = await sdk(lambda c: c.numbers.update(number, app_id=made.app_id))
    assert attached.message == "changed"
    rented = await sdk(lambda c: c.numbers.get(number))
    assert rented.number == number and made.app_id in rented.application
    assert rented.compliance_status == "accepted"
    assert number in {each.number for each in (await sdk(lambda c: c.numbers.list())).objects}
    assert (await sdk(lambda c: c.account.get())).auth_id == DEFAULT_AUTH_ID


async def test_it_records_and_finds_the_recording(one: Customer) -> None:
    one.twin.set_callees({CALLEE: {}})
    one.replies = {"/answer": '<Wait length="30000"/>'}
    uuid = (await sdk(lambda c: c.calls.create(**urls(one)))).request_uuid
    await one.wait_for("/answer")
    begun = await sdk(lambda c: c.calls.start_recording(uuid, callback_url=f"{one.url}/file"))
    await sdk(lambda c: c.calls.hangup(uuid))
    await one.twin.wait_quiet()
    listed = await sdk(lambda c: c.recordings.list(call_uuid=uuid))
    assert [each.recording_id for each in listed.objects] == [begun.recording_id]
    assert passes_sdk_check(await one.wait_for("/file"))
