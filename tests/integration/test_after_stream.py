"""Any process answers what a call goes on with when its stream has ended: over the real route."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import httpx
import pytest
from plivo.utils.signature_v3 import construct_post_url, get_signature_v3

from dialer.call.desk import Metered
from dialer.dialing.live_call import LiveCall
from dialer.dialing.loop import DialingLoop
from dialer.domain.attempt import Disposition
from dialer.providers.protocols import CarrierCall
from dialer.store.carrier import live_by_campaign
from dialer.web.context import Context
from dialer.web.server import build_web
from tests.integration.dialing_floor import ASHA, CALLER_ID, Floor

TOKEN, NONCE = "a token", "31627761595286130198"
TRANSFER = {"to": "+918011112222"}
LEAVES = {"action": "leave_message", "message": "Please call {name} back."}
UP = {"CallUUID": "call-1", "CallStatus": "in-progress", "Event": "Redirect"}
TALKED = {"HangupCauseCode": "4000", "Duration": "20", "AnswerTime": "2026-01-01 10:00:00"}


@dataclass
class Carrier:
    """The carrier's side: posts callbacks to the product's own routes, signed as it signs."""

    floor: Floor
    context: Context
    client: httpx.AsyncClient
    attempt_id: UUID
    sent: int = 0

    async def post(self, kind: str, after: str = "", **form: str) -> ElementTree.Element:
        """Return the document; each post is one more, never a replay."""
        self.sent += 1
        form = UP | form | {"Number": str(self.sent)}
        urls = self.floor.placing.urls
        url = urls.after(self.attempt_id, after) if after else urls.of(self.attempt_id, kind)
        signed = construct_post_url(url, form).decode()
        signature = get_signature_v3(TOKEN.encode(), signed, NONCE).decode()
        headers = {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": NONCE}
        reply = await self.client.post(url, data=form, headers=headers)
        assert reply.status_code == 200, reply.text
        await asyncio.gather(*self.context.background.tasks)
        return ElementTree.fromstring(reply.text)

    @property
    def desk(self) -> LiveCall:
        floor = self.floor
        return LiveCall(
            floor.db,
            floor.carrier,
            floor.placing.urls,
            self.context.background.spawn,
            self.attempt_id,
        )

    async def attempt(self) -> Any:
        return await self.floor.attempt(self.attempt_id)

    async def legs(self) -> int:
        async with self.floor.db.begin() as tx:
            return (await live_by_campaign(tx))[1].transfer_legs


@pytest.fixture
async def client(floor: Floor, tmp_path: Path) -> AsyncIterator[tuple[Context, httpx.AsyncClient]]:
    context = Context(
        db=floor.db,
        keys=floor.law.keys,
        law=floor.law,
        carrier=floor.carrier,
        carrier_token=TOKEN,
        urls=floor.placing.urls,
        loop=DialingLoop(floor.placing, floor.law),
        api_key="a key",
        data_dir=tmp_path,
    )
    transport = httpx.ASGITransport(build_web(context))
    async with httpx.AsyncClient(transport=transport) as client:
        yield context, client


Web = tuple[Context, httpx.AsyncClient]


async def answered(floor: Floor, web: Web, **changes: Any) -> Carrier:
    """Launch a campaign that talks, ring its lead and answer."""
    await floor.launch(
        [ASHA], **{"notification": {"delivery": "stream"}, "transfer": TRANSFER, **changes}
    )
    carrier = Carrier(floor, *web, await floor.ring_one())
    await carrier.post("ring", Event="Ring")
    return carrier


def tags(document: ElementTree.Element) -> list[str]:
    return [child.tag for child in document]


def spoken(document: ElementTree.Element) -> str:
    return " ".join(speak.text or "" for speak in document.iter("Speak"))


async def test_an_answered_call_gets_its_stream_and_where_to_ask_then(
    floor: Floor, client: Web
) -> None:
    carrier = await answered(floor, client)
    document = await carrier.post("answer", Event="StartApp")
    urls = floor.placing.urls
    assert tags(document) == ["Stream", "Redirect"]
    assert document[0].text == urls.stream_of(carrier.attempt_id)
    assert (document[1].text or "").startswith(urls.after(carrier.attempt_id, "stream") + "#")
    over = await carrier.post("answer", Event="Hangup", CallStatus="completed", **TALKED)
    assert tags(over) == []


async def test_a_stream_that_broke_by_itself_ends_in_an_apology_and_a_callback(
    floor: Floor, client: Web
) -> None:
    carrier = await answered(floor, client)
    await carrier.post("answer", Event="StartApp")
    document = await carrier.post("transfer", "stream")
    assert tags(document) == ["Speak", "Hangup"]
    assert "We will call you back" in spoken(document)
    await carrier.post("hangup", **TALKED)
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.disposition) == ("waiting", "callback")
    async with floor.db.begin() as tx:
        assert timedelta(minutes=19) < lead.due_at - tx.now <= timedelta(minutes=20)
    await floor.later(20 * 60)
    assert len(await floor.claim()) == 1


async def test_a_session_that_ends_after_its_broken_call_leaves_the_callback(
    floor: Floor, client: Web
) -> None:
    carrier = await answered(floor, client)
    await carrier.post("transfer", "stream")
    await carrier.desk.settle(Disposition.INCOMPLETE, None)
    await carrier.desk.close(Metered(stream_s=3.0), None)
    assert (await carrier.attempt()).disposition == "callback"


async def test_nothing_is_promised_to_who_was_settled_before_the_break(
    floor: Floor, client: Web
) -> None:
    for said in (Disposition.QUALIFIED, Disposition.OPTED_OUT):
        name = f"talk {said}"
        await floor.launch([ASHA], name=name, notification={"delivery": "stream"})
        carrier = Carrier(floor, *client, await floor.ring_one())
        await carrier.post("answer", Event="StartApp")
        await carrier.desk.settle(said, None)
        assert "call you back" not in spoken(await carrier.post("transfer", "stream"))
        assert (await carrier.attempt()).disposition == said
        await carrier.post("hangup", **TALKED)
        await floor.later(60)


async def test_a_call_that_is_over_is_not_called_back_for_it(floor: Floor, client: Web) -> None:
    carrier = await answered(floor, client)
    assert tags(await carrier.post("transfer", "stream", CallStatus="completed")) == []
    await carrier.post("hangup", **TALKED)
    assert tags(await carrier.post("transfer", "stream")) == []
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.disposition) == ("done", "incomplete")


async def test_a_meant_end_and_a_failed_voice_go_on_as_they_were_meant(
    floor: Floor, client: Web
) -> None:
    carrier = await answered(floor, client)
    await carrier.post("answer", Event="StartApp")
    await carrier.desk.apologise(None)
    assert "call you back" in spoken(await carrier.post("transfer", "stream"))
    await carrier.desk.hang_up()
    assert tags(await carrier.post("transfer", "stream")) == ["Hangup"]


async def test_a_hand_over_dials_and_its_leg_counts_while_it_lives(
    floor: Floor, client: Web
) -> None:
    carrier = await answered(floor, client)
    await carrier.post("answer", Event="StartApp")
    await carrier.desk.hand_over("asked")
    assert await carrier.legs() == 0
    (dial,) = await carrier.post("transfer", "stream")
    assert (dial.tag, dial.get("callerId"), dial[0].text) == ("Dial", CALLER_ID, TRANSFER["to"])
    assert await carrier.legs() == 1
    for action in ("answer", "connected"):
        assert tags(await carrier.post("transfer", "leg", DialAction=action)) == []
        assert await carrier.legs() == 1
    await carrier.post("transfer", "leg", DialAction="hangup")
    assert await carrier.legs() == 0
    over = await carrier.post("transfer", "dial", DialStatus="completed")
    assert tags(over) == ["Hangup"]
    await carrier.post("hangup", **TALKED)
    assert (await floor.lead(ASHA)).disposition == "transferred"


@pytest.mark.parametrize("status", ["busy", "no-answer", "timeout", "failed", "cancel", ""])
async def test_when_nobody_is_free_a_person_is_to_call_back(
    floor: Floor, client: Web, status: str
) -> None:
    carrier = await answered(floor, client)
    await carrier.post("answer", Event="StartApp")
    await carrier.desk.hand_over("asked")
    await carrier.post("transfer", "stream")
    document = await carrier.post("transfer", "dial", DialStatus=status)
    assert tags(document) == ["Speak", "Hangup"] and "call you back" in spoken(document)
    assert await carrier.legs() == 0
    await carrier.post("hangup", **TALKED)
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.disposition) == ("done", "callback")


async def handed_over(floor: Floor, client: Web) -> Carrier:
    """A call whose transfer rings."""
    carrier = await answered(floor, client)
    await carrier.post("answer", Event="StartApp")
    await carrier.desk.hand_over("asked")
    await carrier.post("transfer", "stream")
    return carrier


async def test_who_hangs_up_before_anybody_answered_is_to_be_called(
    floor: Floor, client: Web
) -> None:
    carrier = await handed_over(floor, client)
    await carrier.post("hangup", **TALKED)
    assert (await floor.lead(ASHA)).disposition == "callback"
    await carrier.post("transfer", "leg", DialAction="connected")  # the hangup overtook it
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.disposition) == ("done", "transferred")


async def test_who_hangs_up_on_a_person_was_transferred(floor: Floor, client: Web) -> None:
    carrier = await handed_over(floor, client)
    await carrier.post("transfer", "leg", DialAction="answer")
    await carrier.post("hangup", **TALKED)
    assert (await floor.lead(ASHA)).disposition == "transferred"


async def test_the_end_of_the_call_frees_a_leg_nobody_told_us_of(floor: Floor, client: Web) -> None:
    carrier = await handed_over(floor, client)
    assert (await carrier.attempt()).has_transfer_leg
    await carrier.post("hangup", **TALKED)
    assert not (await carrier.attempt()).has_transfer_leg


async def test_recovery_frees_the_leg_of_a_call_whose_end_it_found(
    floor: Floor, client: Web
) -> None:
    carrier = await handed_over(floor, client)
    await carrier.post("transfer", "leg", DialAction="answer")
    async with floor.db.begin() as tx:
        begun_at = tx.now
    floor.carrier.finished.append(
        CarrierCall("call-1", to=ASHA, begun_at=begun_at, hangup_code=4000, bill_s=30)
    )
    await floor.later(30)
    await floor.recover()
    attempt = await carrier.attempt()
    assert (attempt.state, attempt.has_transfer_leg) == ("ended", False)
    assert (await floor.lead(ASHA)).disposition == "transferred"


async def test_a_machine_on_the_stream_gets_the_message_after_its_beep(
    floor: Floor, client: Web
) -> None:
    carrier = await answered(floor, client, voicemail=LEAVES)
    await carrier.post("answer", Event="StartApp")
    await carrier.post("machine", Machine="true")
    assert (await carrier.desk.news()).is_machine, "its session closes the stream"
    assert floor.carrier.transfers == [], "which would leave the message twice"
    await carrier.desk.settle(Disposition.INCOMPLETE, None)  # who talked to it may think so
    document = await carrier.post("transfer", "stream")
    assert (tags(document), document[0].get("beep")) == (["Wait", "Speak", "Hangup"], "true")
    assert spoken(document) == "Please call Asha back."
    await carrier.post("hangup", **TALKED)
    attempt = await carrier.attempt()
    assert (attempt.outcome, attempt.disposition) == ("machine", "voicemail_left")
    assert (await floor.lead(ASHA)).disposition == "voicemail_left"


async def test_a_machine_without_a_message_is_hung_up(floor: Floor, client: Web) -> None:
    carrier = await answered(floor, client)
    await carrier.post("answer", Event="StartApp")
    await carrier.post("machine", Machine="true")
    assert floor.carrier.ended == [("hang_up", "call-1")]
    assert tags(await carrier.post("transfer", "stream")) == ["Hangup"], "the carrier was deaf"
    await carrier.post("hangup", **TALKED)
    attempt = await carrier.attempt()
    assert (attempt.outcome, attempt.disposition) == ("machine", None)


async def test_a_machine_the_carrier_knew_of_never_hears_the_agent(
    floor: Floor, client: Web
) -> None:
    carrier = await answered(floor, client, voicemail=LEAVES | {"detection": "sync"})
    assert floor.carrier.placed[0].machine_detection == "sync"
    document = await carrier.post("answer", Event="StartApp", Machine="true")
    assert tags(document) == ["Wait", "Speak", "Hangup"]
    await carrier.post("hangup", **TALKED)
    assert (await carrier.attempt()).disposition == "voicemail_left"


async def test_a_stream_that_began_is_noted_even_if_no_session_saw_it(
    floor: Floor, client: Web
) -> None:
    carrier = await answered(floor, client)
    await carrier.post("answer", Event="StartApp")
    await carrier.post("stream-status", Event="StartStream", StreamID="stream-7")
    await carrier.post("stream-status", Event="StartStream", StreamID="stream-8")
    assert (await carrier.attempt()).stream_id == "stream-7"
