"""The SDK, tamed, against small Plivos on loopback that behave badly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import requests
from aiohttp import web
from plivo.rest import client as sdk_client

from dialer.errors import ProviderError, ProviderRejected, ProviderUnavailable
from dialer.providers.plivo_rest import PlivoRest, point_sdk_at
from dialer.providers.plivo_values import CALLBACK_TUNING
from tests.integration.plivo_replies import AUTH_ID, BASE, TOKEN, Reply, always, rest_at

EVERY_READ: dict[str, Callable[[PlivoRest], Awaitable[object]]] = {
    "hang_up": lambda rest: rest.hang_up("c-1"),
    "cancel_request": lambda rest: rest.cancel_request("r-1"),
    "transfer": lambda rest: rest.transfer("c-1", "https://h/t"),
    "queued_calls": lambda rest: rest.queued_calls(),
    "live_calls": lambda rest: rest.live_calls("+919876543210"),
    "queued_call": lambda rest: rest.queued_call("c-1"),
    "live_call": lambda rest: rest.live_call("c-1"),
    "finished_call": lambda rest: rest.finished_call("c-1"),
    "finished_calls": lambda rest: rest.finished_calls("+919876543210"),
    "account": lambda rest: rest.account(),
    "numbers": lambda rest: rest.numbers(),
    "number": lambda rest: rest.number("+911601200001"),
    "attach_number": lambda rest: rest.attach_number("+911601200001", "7"),
    "applications": lambda rest: rest.applications("dialer"),
}
each_request = pytest.mark.parametrize("ask", EVERY_READ.values(), ids=EVERY_READ.keys())


@each_request
async def test_a_5xx_is_asked_once_and_never_leaves_the_host(
    ask: Callable[[PlivoRest], Awaitable[object]], capsys: pytest.CaptureFixture[str]
) -> None:
    """§1.5: the SDK would send it three times, print, and count on its client."""
    async with rest_at(always(503, text="overloaded")) as (rest, asked):
        with pytest.raises(ProviderUnavailable) as caught:
            await ask(rest)
    assert caught.value.status == 503
    assert [request.host for request in asked] == [rest.api_url.split("/")[2]]
    assert asked[0].path.startswith(BASE)
    assert capsys.readouterr().out == ""


def test_all_four_addresses_of_the_sdk_are_set_in_one_place() -> None:
    point_sdk_at("http://127.0.0.1:9/v1/")
    named = {
        name: value
        for name, value in vars(sdk_client).items()
        if name.endswith("BASE_URI") or "BASE_URI_FALLBACK" in name
    }
    assert len(named) == 4
    assert set(named.values()) == {"http://127.0.0.1:9/v1/Account"}


async def test_nothing_is_sent_where_the_sdk_points_by_mistake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with rest_at(always(200, {})) as (elsewhere, asked):
        rest = PlivoRest(AUTH_ID, TOKEN, "http://127.0.0.1:1/v1")
        monkeypatch.setattr(
            "dialer.providers.plivo_rest.point_sdk_at", lambda _: point_sdk_at(elsewhere.api_url)
        )
        with pytest.raises(ProviderRejected, match="another host"):
            await rest.account()
    assert asked == []


async def test_a_redirect_is_not_followed() -> None:
    async with rest_at(always(302, {}, Location="/v1/elsewhere/")) as (rest, asked):
        with pytest.raises(ProviderUnavailable):
            await rest.account()
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProviderRejected),
        (401, ProviderRejected),
        (402, ProviderRejected),
        (403, ProviderRejected),
        (405, ProviderRejected),
        (408, ProviderUnavailable),
        (409, ProviderRejected),
        (422, ProviderRejected),
        (429, ProviderUnavailable),
        (500, ProviderUnavailable),
        (502, ProviderUnavailable),
    ],
)
@pytest.mark.parametrize("text", ['{"error": "no, +919876543210"}', "<html>", ""])
async def test_every_status_becomes_ours_and_keeps_its_number(
    status: int, error: type[ProviderError], text: str
) -> None:
    """§1.5: the SDK loses the status and body of a 402, 429 and 503."""
    async with rest_at(always(status, text=text)) as (rest, asked):
        with pytest.raises(error) as caught:
            await rest.live_calls()
    assert caught.value.status == status
    assert "98765" not in str(caught.value)
    assert len(asked) == 1


@pytest.mark.parametrize("body", ["", "null", "[]", "7", "<html>", "[" * 50_000, '{"a'])
async def test_a_success_that_is_no_object_is_an_error_not_an_absence(body: str) -> None:
    async with rest_at(always(200, text=body)) as (rest, _):
        with pytest.raises(ProviderUnavailable):
            await rest.live_call("c-1")
        with pytest.raises(ProviderUnavailable):
            await rest.finished_calls("+919876543210")


async def test_a_list_without_its_rows_is_an_error_not_an_absence() -> None:
    async with rest_at(always(200, {"api_id": "a"})) as (rest, _):
        for ask in (rest.live_calls, rest.queued_calls, rest.numbers, rest.applications):
            with pytest.raises(ProviderUnavailable):
                await ask()
        with pytest.raises(ProviderUnavailable):
            await rest.finished_calls("+919876543210")


async def test_a_slow_and_a_dripping_reply_end_in_time() -> None:
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.5)
        return web.json_response({})

    async def drips(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        for _ in range(12):  # each within the read limit, together beyond the whole one
            await reply.write(b" ")
            await asyncio.sleep(0.05)
        await reply.write(b"{}")  # a good reply, but far too late
        return reply

    for reply in (silent, drips):
        async with rest_at(reply, timeout_s=0.1) as (rest, _):
            with pytest.raises(ProviderUnavailable):
                await rest.account()


async def test_a_carrier_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        await PlivoRest(AUTH_ID, TOKEN, "http://127.0.0.1:1/v1").number("+911601200001")
    assert AUTH_ID not in str(caught.value)


async def test_credentials_of_a_wrong_shape_are_named() -> None:
    with pytest.raises(ProviderRejected, match="PLIVO_AUTH_ID"):
        await PlivoRest("nobody", TOKEN, "http://127.0.0.1:1/v1").account()


@pytest.mark.parametrize("gone", ["", " ", ".", "..", "a/b", "a?b", "c-1\n", "x" * 200])
async def test_an_empty_id_never_reaches_the_carrier(gone: str) -> None:
    """§1.2, §7 no. 12: `DELETE /Call/` without an id ends every call of the account."""
    async with rest_at(always(204)) as (rest, asked):
        for act in (rest.hang_up, rest.cancel_request, rest.live_call, rest.finished_call):
            with pytest.raises(ValueError, match="not an id"):
                await act(gone)
        with pytest.raises(ValueError, match="not an id"):
            await rest.transfer(gone, "https://h/t")
    assert asked == []


@pytest.mark.parametrize("reply", [always(204), always(404, {"error": "not found"}), always(202)])
async def test_hanging_up_twice_is_hanging_up(reply: Reply) -> None:
    """§7 no. 4: a queued call goes by its request_uuid (no. 8), a call by its CallUUID."""
    async with rest_at(reply) as (rest, asked):
        await rest.hang_up("c-1")
        await rest.cancel_request("r-1")
    assert [(one.method, one.path) for one in asked] == [
        ("DELETE", f"{BASE}/Call/c-1/"),
        ("DELETE", f"{BASE}/Request/r-1/"),
    ]


async def test_a_transfer_names_the_callees_leg_and_says_if_it_came_too_late() -> None:
    bodies: list[Any] = []

    async def reply(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.json())
        return web.json_response({"message": "call transfered"}, status=202)

    async with rest_at(reply) as (rest, _):
        assert await rest.transfer("c-1", "https://h/t?x=1") is True
    [body] = bodies
    assert (body["legs"], body["aleg_method"]) == ("aleg", "POST")
    assert body["aleg_url"] == f"https://h/t?x=1#{CALLBACK_TUNING}"
    async with rest_at(always(404, {"error": "not found"})) as (rest, _):
        assert await rest.transfer("c-1", "https://h/t") is False


async def test_what_the_sdk_itself_refuses_is_a_rejection_too() -> None:
    async with rest_at(always(202, {})) as (rest, asked):
        with pytest.raises(ProviderRejected, match="aleg_url"):
            await rest.transfer("c-1", "ftp://h/t")
    assert asked == []


@pytest.mark.parametrize("find", ["queued_call", "live_call", "finished_call"])
async def test_one_call_is_found_or_absent(find: str) -> None:
    async with rest_at(always(404, {"error": "not found"})) as (rest, _):
        assert await getattr(rest, find)("c-1") is None
    async with rest_at(always(200, {"call_uuid": "c-1", "request_uuid": "r-1"})) as (rest, asked):
        found = await getattr(rest, find)("c-1")
    assert (found.call_uuid, found.request_uuid) == ("c-1", "r-1")
    assert asked[0].path == f"{BASE}/Call/c-1/"


async def test_requests_at_once_do_not_share_a_client() -> None:
    """§1.5: retry state on a shared client would let one 5xx change another request."""

    async def reply(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.01)
        if "bad" in request.path:
            return web.Response(status=500)
        return web.json_response({"call_uuid": request.path.split("/")[-2]})

    async with rest_at(reply) as (rest, asked):
        mixed = [f"{'bad' if number % 3 == 0 else 'good'}-{number}" for number in range(30)]
        results = await asyncio.gather(
            *(rest.live_call(uuid) for uuid in mixed), return_exceptions=True
        )
    assert len(asked) == 30
    for uuid, result in zip(mixed, results, strict=True):
        if uuid.startswith("bad"):
            assert isinstance(result, ProviderUnavailable)
        else:
            assert not isinstance(result, BaseException)
            assert result is not None
            assert result.call_uuid == uuid


async def test_the_environment_cannot_send_us_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert requests.utils.getproxies()  # it would be used
    async with rest_at(always(200, {"auth_id": AUTH_ID})) as (rest, _):
        assert (await rest.account())["auth_id"] == AUTH_ID
