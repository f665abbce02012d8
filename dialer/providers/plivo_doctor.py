"""Look at everything a real campaign needs from outside, and say what to repair.

Nothing is changed and nobody is called. Every address is handed in.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp

from dialer.errors import ProviderError
from dialer.providers.plivo_records import OwnedNumber
from dialer.providers.plivo_rest import PlivoRest
from dialer.settings import is_loopback

_ROUND_TRIPS = 5
# Making a call costs one round trip and a dial slot is 500 ms at 2 CPS.
_SLOW_ROUND_TRIP_MS = 500
# The Date header has whole seconds, and webhook signatures tolerate minutes; calling windows
# are what a wrong clock breaks, so a few seconds are already worth a word.
_MAX_SKEW_S = 5.0
_PROBE_TIMEOUT = aiohttp.ClientTimeout(total=8.0, connect=4.0)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. ``ok`` is None where it could not be told; ``fix`` is empty if nothing is due."""

    check: str
    ok: bool | None
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class CampaignNeed:
    """What one campaign asks of its caller ids; ``series`` are those lawful for its category."""

    name: str
    category: str
    caller_ids: Sequence[str]
    series: frozenset[str]


@dataclass(frozen=True, slots=True)
class SpeechService:
    """A speech or model provider: its base URL, and whether a key is needed and there."""

    name: str
    base_url: str
    has_key: bool
    needs_key: bool
    key_name: str


async def doctor(
    rest: PlivoRest,
    *,
    public_url: str,
    marker: tuple[str, str],
    caller_series: Mapping[str, str],
    campaigns: Sequence[CampaignNeed],
    speech: Sequence[SpeechService],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Finding]:
    """Run every check and return its findings in reading order.

    marker: name and value of a header that only this installation's replies carry.
    caller_series: E.164 → series as declared (``PUT /sender``).
    clock: this machine's real clock, which the carrier's is compared with.
    """
    async with aiohttp.ClientSession(timeout=_PROBE_TIMEOUT, trust_env=False) as session:
        parts = await asyncio.gather(
            check_credentials(rest),
            check_numbers(rest, sorted(caller_series)),
            check_public_url(session, public_url, marker, carrier_url=rest.api_url),
            check_carrier_distance(session, rest, clock),
            *(check_speech(session, service) for service in speech),
        )
    series = [check_series(need, caller_series) for need in campaigns]
    credentials, numbers, reach, distance, *voices = parts
    return [*credentials, *numbers, *series, *reach, *distance, *(one for v in voices for one in v)]


async def check_credentials(rest: PlivoRest) -> list[Finding]:
    """Ask for the account itself; it also tells the balance."""
    try:
        account = await rest.account()
    except ProviderError as error:
        fix = (
            "copy PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN from the Plivo console"
            if error.status == 401
            else "check PLIVO_API_URL and this machine's way out"
        )
        return [Finding("credentials", False if error.status else None, str(error), fix)]
    credit = account.get("cash_credits")
    detail = f"accepted, account type {account.get('account_type') or 'unknown'}"
    return [Finding("credentials", True, f"{detail}, credit {credit or 'unknown'} USD")]


async def check_numbers(rest: PlivoRest, caller_ids: Sequence[str]) -> list[Finding]:
    """Look up each caller id: rented, with voice, and its compliance application accepted."""
    if not caller_ids:
        fix = "declare the numbers you call from with PUT /sender"
        return [Finding("numbers", False, "no caller id is declared", fix)]
    found: list[Finding] = []
    for number in caller_ids:
        check = f"number {number}"
        try:
            found.append(judge_number(check, await rest.number(number)))
        except ProviderError as error:
            found.append(Finding(check, None, str(error), "repair the credentials first"))
    return found


def judge_number(check: str, owned: OwnedNumber | None) -> Finding:
    """Say whether a number may be called from."""
    if owned is None:
        fix = "rent it on this account: Plivo takes no other caller id for India"
        return Finding(check, False, "not rented on this account", fix)
    detail = (
        f"type {owned.kind or 'unknown'}, compliance {owned.compliance or 'unknown'},"
        f" voice {'unknown' if owned.is_voice is None else 'on' if owned.is_voice else 'off'}"
    )
    if owned.is_voice is False:
        return Finding(check, False, detail, "enable voice for it in the Plivo console")
    if owned.compliance is None:
        return Finding(check, None, detail, "look at its compliance application in the console")
    if owned.compliance.lower() != "accepted":
        fix = "calls from it are refused until its compliance application is accepted"
        return Finding(check, False, detail, fix)
    return Finding(check, True, detail)


def series_of(number: str) -> str | None:
    """Return the special series an Indian number shows by its prefix, if any."""
    for prefix, series in (("+91140", "140"), ("+911600", "1600"), ("+911601", "1601")):
        if number.startswith(prefix):
            return series
    return None


def check_series(need: CampaignNeed, declared: Mapping[str, str]) -> Finding:
    """Compare a campaign's caller ids with the series its category may use."""
    check = f"series for {need.name}"
    wrong: list[str] = []
    for number in need.caller_ids:
        series, shown = declared.get(number), series_of(number)
        if series is None:
            wrong.append(f"{number} is not declared")
        elif shown and series != shown:
            wrong.append(f"{number} is declared {series} but its prefix says {shown}")
        elif series not in need.series:
            wrong.append(f"{number} is of series {series}")
    if not wrong and need.caller_ids:
        return Finding(check, True, f"every caller id may be used for {need.category}")
    lawful = ", ".join(sorted(need.series)) or "no series"
    return Finding(
        check,
        False,
        "; ".join(wrong) or "the campaign has no caller id",
        f"for category {need.category} use {lawful}, and declare it with PUT /sender",
    )


