"""Carries callbacks to the customer: signed, retried as the URL's fragment asks, and counted."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, parse_qsl, urldefrag, urlencode, urlsplit, urlunsplit

import aiohttp
from yarl import URL

from dialer.twin.calls import Call, Page
from dialer.twin.clock import Clock
from dialer.twin.config import TwinConfig
from dialer.twin.faults import FaultKind, Faults
from dialer.twin.ledger import Ledger
from dialer.twin.signature import signature_headers

EVERYTHING = frozenset({"ct", "rt", "tt", "3xx", "4xx", "5xx"})
OLD_TOKEN = "tokenthatisbeingrotatedoutofuse000000000"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Times in seconds of real time; ``on``: ct = no connection, rt = no reply in time."""

    connect_s: float = 2.0
    read_s: float = 40.0
    total_s: float = 55.0
    retries: int = 1
    on: frozenset[str] = frozenset({"ct", "rt"})


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    content_type: str
    body: bytes

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300


def retry_policy(url: str, default: RetryPolicy) -> RetryPolicy:
    """``#ct=2000&rt=5000&tt=…&rc=2&rp=ct,rt`` over ``default`` (plivo.md §2.5).

    A value outside its limits, or not a number, is ignored.
    """
    given = {key: values[0] for key, values in parse_qs(urlsplit(url).fragment).items()}

    def ms(key: str, high: int, otherwise: float) -> float:
        raw = given.get(key, "")
        return int(raw) / 1000 if raw.isdigit() and 100 <= int(raw) <= high else otherwise

    retries = given.get("rc", "")
    on = frozenset(given["rp"].split(",")) if "rp" in given else default.on
    return RetryPolicy(
        connect_s=ms("ct", 10000, default.connect_s),
        read_s=ms("rt", 40000, default.read_s),
        total_s=ms("tt", 55000, default.total_s),
        retries=int(retries) if retries.isdigit() and int(retries) <= 5 else default.retries,
        on=on | EVERYTHING if "all" in on else on,
    )


class Courier:
    """Makes Plivo's HTTP requests. A target that is down is recorded, never raised."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        config: TwinConfig,
        clock: Clock,
        ledger: Ledger,
        faults: Faults,
    ) -> None:
        self._http = http
        self._config = config
        self._clock = clock
        self._ledger = ledger
        self._faults = faults
        self._answer_default = RetryPolicy(
            total_s=config.answer_total_s, retries=config.answer_retries
        )

    async def deliver(
        self, kind: str, call: Call, page: Page, params: Mapping[str, str]
    ) -> Reply | None:
        """Deliver one callback; the last reply (of any status), or None if there was none.

        kind: ring, answer, fallback, hangup, machine, input, redirect, transfer, dial, record,
            recording; faults and counts go by it.
        """
        phone = call.phone
        if self._faults.take(FaultKind.CALLBACK_LOST, phone, callback=kind) or (
            kind == "ring" and self._faults.take(FaultKind.NO_RING_CALLBACK, phone)
        ):
            self._ledger.callback(kind, "lost", call_uuid=call.call_uuid)
            return None
        delayed = self._faults.take(FaultKind.CALLBACK_DELAYED, phone, callback=kind)
        if delayed is not None:
            await self._clock.sleep(delayed.delay_s)
        reply = await self._deliver_once(kind, call, page, params)
        if self._faults.take(FaultKind.CALLBACK_DOUBLED, phone, callback=kind) or (
            kind == "answer" and self._faults.take(FaultKind.ANSWER_TWICE, phone)
        ):
            await self._deliver_once(kind, call, page, params)
        return reply

    async def _deliver_once(
        self, kind: str, call: Call, page: Page, params: Mapping[str, str]
    ) -> Reply | None:
        default = self._answer_default if kind in ("answer", "fallback") else RetryPolicy()
        policy = retry_policy(page.url, default)
        outcome: Reply | str = "tt"
        tries = 0
        try:
            async with asyncio.timeout(policy.total_s):
                for tries in range(1, policy.retries + 2):
                    if tries > 1:
                        await self._clock.sleep(self._config.retry_gap_s)
                    outcome = await self._request(call, page, params, policy)
                    if _verdict(outcome) not in policy.on:
                        break
        except TimeoutError:
            outcome = "tt"
        is_ok = isinstance(outcome, Reply) and outcome.is_ok
        self._ledger.callback(
            kind,
            "delivered" if is_ok else "failed",
            call_uuid=call.call_uuid,
            tries=tries,
            status=outcome.status if isinstance(outcome, Reply) else outcome,
        )
        return outcome if isinstance(outcome, Reply) else None

    async def _request(
        self, call: Call, page: Page, params: Mapping[str, str], policy: RetryPolicy
    ) -> Reply | str:
        """One signed request: the reply, or ``ct`` or ``rt``."""
        fields = dict(sorted(params.items()))
        url, form = target(page, fields)
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=policy.connect_s, sock_read=policy.read_s
        )
        headers = self.sign(call.phone, page.method, url, form)
        if page.method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            async with self._http.request(
                page.method,
                URL(url, encoded=True),
                data=urlencode(form).encode() if page.method == "POST" else None,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                return Reply(response.status, response.content_type, await response.read())
        except (aiohttp.ServerTimeoutError, aiohttp.ServerDisconnectedError) as error:
            return "ct" if isinstance(error, aiohttp.ConnectionTimeoutError) else "rt"
        except aiohttp.ClientConnectorError:
            return "ct"
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return "rt"

    def sign(self, phone: str, method: str, url: str, form: Mapping[str, str]) -> dict[str, str]:
        """The signature headers for one request about ``phone``, with its signing faults."""
        main = self._config.auth_token
        tokens = [main]
        if self._faults.take(FaultKind.TWO_SIGNATURES, phone):
            tokens = [OLD_TOKEN, main]
        if self._faults.take(FaultKind.SUBACCOUNT_SIGNED, phone):
            tokens = [self._config.subaccount_token]
        nonce = str(secrets.randbelow(10**20)).zfill(20)
        return signature_headers(tokens, main, method, url, nonce, form)


def target(page: Page, fields: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """The URL that is requested and the form that goes with it.

    The fragment is dropped. With GET the fields join the URL's own query, sorted by name.
    """
    url = urldefrag(page.url).url
    if page.method == "POST":
        return url, fields
    parts = urlsplit(url)
    own = parse_qsl(parts.query, keep_blank_values=True)
    return urlunsplit(parts._replace(query=urlencode(sorted([*own, *fields.items()])))), {}


def _verdict(outcome: Reply | str) -> str:
    """The retry class of what happened; "ok" is in no policy."""
    if isinstance(outcome, str):
        return outcome
    if outcome.is_ok:
        return "ok"
    return f"{outcome.status // 100}xx"
