"""`plivo setup` and `plivo doctor` against a small Plivo and a small self on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from dialer.errors import InvalidInput, ProviderRejected
from dialer.providers.plivo_doctor import (
    CampaignNeed,
    Finding,
    SpeechService,
    doctor,
    judge_encryption,
)
from dialer.providers.plivo_rest import PlivoRest
from dialer.providers.plivo_setup import setup

AUTH_ID, TOKEN = "MA" + "X" * 18, "secret"
NUMBER, OTHER = "+911601200001", "+918047000009"
MARKER = ("X-Dialer", "this-one")
NEED = CampaignNeed("reminder", "service", [NUMBER], frozenset({"1600", "1601"}))


class Account:
    """Applications and numbers of one account, kept as Plivo keeps them."""

    def __init__(self) -> None:
        self.applications: dict[str, dict[str, Any]] = {}
        self.numbers: dict[str, dict[str, Any]] = {
            NUMBER[1:]: {
                "number": NUMBER[1:],
                "number_type": "local",
                "application": None,
                "voice_enabled": True,
                "compliance_status": "accepted",
            }
        }
        self.token = TOKEN
        self.changes: list[str] = []
        self.url = ""

    def routes(self) -> list[web.RouteDef]:
        root = f"/v1/Account/{AUTH_ID}"
        return [
            web.get(f"{root}/", self.about),
            web.get(f"{root}/Application/", self.list_applications),
            web.post(f"{root}/Application/", self.create_application),
            web.post(f"{root}/Application/{{id}}/", self.update_application),
            web.get(f"{root}/Number/{{number}}/", self.number),
            web.post(f"{root}/Number/{{number}}/", self.update_number),
        ]

    async def about(self, request: web.Request) -> web.Response:
        if (
            request.headers["Authorization"]
            != PlivoRest(AUTH_ID, self.token, "http://h").authorization
        ):
            return web.Response(status=401, text="Could not verify your access level")
        return web.json_response({"account_type": "standard", "cash_credits": "4.88860"})

    async def list_applications(self, request: web.Request) -> web.Response:
        # Plivo matches the beginning of a name: a list may hold more than was asked for.
        wanted = request.query.get("app_name", "")
        found = [app for app in self.applications.values() if app["app_name"].startswith(wanted)]
        return web.json_response({"meta": {"next": None}, "objects": found})

    async def create_application(self, request: web.Request) -> web.Response:
        fields = await request.json()
        app_id = f"{len(self.applications) + 10_000_000_000_000_000}"
        self.applications[app_id] = {**fields, "app_id": app_id}
        self.changes.append("create")
        return web.json_response({"app_id": app_id, "message": "created"}, status=201)

    async def update_application(self, request: web.Request) -> web.Response:
        self.applications[request.match_info["id"]].update(await request.json())
        self.changes.append("update")
        return web.json_response({"message": "changed"}, status=202)

    async def number(self, request: web.Request) -> web.Response:
        found = self.numbers.get(request.match_info["number"])
        return web.json_response(found or {"error": "not found"}, status=200 if found else 404)

    async def update_number(self, request: web.Request) -> web.Response:
        app_id = (await request.json())["app_id"]
        owned = self.numbers[request.match_info["number"]]
        owned["application"] = f"/v1/Account/{AUTH_ID}/Application/{app_id}/"
        self.changes.append("attach")
        return web.json_response({"message": "changed"}, status=202)


async def live(_: web.Request) -> web.Response:
    return web.Response(headers={MARKER[0]: MARKER[1]})


async def refuses(_: web.Request) -> web.Response:
    return web.Response(status=403, headers={MARKER[0]: MARKER[1]})


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    """One server that is Plivo, our own public side and a speech provider at once."""
    plivo = Account()
    app = web.Application()
    app.add_routes(plivo.routes())
    app.add_routes([web.get("/health/live", live), web.get("/plivo/{a}/{m}/stream", refuses)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        plivo.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield plivo
    finally:
        await runner.cleanup()


def rest_of(account: Account, token: str = TOKEN) -> PlivoRest:
    return PlivoRest(AUTH_ID, token, f"{account.url}/v1")


async def test_setup_creates_attaches_and_run_again_changes_nothing(account: Account) -> None:
    rest = rest_of(account)
    first = await setup(rest, public_url="https://d.example/", caller_ids=[NUMBER, NUMBER, OTHER])
    assert account.changes == ["create", "attach"]
    [app] = account.applications.values()
    for name in ("answer_url", "hangup_url", "fallback_answer_url"):
        assert app[name].startswith("https://d.example/plivo/inbound#")
    assert account.numbers[NUMBER[1:]]["application"].endswith(f"/{app['app_id']}/")
    assert [line.split()[0] for line in first] == ["Created", "Attached", OTHER]
    assert "not rented" in first[2]

    again = await setup(rest, public_url="https://d.example", caller_ids=[NUMBER])
    assert account.changes == ["create", "attach"]
    assert "as it should be" in again[0]
    assert "already" in again[1]


async def test_setup_moves_to_a_new_address_and_leaves_other_applications(account: Account) -> None:
    account.applications["9"] = {"app_id": "9", "app_name": "dialer-of-someone", "answer_url": "x"}
    rest = rest_of(account)
    await setup(rest, public_url="https://old.example", caller_ids=[])
    said = await setup(rest, public_url="https://new.example", caller_ids=[])
    assert account.changes == ["create", "update"]
    assert said[0].startswith("Updated")
    assert account.applications["9"]["answer_url"] == "x"
    assert len(account.applications) == 2


async def test_setup_with_two_of_the_same_name_always_takes_the_same(account: Account) -> None:
    for app_id in ("7", "3"):
        account.applications[app_id] = {"app_id": app_id, "app_name": "dialer"}
    rest = rest_of(account)
    said = await setup(rest, public_url="https://d.example", caller_ids=[NUMBER])
    assert "(3)" in said[0]
    assert "delete the others" in said[1]
    again = await setup(rest, public_url="https://d.example", caller_ids=[NUMBER])
    assert account.changes == ["update", "attach"]
    assert "as it should be" in again[0]


async def test_setup_says_which_setting_is_wrong(account: Account) -> None:
    with pytest.raises(InvalidInput, match="DIALER_PUBLIC_URL"):
        await setup(rest_of(account), public_url="d.example", caller_ids=[])
    account.applications.clear()
    with pytest.raises(ProviderRejected, match="PLIVO_AUTH_ID"):
        await setup(
            PlivoRest("wrong", TOKEN, f"{account.url}/v1"),
            public_url="https://d.example",
            caller_ids=[],
        )


async def examine(
    account: Account,
    *,
    token: str = TOKEN,
    public_url: str | None = None,
    marker: tuple[str, str] = MARKER,
    skew: timedelta = timedelta(),
    speech: list[SpeechService] | None = None,
) -> dict[str, Finding]:
    found = await doctor(
        rest_of(account, token),
        public_url=public_url or account.url,
        marker=marker,
        caller_series={NUMBER: "1601"},
        campaigns=[NEED],
        speech=speech or [],
        clock=lambda: datetime.now(UTC) + skew,
    )
    by_check = {finding.check: finding for finding in found}
    assert len(by_check) == len(found)
    assert all(finding.fix for finding in found if finding.ok is False)
    return by_check


def test_the_doctor_wants_https_for_a_carrier_that_is_elsewhere() -> None:
    real, twin = "https://api.plivo.com/v1", "http://127.0.0.1:8900/v1"
    plain = judge_encryption("http://calls.example.com", real)
    assert plain is not None and plain.ok is False and "https://" in plain.fix
    assert judge_encryption("https://calls.example.com", real) is None
    assert judge_encryption("http://127.0.0.1:8000", twin) is None


async def test_the_doctor_finds_a_healthy_installation_healthy(account: Account) -> None:
    service = SpeechService("deepgram", account.url, True, True, "DEEPGRAM_API_KEY")
    found = await examine(account, speech=[service])
    assert {check: finding.ok for check, finding in found.items()} == {
        "credentials": True,
        f"number {NUMBER}": True,
        "series for reminder": True,
        "public URL over HTTP": True,
        "public URL over WebSocket": True,
        "round trip to the carrier": True,
        "clock": True,
        "deepgram key": True,
        "deepgram region": True,
    }
    assert "4.88860" in found["credentials"].detail


async def test_the_doctor_finds_wrong_credentials_and_an_unaccepted_number(
    account: Account,
) -> None:
    account.numbers[NUMBER[1:]]["compliance_status"] = "suspended"
    account.token = "changed"
    found = await examine(account)
    assert found["credentials"].ok is False
    assert "PLIVO_AUTH_TOKEN" in found["credentials"].fix
    assert found[f"number {NUMBER}"].ok is False
    assert "suspended" in found[f"number {NUMBER}"].detail


async def test_another_server_at_our_address_is_not_us(account: Account) -> None:
    found = await examine(account, marker=("X-Dialer", "another-one"))
    for check in ("public URL over HTTP", "public URL over WebSocket"):
        assert found[check].ok is False
        assert "something else" in found[check].detail


async def test_an_unreachable_address_is_found_and_no_exception(account: Account) -> None:
    service = SpeechService("cartesia", "http://127.0.0.1:1", False, True, "CARTESIA_API_KEY")
    found = await examine(account, public_url="http://127.0.0.1:1", speech=[service])
    for check in ("public URL over HTTP", "public URL over WebSocket", "cartesia region"):
        assert found[check].ok is False
    assert found["cartesia key"].fix == "set CARTESIA_API_KEY"


async def test_a_carrier_that_is_away_leaves_the_other_findings(account: Account) -> None:
    public_url, account.url = account.url, "http://127.0.0.1:1"
    found = await examine(account, public_url=public_url)
    assert found["credentials"].ok is None
    assert found["round trip to the carrier"].ok is False
    assert found["public URL over HTTP"].ok is True


async def test_a_wrong_clock_is_found_by_the_carriers(account: Account) -> None:
    assert (await examine(account, skew=timedelta(minutes=5)))["clock"].ok is False