async def check_public_url(
    session: aiohttp.ClientSession, public_url: str, marker: tuple[str, str], *, carrier_url: str
) -> list[Finding]:
    """Reach ourselves the way Plivo will: over HTTPS, and with a WebSocket upgrade.

    A carrier on this machine (the twin) needs neither encryption nor a public address.
    """
    public_url = public_url.rstrip("/")
    found = [
        await _reaches_us(session, f"{public_url}/health/live", marker),
        await _upgrade_reaches_us(session, public_url, marker),
    ]
    encryption = judge_encryption(public_url, carrier_url)
    return [*found, encryption] if encryption is not None else found


def judge_encryption(public_url: str, carrier_url: str) -> Finding | None:
    """Find fault with plain HTTP, unless the carrier is on this machine."""
    if urlsplit(public_url).scheme == "https" or is_loopback(carrier_url):
        return None
    fix = "set DIALER_PUBLIC_URL to an https:// address; Plivo does not call plain HTTP safely"
    return Finding("public URL is encrypted", False, public_url, fix)


_PUBLIC_FIX = "let DIALER_PUBLIC_URL point here: open the tunnel or proxy, pass WebSockets through"


async def _reaches_us(session: aiohttp.ClientSession, url: str, marker: tuple[str, str]) -> Finding:
    check = "public URL over HTTP"
    try:
        async with session.get(url, allow_redirects=False) as reply:
            status, ours = reply.status, reply.headers.get(marker[0]) == marker[1]
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Finding(check, False, f"{url}: {type(error).__name__}", _PUBLIC_FIX)
    if not ours:
        return Finding(check, False, f"{url}: status {status} from something else", _PUBLIC_FIX)
    return Finding(
        check,
        status == 200,
        f"{url}: status {status}",
        "" if status == 200 else "the dialer answers but is not live: look at its log",
    )


async def _upgrade_reaches_us(
    session: aiohttp.ClientSession, public_url: str, marker: tuple[str, str]
) -> Finding:
    """Try the stream route without a signature: our refusal is the proof that we were reached."""
    check = "public URL over WebSocket"
    url = f"ws{public_url.removeprefix('http')}/plivo/{UUID(int=0)}/doctor/stream"
    try:
        async with session.ws_connect(url):
            return Finding(check, False, f"{url}: accepted by something else", _PUBLIC_FIX)
    except aiohttp.WSServerHandshakeError as refused:
        ours = refused.headers is not None and refused.headers.get(marker[0]) == marker[1]
        ok = ours and refused.status in (401, 403)
        detail = f"{url}: status {refused.status}" + ("" if ours else " from something else")
        return Finding(check, ok, detail, "" if ok else _PUBLIC_FIX)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Finding(check, False, f"{url}: {type(error).__name__}", _PUBLIC_FIX)


async def check_carrier_distance(
    session: aiohttp.ClientSession, rest: PlivoRest, clock: Callable[[], datetime]
) -> list[Finding]:
    """Time a small request on a warm connection, and compare the carrier's clock with ours."""
    headers = {"Authorization": rest.authorization}
    url = f"{rest.api_url}/Account/{rest.auth_id}/"
    took_ms: list[float] = []
    date: str | None = None
    at = clock()
    try:
        for _ in range(_ROUND_TRIPS + 1):  # the first opens the connection
            started, at = time.perf_counter(), clock()
            async with session.get(url, headers=headers, allow_redirects=False) as reply:
                await reply.read()
                date = reply.headers.get("Date")
            took_ms.append((time.perf_counter() - started) * 1000)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        fix = "check PLIVO_API_URL and this machine's way out"
        return [Finding("round trip to the carrier", False, type(error).__name__, fix)]
    median_ms = statistics.median(took_ms[1:])
    near = median_ms <= _SLOW_ROUND_TRIP_MS
    fix = "" if near else "run the dialer nearer to Plivo's region (Mumbai for calls in India)"
    trip = Finding("round trip to the carrier", near, f"{median_ms:.0f} ms, median of 5", fix)
    return [trip, judge_skew(date, at)]


def judge_skew(date: str | None, at: datetime) -> Finding:
    """Compare the ``Date`` of a reply with our clock when we asked for it."""
    check = "clock"
    try:
        theirs = parsedate_to_datetime(date or "")
        # The header cuts off the fraction: half a second is the fair guess.
        skew_s = (at - theirs).total_seconds() - 0.5
    except (ValueError, TypeError):
        return Finding(check, None, "the carrier's reply has no usable Date", "")
    ok = abs(skew_s) <= _MAX_SKEW_S
    word = "ahead of" if skew_s > 0 else "behind"
    detail = f"this clock is {abs(skew_s):.0f} s {word} the carrier's" if not ok else "agrees"
    return Finding(check, ok, detail, "" if ok else "start time synchronisation (NTP)")


async def check_speech(session: aiohttp.ClientSession, service: SpeechService) -> list[Finding]:
    """Say whether the key is there, and how far away the provider's region is."""
    check = f"{service.name} key"
    if service.has_key:
        key = Finding(check, True, f"{service.key_name} is set")
    elif service.needs_key:
        key = Finding(check, False, f"{service.key_name} is not set", f"set {service.key_name}")
    else:
        key = Finding(check, True, "not needed at this address")
    check = f"{service.name} region"
    started = time.perf_counter()
    try:
        # Any reply will do: without a key it is a 401 or a 404, from the right place.
        async with session.get(service.base_url, allow_redirects=False) as reply:
            await reply.read()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        detail = f"{service.base_url}: {type(error).__name__}"
        fix = "check its URL setting and this machine's way out"
        return [key, Finding(check, False, detail, fix)]
    took_ms = (time.perf_counter() - started) * 1000
    return [key, Finding(check, True, f"{service.base_url}: reached in {took_ms:.0f} ms")]
