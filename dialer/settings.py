"""One frozen `Settings`, read from the environment once. Nothing below `app` reads it again.

A bad or missing value raises `SettingsError`: one line that names the variable and the fix.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from dialer.errors import SettingsError

PLIVO_API_URL = "https://api.plivo.com/v1"
DEEPGRAM_URL = "https://api.deepgram.com"
OPENAI_BASE_URL = "https://api.openai.com/v1"
CARTESIA_URL = "https://api.cartesia.ai"
ELEVENLABS_URL = "https://api.elevenlabs.io"
_DEFAULT_URLS = {
    "PLIVO_API_URL": PLIVO_API_URL,
    "DEEPGRAM_URL": DEEPGRAM_URL,
    "OPENAI_BASE_URL": OPENAI_BASE_URL,
    "CARTESIA_URL": CARTESIA_URL,
    "ELEVENLABS_URL": ELEVENLABS_URL,
}


@dataclass(frozen=True, slots=True)
class RecoveryBounds:
    """When recovery steps in (design §6.4), in seconds, and what it may ask.

    Set with DIALER_RECOVERY, e.g. ``placing=15,first_absence=45,absence=30,lookup=20``.
    """

    placing: float = 15.0  # in placing longer than this: ambiguous
    first_absence: float = 45.0  # the first absence counts only this long after placing
    absence: float = 30.0  # two absences at least this far apart make never_placed
    lookup: float = 20.0  # a live attempt silent this long is looked up at the carrier
    late: float = 3600.0  # an end that had to be supposed is looked up this long
    cdr_slack: float = 120.0  # a finished call begun longer than this before placing is another
    queued: float = 5.0  # in the carrier's queue longer than this: taken out, never rung
    requests: float = 300.0  # REST requests the carrier takes of the account in 5 s


@dataclass(frozen=True, slots=True)
class Settings:
    """Every variable of design §8. Secrets are kept out of the repr."""

    database_url: str | None = field(repr=False)
    host: str
    port: int
    public_url: str  # without a trailing slash
    data_dir: Path
    secret_key: str | None = field(repr=False)  # None: generated into the data folder
    api_key: str | None = field(repr=False)  # None: generated into the data folder
    clock_start: datetime | None
    clock_start_text: str | None
    plivo_auth_id: str | None
    plivo_auth_token: str | None = field(repr=False)
    plivo_api_url: str
    deepgram_url: str
    openai_base_url: str
    cartesia_url: str
    elevenlabs_url: str
    deepgram_api_key: str | None = field(repr=False)
    openai_api_key: str | None = field(repr=False)
    cartesia_api_key: str | None = field(repr=False)
    elevenlabs_api_key: str | None = field(repr=False)
    carrier: Literal["twin", "plivo"]
    recovery: RecoveryBounds
    max_lag_ms: float = 20.0  # p95 of the event loop's lag above which no new call is taken

    @property
    def stream_base_url(self) -> str:
        """The public URL with http → ws."""
        return "ws" + self.public_url.removeprefix("http")

    @property
    def uses_twin(self) -> bool:
        """No carrier is configured at all: the twin plays every vendor."""
        return self.carrier == "twin"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read and check everything; raise `SettingsError` naming the first bad variable."""
    host, port = _bind(environ.get("DIALER_BIND") or "127.0.0.1:8000")
    auth_id = environ.get("PLIVO_AUTH_ID") or None
    auth_token = environ.get("PLIVO_AUTH_TOKEN") or None
    start_text = environ.get("DIALER_CLOCK_START") or None
    settings = Settings(
        database_url=_database_url(environ.get("DATABASE_URL") or None),
        host=host,
        port=port,
        public_url=(
            _url(environ, "DIALER_PUBLIC_URL", "", "http")
            if environ.get("DIALER_PUBLIC_URL")
            else own_url(host, port)
        ),
        data_dir=Path(environ.get("DIALER_DATA_DIR") or ".dialer"),
        secret_key=_secret(environ, "DIALER_SECRET_KEY"),
        api_key=_secret(environ, "DIALER_API_KEY"),
        clock_start=_instant(start_text) if start_text else None,
        clock_start_text=start_text,
        plivo_auth_id=auth_id,
        plivo_auth_token=auth_token,
        plivo_api_url=_url(environ, "PLIVO_API_URL", PLIVO_API_URL, "http"),
        deepgram_url=_host_url(environ, "DEEPGRAM_URL", DEEPGRAM_URL),
        openai_base_url=_url(environ, "OPENAI_BASE_URL", OPENAI_BASE_URL, "http"),
        cartesia_url=_host_url(environ, "CARTESIA_URL", CARTESIA_URL),
        elevenlabs_url=_host_url(environ, "ELEVENLABS_URL", ELEVENLABS_URL),
        deepgram_api_key=environ.get("DEEPGRAM_API_KEY") or None,
        openai_api_key=environ.get("OPENAI_API_KEY") or None,
        cartesia_api_key=environ.get("CARTESIA_API_KEY") or None,
        elevenlabs_api_key=environ.get("ELEVENLABS_API_KEY") or None,
        carrier=_carrier(auth_id, auth_token, environ.get("PLIVO_API_URL") or None),
        recovery=_recovery(environ.get("DIALER_RECOVERY") or None),
        max_lag_ms=_max_lag_ms(environ.get("DIALER_MAX_LAG_MS") or "20"),
    )
    _refuse_shifted_clock_off_loopback(settings)
    return settings


