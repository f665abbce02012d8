"""REST of the account: applications, rented numbers, recordings, the account itself."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping

from aiohttp import web

from dialer.twin.callee import normal_phone
from dialer.twin.config import OwnedNumber
from dialer.twin.errors import Refused
from dialer.twin.exchange import Exchange
from dialer.twin.make_call import Body, invalid, is_http_url, text
from dialer.twin.params import COMPLIANCE_APPLICATION_ID
from dialer.twin.recordings import Recording
from dialer.twin.rest import NOT_FOUND, empty, json_body, page_of, reply, reply_object

Fields = dict[str, object]

_APPLICATION_FIELDS: Mapping[str, object] = {
    "answer_url": "",
    "answer_method": "POST",
    "hangup_url": "",
    "hangup_method": "POST",
    "fallback_answer_url": "",
    "fallback_method": "POST",
    "message_url": "",
    "message_method": "POST",
    "default_app": False,
    "default_endpoint_app": False,
    "public_uri": False,
    "log_incoming_messages": True,
}


class AccountRoutes:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._auth_id = exchange.config.auth_id
        self._applications: dict[str, Fields] = {}
        self._numbers = {
            number.number.lstrip("+"): _number(number, self._auth_id)
            for number in exchange.config.numbers
        }

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get("/{auth_id}/", self.account),
            web.post("/{auth_id}/Application/", self.create_application),
            web.get("/{auth_id}/Application/", self.list_applications),
            web.get("/{auth_id}/Application/{app_id}/", self.application),
            web.post("/{auth_id}/Application/{app_id}/", self.change_application),
            web.delete("/{auth_id}/Application/{app_id}/", self.delete_application),
            web.get("/{auth_id}/Number/", self.list_numbers),
            web.get("/{auth_id}/Number/{number}/", self.number),
            web.post("/{auth_id}/Number/{number}/", self.change_number),
            web.get("/{auth_id}/Recording/", self.list_recordings),
            web.get("/{auth_id}/Recording/{recording_id}/", self.recording),
            web.delete("/{auth_id}/Recording/{recording_id}/", self.delete_recording),
        ]

    async def account(self, request: web.Request) -> web.Response:
        return reply(
            account_type="standard",
            auth_id=self._auth_id,
            auto_recharge=False,
            billing_mode="prepaid",
            cash_credits="100.00000",
            name="Dialer Twin",
            city="Bengaluru",
            address="",
            state="Karnataka",
            timezone=self._exchange.config.account_zone,
            resource_uri=f"/v1/Account/{self._auth_id}/",
        )

    async def create_application(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        name = text(body, "app_name")
        if not name:
            raise Refused(400, "app_name parameter is missing")
        if any(app["app_name"] == name for app in self._applications.values()):
            raise Refused(400, "app_name parameter is invalid. An application has this name")
        app_id = str(secrets.randbelow(9 * 10**16) + 10**16)  # 17 digits
        self._applications[app_id] = {
            "app_id": app_id,
            "app_name": name,
            **_APPLICATION_FIELDS,
            **_application_changes(body),
            "sip_uri": f"sip:{app_id}@app.plivo.com",
            "enabled": True,
            "sub_account": None,
            "resource_uri": f"/v1/Account/{self._auth_id}/Application/{app_id}/",
        }
        return reply(201, app_id=app_id, message="created")

    async def list_applications(self, request: web.Request) -> web.Response:
        wanted = request.query.get("app_name", "")
        found = [app for app in self._applications.values() if wanted in ("", app["app_name"])]
        shown, meta = page_of(request, found)
        return reply(meta=meta, objects=list(shown))

    async def application(self, request: web.Request) -> web.Response:
        return reply_object(self._application(request))

    async def change_application(self, request: web.Request) -> web.Response:
        app = self._application(request)
        app.update(_application_changes(await json_body(request)))
        return reply(202, message="changed")

    async def delete_application(self, request: web.Request) -> web.Response:
        del self._applications[str(self._application(request)["app_id"])]
        return empty()

    async def list_numbers(self, request: web.Request) -> web.Response:
        shown, meta = page_of(request, list(self._numbers.values()))
        return reply(meta=meta, objects=list(shown))

    async def number(self, request: web.Request) -> web.Response:
        return reply_object(self._number(request))

    async def change_number(self, request: web.Request) -> web.Response:
        """Attach an application, by its id; an empty one detaches."""
        number, body = self._number(request), await json_body(request)
        app_id = text(body, "app_id")
        if app_id and app_id not in self._applications:
            raise Refused(400, "app_id parameter is invalid. There is no such application")
        if "app_id" in body:
            uri = f"/v1/Account/{self._auth_id}/Application/{app_id}/"
            number["application"] = uri if app_id else None
        if "alias" in body:
            number["alias"] = text(body, "alias")
        return reply(202, message="changed")

    async def list_recordings(self, request: web.Request) -> web.Response:
        wanted = request.query.get("call_uuid", "")
        found = [
            each for each in self._exchange.recordings.listing() if wanted in ("", each.call_uuid)
        ]
        shown, meta = page_of(request, found)
        return reply(meta=meta, objects=[self._recording(each) for each in shown])

    async def recording(self, request: web.Request) -> web.Response:
        found = self._exchange.recordings.find(request.match_info["recording_id"])
        if found is None or found.ended_at is None:
            raise Refused(404, NOT_FOUND)
        return reply_object(self._recording(found))

    async def delete_recording(self, request: web.Request) -> web.Response:
        if not self._exchange.recordings.delete(request.match_info["recording_id"]):
            raise Refused(404, NOT_FOUND)
        return empty()

    def _application(self, request: web.Request) -> Fields:
        found = self._applications.get(request.match_info["app_id"])
        if found is None:
            raise Refused(404, NOT_FOUND)
        return found

    def _number(self, request: web.Request) -> Fields:
        found = self._numbers.get(normal_phone(request.match_info["number"]).lstrip("+"))
        if found is None:
            raise Refused(404, NOT_FOUND)
        return found

    def _recording(self, recording: Recording) -> Fields:
        return {
            "recording_id": recording.recording_id,
            "recording_url": self._exchange.recordings.url(recording),
            "recording_format": recording.file_format,
            "recording_type": "call",
            "recording_duration_ms": str(recording.duration_ms),
            "call_uuid": recording.call_uuid,
            "conference_name": None,
            "add_time": self._exchange.clock.local_with_offset(recording.started_at),
            "resource_uri": f"/v1/Account/{self._auth_id}/Recording/{recording.recording_id}/",
        }


def _application_changes(body: Body) -> Fields:
    changes = {name: body[name] for name in _APPLICATION_FIELDS if body.get(name) is not None}
    for name, value in changes.items():
        if name.endswith("_url") and value and not is_http_url(str(value)):
            raise invalid(name)
        if name.endswith("_method") and value not in ("GET", "POST"):
            raise invalid(name)
    return changes


def _number(number: OwnedNumber, auth_id: str) -> Fields:
    digits = number.number.lstrip("+")
    return {
        "number": digits,
        "number_type": number.number_type,
        "alias": None,
        "application": None,
        "voice_enabled": True,
        "sms_enabled": False,
        "mms_enabled": False,
        "voice_rate": "0.00475",
        "monthly_rental_rate": "3.00000",
        "compliance_application_id": COMPLIANCE_APPLICATION_ID,
        "compliance_status": number.compliance_status,
        "country": "India",
        "region": "India",
        "city": "",
        "carrier": "Plivo",
        "sub_account": None,
        "added_on": "2026-01-01",
        "renewal_date": "2027-01-01",
        "resource_uri": f"/v1/Account/{auth_id}/Number/{digits}/",
    }
