"""Plivo's REST API over its SDK, all but Make-Call (that one is in `plivo`).

The SDK is synchronous, keeps retry state on its client, re-sends and prints on a 5xx and loses
the body of a 402, 429 or 503 (plivo.md §1.5). So: a worker thread, one client per request, and
`_OneHost` below the SDK, which judges each reply before the SDK can act on it.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import plivo
import requests
from plivo.rest import client as sdk_client
from requests.adapters import HTTPAdapter

from dialer.errors import ProviderError, ProviderRejected, ProviderUnavailable
from dialer.providers.plivo_pages import PAGE, walk_ids, walk_rows
from dialer.providers.plivo_records import (
    Application,
    OwnedNumber,
    as_fields,
    read_application,
    read_finished,
    read_live,
    read_number,
)
from dialer.providers.plivo_values import tuned, without_numbers
from dialer.providers.protocols import CarrierCall, Turns

_MOST_WALKS = 3  # of one list, until it stands still
_CHANGES = "a list changes faster than its pages can be read"

# These two end the life of something by its id, and Plivo reads an empty one as "all of them".
_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def point_sdk_at(api_url: str) -> None:
    """Make the SDK talk to ``api_url`` (all before ``/Account/``) and to nothing else.

    It reads these four module constants again at every request; the two fall-back ones are where
    it re-sends a voice request after a 5xx.
    """
    base = f"{api_url.rstrip('/')}/Account"
    sdk_client.PLIVO_API_BASE_URI = base
    sdk_client.API_VOICE_BASE_URI = base
    sdk_client.API_VOICE_BASE_URI_FALLBACK_1 = base
    sdk_client.API_VOICE_BASE_URI_FALLBACK_2 = base


_turn = threading.Condition()
_pointed_at, _asking = "", 0


@contextmanager
def _pointed(api_url: str) -> Iterator[None]:
    """Hold the SDK at ``api_url`` for one request; a request to another address waits its turn.

    The address is the module's, not a client's. A process has one, so nobody waits there.
    """
    global _pointed_at, _asking
    with _turn:
        while _asking and _pointed_at != api_url:
            _turn.wait()
        point_sdk_at(api_url)
        _pointed_at, _asking = api_url, _asking + 1
    try:
        yield
    finally:
        with _turn:
            _asking -= 1
            _turn.notify_all()


class PlivoRest:
    """One Plivo account. Every method is one or more REST requests and raises `ProviderError`:
    `ProviderUnavailable` if asking again may help, else `ProviderRejected`.

    turns: whom each request waits for; None: nobody counts them."""

    def __init__(
        self,
        auth_id: str,
        auth_token: str,
        api_url: str,
        *,
        request_timeout_s: float = 5.0,
        turns: Turns | None = None,
    ) -> None:
        self.auth_id, self.auth_token = auth_id, auth_token
        self.api_url = api_url.rstrip("/")
        self._request_timeout_s = request_timeout_s
        self._turns = turns
        point_sdk_at(self.api_url)

    @property
    def authorization(self) -> str:
        """The Authorization header for requests that do not go through the SDK."""
        return f"Basic {b64encode(f'{self.auth_id}:{self.auth_token}'.encode()).decode()}"

    async def hang_up(self, call_uuid: str) -> None:
        """End the call. Does nothing if it is already over."""
        _require_id("call_uuid", call_uuid)
        await self._end(lambda client: client.calls.delete(call_uuid))

    async def cancel_request(self, request_uuid: str) -> None:
        """Take a call out of Plivo's queue, or end it unanswered. Nothing if it is gone."""
        _require_id("request_uuid", request_uuid)
        await self._end(lambda client: client.calls.cancel(request_uuid))

    async def transfer(self, call_uuid: str, url: str) -> bool:
        """Make the call continue with the document at ``url``; False if it is already over."""
        _require_id("call_uuid", call_uuid)
        done = await self._end(
            lambda client: client.calls.transfer(
                call_uuid, legs="aleg", aleg_url=tuned(url), aleg_method="POST"
            )
        )
        return done is not None

    async def end_streams(self, call_uuid: str) -> None:
        """End the call's audio streams; its document goes on. Nothing if the call is over."""
        _require_id("call_uuid", call_uuid)
        await self._end(lambda client: client.calls.delete_all_streams(call_uuid))

    async def queued_calls(self, to: str | None = None) -> Sequence[str]:
        """Ids of calls accepted but not yet dialed, all or those to one number."""
        return await self._ids("queued", to)

    async def live_calls(self, to: str | None = None) -> Sequence[str]:
        """Ids of calls ringing or up, all or those to one number."""
        return await self._ids("live", to)

    async def queued_call(self, call_uuid: str) -> CarrierCall | None:
        """One queued call, or None if it is not (or no longer) queued."""
        _require_id("call_uuid", call_uuid)
        found = await self._unless_gone(lambda client: client.queued_calls.get(call_uuid))
        return read_live(found) if found else None

    async def live_call(self, call_uuid: str) -> CarrierCall | None:
        """One call ringing or up, or None if it is neither."""
        _require_id("call_uuid", call_uuid)
        found = await self._unless_gone(lambda client: client.live_calls.get(call_uuid))
        return read_live(found) if found else None

    async def finished_call(self, call_uuid: str) -> CarrierCall | None:
        """The record of a call that ended, or None while Plivo has none."""
        _require_id("call_uuid", call_uuid)
        found = await self._unless_gone(lambda client: client.calls.get(call_uuid))
        return read_finished(found) if found else None

    async def finished_calls(self, to: str, *, max_pages: int = 25) -> Sequence[CarrierCall]:
        """Records of the calls to one number that ended in the last 7 days.

        More than ``max_pages`` of 20 is an error: an incomplete list proves no absence.
        """
        rows = await self._pages(
            lambda client, page: _list_calls(client, to_number=_wire(to), **page),
            max_pages,
        )
        return [call for row in rows if (call := read_finished(row)) and call.to == to]

    async def account(self) -> dict[str, Any]:
        """The account's own fields: ``cash_credits``, ``account_type``, ``timezone``…"""
        return await self._ask(lambda client: client.account.get())

    async def numbers(self) -> Sequence[OwnedNumber]:
        """Every number rented on the account."""
        rows = await self._pages(lambda client, page: client.numbers.list(limit=PAGE, **page))
        return [number for row in rows if (number := read_number(row))]

    async def rented(self) -> Sequence[str]:
        return [one.number for one in await self.numbers()]

    async def number(self, number: str) -> OwnedNumber | None:
        """One rented number, or None if the account does not have it."""
        _require_id("number", _wire(number))
        found = await self._unless_gone(lambda client: client.numbers.get(_wire(number)))
        return read_number(found) if found else None

    async def attach_number(self, number: str, app_id: str) -> None:
        """Let inbound calls to a rented number run this application."""
        _require_id("number", _wire(number))
        await self._ask(lambda client: client.numbers.update(_wire(number), app_id=app_id))

    async def applications(self, name: str | None = None) -> Sequence[Application]:
        """The account's applications, all or those of exactly this name."""
        rows = await self._pages(
            lambda client, page: client.applications.list(app_name=name, limit=PAGE, **page)
        )
        found = [app for row in rows if (app := read_application(row))]
        return [app for app in found if name is None or app.name == name]

    async def create_application(self, wanted: Application) -> str:
        """Create it and return its id; ``wanted.app_id`` is not used."""
        reply = await self._ask(
            lambda client: client.applications.create(wanted.name, **_application_fields(wanted))
        )
        app_id = str(reply.get("app_id") or "")
        if not app_id:
            raise ProviderUnavailable("plivo", "created an application without naming its id")
        return app_id

    async def update_application(self, wanted: Application) -> None:
        """Make the application ``wanted.app_id`` have these URLs."""
        _require_id("app_id", wanted.app_id)
        await self._ask(
            lambda client: client.applications.update(wanted.app_id, **_application_fields(wanted))
        )

    async def _ids(self, status: str, to: str | None) -> Sequence[str]:
        """Walk a live or queued list, which has no meta: stop at a short page or at nothing new.

        The calls to one number are all there, or it is an error. The list of all calls changes
        while its pages are read: who is in it is there, who is not may have been passed over.
        """
        only = {"to_number": _wire(to)} if to else {}

        async def page_at(offset: int) -> Sequence[str]:
            reply = await self._ask(partial(_list_calls, status=status, offset=offset, **only))
            page = reply.get("calls")
            if not isinstance(page, list):
                raise ProviderUnavailable("plivo", f"the list of {status} calls has no calls field")
            return [str(uuid) for uuid in page]

        for _ in range(_MOST_WALKS):
            found, is_whole = await walk_ids(page_at)
            if is_whole or to is None:
                return found
        raise ProviderUnavailable("plivo", _CHANGES)

    async def _pages(
        self, list_page: Callable[..., Any], max_pages: int = 500
    ) -> list[dict[str, Any]]:
        """Walk a list by ``meta.next``, which carries an offset or a cursor."""

        async def read(page: dict[str, Any]) -> dict[str, Any]:
            return await self._ask(partial(list_page, page=page))

        for _ in range(_MOST_WALKS):
            rows = await walk_rows(read, max_pages)
            if rows is not None:
                return rows
        raise ProviderUnavailable("plivo", _CHANGES)

    async def _end(self, ask: Callable[[Any], Any]) -> dict[str, Any] | None:
        """What ends or moves a call goes before every look-up."""
        return await self._unless_gone(ask, is_urgent=True)

    async def _unless_gone(
        self, ask: Callable[[Any], Any], *, is_urgent: bool = False
    ) -> dict[str, Any] | None:
        try:
            return await self._ask(ask, is_urgent=is_urgent)
        except ProviderRejected as error:
            if error.status == 404:
                return None
            raise

    async def _ask(self, ask: Callable[[Any], Any], *, is_urgent: bool = False) -> dict[str, Any]:
        """Run one SDK call in a worker thread and return the reply's fields."""
        if self._turns is not None:
            await (self._turns.to_end() if is_urgent else self._turns.to_look_up())
        limit_s = 3 * self._request_timeout_s
        try:
            # The SDK's limit is per read, so a reply that drips would hold us for ever.
            async with asyncio.timeout(limit_s):
                return await asyncio.to_thread(self._ask_now, ask)
        except TimeoutError:
            raise ProviderUnavailable("plivo", f"no reply within {limit_s:g} s") from None

    def _ask_now(self, ask: Callable[[Any], Any]) -> dict[str, Any]:
        try:
            with (
                _pointed(self.api_url),
                plivo.RestClient(
                    self.auth_id, self.auth_token, timeout=self._request_timeout_s
                ) as client,
            ):
                for scheme in ("http://", "https://"):
                    client.session.mount(scheme, _OneHost(self.api_url))
                return as_fields(ask(client))
        except ProviderError:
            raise
        # `from None` throughout: the originals name the URL, and with it numbers and ids.
        except requests.Timeout:
            raise ProviderUnavailable("plivo", "no reply in time") from None
        except requests.RequestException as error:
            name = type(error).__name__
            raise ProviderUnavailable("plivo", f"cannot be reached ({name})") from None
        except plivo.exceptions.AuthenticationError:
            raise ProviderRejected(
                "plivo", "PLIVO_AUTH_ID must be MA or SA and 18 more characters", status=401
            ) from None
        except plivo.exceptions.PlivoRestError as error:  # raised by the SDK before sending
            raise ProviderRejected("plivo", without_numbers(str(error))) from None