def secrets_of(settings: Settings) -> list[str | None]:
    """Return everything that no log line may hold."""
    database = urlsplit(settings.database_url or "")
    return [
        settings.secret_key,
        settings.api_key,
        settings.plivo_auth_token,
        settings.deepgram_api_key,
        settings.openai_api_key,
        settings.cartesia_api_key,
        settings.elevenlabs_api_key,
        database.password,
    ]


def missing_speech_keys(settings: Settings) -> tuple[str, ...]:
    """Return the variables that calls which talk would need and that are not set. A vendor's URL
    that is not the default needs no key, and the twin plays every vendor."""
    if settings.uses_twin:
        return ()
    found = (
        ("DEEPGRAM_API_KEY", settings.deepgram_api_key, settings.deepgram_url, DEEPGRAM_URL),
        ("OPENAI_API_KEY", settings.openai_api_key, settings.openai_base_url, OPENAI_BASE_URL),
        ("CARTESIA_API_KEY", settings.cartesia_api_key, settings.cartesia_url, CARTESIA_URL),
    )
    return tuple(name for name, key, url, default in found if not key and url == default)


def own_url(host: str, port: int) -> str:
    """Return how this machine reaches what listens on ``host:port``."""
    return f"http://{_url_host(host)}:{port}"


def at_port(settings: Settings, port: int) -> Settings:
    """Return the settings with the port that was really taken, when DIALER_BIND left it open."""
    is_own = settings.public_url == own_url(settings.host, settings.port)
    public_url = own_url(settings.host, port) if is_own else settings.public_url
    return replace(settings, port=port, public_url=public_url)


def _carrier(
    auth_id: str | None, auth_token: str | None, api_url: str | None
) -> Literal["twin", "plivo"]:
    if auth_id and auth_token:
        if not re.fullmatch(r"(MA|SA)[A-Z0-9]{18}", auth_id):
            raise SettingsError(
                "PLIVO_AUTH_ID: must be MA or SA and 18 capital letters or digits; "
                "copy it from the Plivo console's overview page"
            )
        return "plivo"
    if auth_id or auth_token:
        missing = "PLIVO_AUTH_TOKEN" if auth_id else "PLIVO_AUTH_ID"
        raise SettingsError(f"{missing}: missing; set both PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN")
    if api_url:
        raise SettingsError(
            "PLIVO_AUTH_ID: missing; PLIVO_API_URL needs PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN "
            "(unset all three to use the twin)"
        )
    return "twin"


def _bind(text: str) -> tuple[str, int]:
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(\d{1,5})", text, re.ASCII)
    if not found or int(found[2]) > 65535:
        raise SettingsError(f"DIALER_BIND: found {text!r}; write host:port such as 127.0.0.1:8000")
    return found[1].strip("[]"), int(found[2])


