"""What the twin tells about its speech vendors over its admin routes."""

from __future__ import annotations

import aiohttp

from dialer.providers.cartesia_speak import CartesiaVoices
from dialer.providers.deepgram_listen import DeepgramRecognisers
from tests.integration.vendor_twin import all_closed, saw, vendors


async def test_sockets_handshakes_and_messages_are_witnessed_without_keys() -> None:
    async with vendors() as twin, aiohttp.ClientSession() as http:

        async def report() -> dict[str, dict[str, object]]:
            async with http.get(f"{twin.url}/twin/vendors") as reply:
                assert reply.status == 200
                found: dict[str, dict[str, object]] = await reply.json()
                return found

        recognisers = DeepgramRecognisers(api_key="deepgram-secret", url=twin.url)
        voices = CartesiaVoices(api_key="cartesia-secret", url=twin.url)
        async with (
            recognisers.open(language="en-IN") as recogniser,
            voices.open(language="en-IN", voice_id=""),
        ):
            await recogniser.send(b"\xff" * 160)
            await saw(twin, "deepgram", "audio")
            during = await report()
            assert during["deepgram"]["open"] == during["cartesia"]["open"] == 1
            assert "secret" not in str(during)
        await all_closed(twin)
        after = await report()
        assert after["deepgram"]["open"] == after["cartesia"]["open"] == 0
        assert after["deepgram"]["opened"] == after["cartesia"]["opened"] == 1

        async with http.post(f"{twin.url}/twin/reset") as reply:
            assert reply.status == 204
        assert await report() == {}


async def test_a_vendors_fault_is_armed_over_the_admin_route() -> None:
    async with vendors() as twin, aiohttp.ClientSession() as http:
        fault = {"kind": "tts_refused", "status": 418, "times": 1}
        async with http.post(f"{twin.url}/twin/faults", json=fault) as reply:
            assert reply.status == 201
        async with http.get(f"{twin.url}/tts/websocket") as reply:
            assert reply.status == 418
        async with http.get(f"{twin.url}/tts/websocket") as reply:
            assert reply.status == 401
        async with http.get(f"{twin.url}/v1/listen") as reply:
            assert reply.status == 401 and (await reply.json())["err_code"] == "INVALID_AUTH"


async def test_a_twin_that_stops_closes_its_vendors_sockets() -> None:
    async with vendors() as twin, aiohttp.ClientSession() as http:
        headers = {"Authorization": "Bearer k", "cartesia-version": "2026-08-14"}
        async with http.ws_connect(f"{twin.url}/tts/websocket", headers=headers) as socket:
            await twin._runner.app.shutdown()
            assert (await socket.receive()).data == aiohttp.WSCloseCode.GOING_AWAY