class _OneHost(HTTPAdapter):
    """Lets only whole, successful JSON replies of one host up to the SDK; raises ours instead.

    So no 5xx is ever re-sent or printed, no redirect is followed, the status of a 402, 429 or
    503 is kept, and nothing is sent elsewhere should the SDK's constants point elsewhere.
    """

    def __init__(self, api_url: str) -> None:
        super().__init__(max_retries=0)
        self._prefix = f"{api_url}/"

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        if not (request.url or "").startswith(self._prefix):
            raise ProviderRejected("plivo", "the SDK points at another host than PLIVO_API_URL")
        response = super().send(request, *args, **kwargs)
        status, body = response.status_code, response.content
        if status == 204:
            return response
        if not 200 <= status < 300:
            raise _failure(status, body)
        try:
            is_object = isinstance(json.loads(body), dict)
        except (ValueError, RecursionError):
            is_object = False
        # Some hang-ups are answered 200 or 202 with nothing inside.
        if not is_object and (body or request.method != "DELETE"):
            raise ProviderUnavailable("plivo", "the reply is not a JSON object", status=status)
        return response


def _failure(status: int, body: bytes) -> ProviderError:
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        reply = None
    said = reply.get("error") if isinstance(reply, dict) else None
    detail = f"status {status}: {without_numbers(str(said))}" if said else f"status {status}"
    if status == 401:
        return ProviderRejected(
            "plivo",
            "the credentials were not accepted; check PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN",
            status=status,
        )
    if status in (408, 429) or status < 400 or status >= 500:
        return ProviderUnavailable("plivo", detail, status=status)
    return ProviderRejected("plivo", detail, status=status)


def _require_id(name: str, value: str) -> None:
    # `DELETE /Call/` without an id ends every call of the account; `..` would reach it too.
    if not _ID.fullmatch(value) or not value.strip("."):
        raise ValueError(f"{name} is empty or not an id")


def _list_calls(client: Any, **only: Any) -> Any:
    return client.calls.list(limit=PAGE, **only)


def _wire(number: str) -> str:
    """Plivo's lists and paths name numbers without the plus sign."""
    return number.removeprefix("+")


def _application_fields(wanted: Application) -> dict[str, str]:
    urls = {
        "answer_url": wanted.answer_url,
        "hangup_url": wanted.hangup_url,
        "fallback_answer_url": wanted.fallback_url,
    }
    return {name: url for name, url in urls.items() if url}