def _url_host(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _url(environ: Mapping[str, str], name: str, default: str, scheme: str) -> str:
    text = (environ.get(name) or default).rstrip("/")
    try:
        parts = urlsplit(text)
        good = bool(parts.hostname) and parts.scheme in (scheme, f"{scheme}s")
        good = good and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        good = False
    if "@" in text:  # not repeated: it may hold a password
        raise SettingsError(f"{name}: must not hold a user name or password")
    if not good or not re.fullmatch(r"[!-~]+", text):
        raise SettingsError(f"{name}: found {text!r}; write {scheme}s://host[:port][/path]")
    return text


def _host_url(environ: Mapping[str, str], name: str, default: str) -> str:
    text = (environ.get(name) or default).rstrip("/")
    # Either form is accepted; the other one derives from it.
    as_http = "http" + text.removeprefix("ws") if text.startswith("ws") else text
    checked = _url({name: as_http}, name, default, "http")
    if urlsplit(checked).path:
        raise SettingsError(f"{name}: found {text!r}; write scheme://host[:port] without a path")
    return checked


def _database_url(text: str | None) -> str | None:
    if text is not None and not re.match(r"postgres(ql)?(\+\w+)?://", text):
        raise SettingsError(
            "DATABASE_URL: must start with postgresql:// (only Postgres is supported; "
            "unset it to use the embedded one)"
        )
    try:
        urlsplit(text or "").port  # noqa: B018  # raises for what is no port
    except ValueError:  # not repeated: it may hold a password
        raise SettingsError(
            "DATABASE_URL: is no address; write postgresql://user:password@host:port/database with "
            "signs in the password as %40 and the like"
        ) from None
    return text


def _secret(environ: Mapping[str, str], name: str) -> str | None:
    text = environ.get(name) or None
    if text is not None and not (text.isascii() and text.isprintable() and " " not in text):
        raise SettingsError(
            f"{name}: use ASCII letters, digits and signs without spaces (openssl rand -hex 32)"
        )
    return text


def _instant(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        value = None
    if value is None or value.tzinfo is None or not 2000 <= value.year < 2100:
        raise SettingsError(
            f"DIALER_CLOCK_START: found {text!r}; write an ISO time of this century with an "
            "offset such as 2026-11-23T11:00:00+05:30"
        )
    return value


def _recovery(text: str | None) -> RecoveryBounds:
    names = [spec.name for spec in fields(RecoveryBounds)]
    values: dict[str, float] = {}
    for part in (text or "").split(",") if text else ():
        name, _, number = part.strip().partition("=")
        try:
            values[name] = float(number)
        except ValueError:
            values[name] = -1.0
        if name not in names or not 0 < values[name] < math.inf:
            raise SettingsError(
                f"DIALER_RECOVERY: found {part.strip()!r}; write name=number with names from "
                + ", ".join(names)
            )
    return RecoveryBounds(**values)


def _max_lag_ms(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 1 <= value < math.inf:
        raise SettingsError(
            f"DIALER_MAX_LAG_MS: found {text!r}; write milliseconds, 1 or more (default 20)"
        )
    return value


def is_loopback(url: str) -> bool:
    """True when ``url`` can only reach this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def vendor_urls(settings: Settings) -> dict[str, str]:
    """Return variable → URL of every vendor that may be talked to."""
    return {
        "PLIVO_API_URL": settings.plivo_api_url,
        "DEEPGRAM_URL": settings.deepgram_url,
        "OPENAI_BASE_URL": settings.openai_base_url,
        "CARTESIA_URL": settings.cartesia_url,
        "ELEVENLABS_URL": settings.elevenlabs_url,
    }


def _refuse_shifted_clock_off_loopback(settings: Settings) -> None:
    """A shifted clock would prove calls lawful at a time that is not now (design §8)."""
    if settings.clock_start is None:
        return
    for name, url in vendor_urls(settings).items():
        # Where the twin plays every vendor, no default address is ever asked.
        is_twin = settings.uses_twin and url == _DEFAULT_URLS[name]
        if not is_twin and not is_loopback(url):
            raise SettingsError(
                f"DIALER_CLOCK_START: refused because {name} is not on this machine; "
                "a shifted clock is for rehearsals only"
            )
