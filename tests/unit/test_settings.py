"""Every variable is read once, and a bad one is one line that names it."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dialer.errors import SettingsError
from dialer.settings import (
    RecoveryBounds,
    Settings,
    at_port,
    is_loopback,
    missing_speech_keys,
    read_settings,
    vendor_urls,
)

AUTH_ID = "MAXXXXXXXXXXXXXXXXXX"
PLIVO = {"PLIVO_AUTH_ID": AUTH_ID, "PLIVO_AUTH_TOKEN": "t0ken-of-the-carrier"}
VENDORS = {
    "PLIVO_API_URL": "http://127.0.0.1:9000/v1",
    "DEEPGRAM_URL": "ws://localhost:9000",
    "OPENAI_BASE_URL": "http://[::1]:9000/v1",
    "CARTESIA_URL": "http://127.0.0.2:9000",
    "ELEVENLABS_URL": "http://127.0.0.1:9000",
}
START = {"DIALER_CLOCK_START": "2026-11-23T11:00:00+05:30"}
SECRETS = (
    "DATABASE_URL",
    "DIALER_SECRET_KEY",
    "DIALER_API_KEY",
    "PLIVO_AUTH_TOKEN",
    "DEEPGRAM_API_KEY",
    "OPENAI_API_KEY",
    "CARTESIA_API_KEY",
    "ELEVENLABS_API_KEY",
)


def test_nothing_set_is_the_whole_product_on_the_twin() -> None:
    settings = read_settings({})
    assert settings == Settings(
        database_url=None,
        host="127.0.0.1",
        port=8000,
        public_url="http://127.0.0.1:8000",
        data_dir=Path(".dialer"),
        secret_key=None,
        api_key=None,
        clock_start=None,
        clock_start_text=None,
        plivo_auth_id=None,
        plivo_auth_token=None,
        plivo_api_url="https://api.plivo.com/v1",
        deepgram_url="https://api.deepgram.com",
        openai_base_url="https://api.openai.com/v1",
        cartesia_url="https://api.cartesia.ai",
        elevenlabs_url="https://api.elevenlabs.io",
        deepgram_api_key=None,
        openai_api_key=None,
        cartesia_api_key=None,
        elevenlabs_api_key=None,
        carrier="twin",
        recovery=RecoveryBounds(),
    )
    assert settings.uses_twin and settings.stream_base_url == "ws://127.0.0.1:8000"


def test_an_empty_variable_is_an_unset_one() -> None:
    names = [*SECRETS, *VENDORS, "PLIVO_AUTH_ID", "DIALER_BIND", "DIALER_PUBLIC_URL"]
    names += ["DIALER_DATA_DIR", "DIALER_CLOCK_START", "DIALER_RECOVERY", "DIALER_MAX_LAG_MS"]
    assert read_settings(dict.fromkeys(names, "")) == read_settings({})


def test_every_variable_arrives_where_it_is_used() -> None:
    settings = read_settings(
        {
            **PLIVO,
            **VENDORS,
            **START,
            "DATABASE_URL": "postgresql://u:p@db/dialer",
            "DIALER_BIND": "0.0.0.0:9090",
            "DIALER_PUBLIC_URL": "https://calls.example.com/dialer/",
            "DIALER_DATA_DIR": "data",
            "DIALER_SECRET_KEY": "s" * 32,
            "DIALER_API_KEY": "k" * 32,
            "DEEPGRAM_API_KEY": "dg",
            "OPENAI_API_KEY": "oa",
            "CARTESIA_API_KEY": "ca",
            "ELEVENLABS_API_KEY": "el",
            "DIALER_RECOVERY": "placing=5, absence=2.5",
            "DIALER_MAX_LAG_MS": "50",
        }
    )
    assert (settings.host, settings.port, settings.data_dir) == ("0.0.0.0", 9090, Path("data"))
    assert settings.database_url == "postgresql://u:p@db/dialer"
    assert settings.public_url == "https://calls.example.com/dialer"
    assert settings.stream_base_url == "wss://calls.example.com/dialer"
    assert (settings.secret_key, settings.api_key) == ("s" * 32, "k" * 32)
    assert settings.clock_start == datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
    assert settings.clock_start_text == START["DIALER_CLOCK_START"]
    assert (settings.plivo_auth_id, settings.carrier) == (AUTH_ID, "plivo")
    assert settings.plivo_auth_token == PLIVO["PLIVO_AUTH_TOKEN"]
    assert vendor_urls(settings) == {**VENDORS, "DEEPGRAM_URL": "http://localhost:9000"}
    assert settings.deepgram_api_key == "dg" and settings.openai_api_key == "oa"
    assert settings.cartesia_api_key == "ca" and settings.elevenlabs_api_key == "el"
    assert settings.recovery == dataclasses.replace(RecoveryBounds(), placing=5.0, absence=2.5)
    assert settings.max_lag_ms == 50


def test_settings_cannot_be_changed_and_do_not_show_their_secrets() -> None:
    environ = dict.fromkeys(SECRETS, "hidden-0123456789") | {"PLIVO_AUTH_ID": AUTH_ID}
    settings = read_settings(environ | {"DATABASE_URL": "postgresql://u:hidden-0123456789@db/d"})
    assert "hidden" not in repr(settings)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]  # what must fail


@pytest.mark.parametrize(
    ("environ", "carrier"),
    [
        ({}, "twin"),
        (PLIVO, "plivo"),
        ({**PLIVO, "PLIVO_API_URL": VENDORS["PLIVO_API_URL"]}, "plivo"),
        ({**PLIVO, "PLIVO_AUTH_ID": "SA" + AUTH_ID[2:]}, "plivo"),
        ({"PLIVO_AUTH_ID": AUTH_ID}, "PLIVO_AUTH_TOKEN: missing"),
        ({"PLIVO_AUTH_TOKEN": "t"}, "PLIVO_AUTH_ID: missing"),
        ({"PLIVO_API_URL": VENDORS["PLIVO_API_URL"]}, "PLIVO_AUTH_ID: missing"),
        (
            {"PLIVO_AUTH_ID": AUTH_ID, "PLIVO_API_URL": VENDORS["PLIVO_API_URL"]},
            "PLIVO_AUTH_TOKEN: missing",
        ),
        ({**PLIVO, "PLIVO_AUTH_ID": "me"}, "PLIVO_AUTH_ID: must be MA or SA"),
        ({**PLIVO, "PLIVO_AUTH_ID": AUTH_ID.lower()}, "PLIVO_AUTH_ID: must be MA or SA"),
        ({**PLIVO, "PLIVO_AUTH_ID": f"{AUTH_ID}\n"}, "PLIVO_AUTH_ID: must be MA or SA"),
    ],
)
def test_both_keys_are_plivo_none_is_the_twin_and_anything_else_stops(
    environ: dict[str, str], carrier: str
) -> None:
    if carrier in ("twin", "plivo"):
        assert read_settings(environ).carrier == carrier
        return
    with pytest.raises(SettingsError, match=f"^{re.escape(carrier)}"):
        read_settings(environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DIALER_BIND", "8000"),
        ("DIALER_BIND", ":8000"),
        ("DIALER_BIND", "localhost"),
        ("DIALER_BIND", "localhost:http"),
        ("DIALER_BIND", "localhost:70000"),
        ("DIALER_BIND", "localhost:²"),
        ("DIALER_BIND", "http://localhost:8000"),
        ("DIALER_PUBLIC_URL", "calls.example.com"),
        ("DIALER_PUBLIC_URL", "wss://calls.example.com"),
        ("DIALER_PUBLIC_URL", "https://"),
        ("DIALER_PUBLIC_URL", "https://calls.example.com?x=1"),
        ("DIALER_PUBLIC_URL", "https://calls.example.com/#a"),
        ("DIALER_PUBLIC_URL", "https://calls.example.com:port"),
        ("DIALER_PUBLIC_URL", "https://calls.example.com:99999"),
        ("DIALER_PUBLIC_URL", "https://[::1"),
        ("DIALER_PUBLIC_URL", "https://user:pass@calls.example.com"),
        ("DIALER_PUBLIC_URL", "https://calls example.com"),
        ("DIALER_PUBLIC_URL", "https://calls.example.com:0"),
        ("DIALER_PUBLIC_URL", "https://calls.example.com/\n"),
        ("OPENAI_BASE_URL", "api.openai.com"),
        ("DEEPGRAM_URL", "https://api.deepgram.com/v1"),
        ("DEEPGRAM_URL", "ftp://api.deepgram.com"),
        ("CARTESIA_URL", "wss://api.cartesia.ai/tts"),
        ("ELEVENLABS_URL", "websocket"),
        ("DATABASE_URL", "sqlite:///dialer.db"),
        ("DATABASE_URL", "mysql://root@db/dialer"),
        ("DATABASE_URL", "db.example.com:5432"),
        ("DATABASE_URL", "postgresql://[::1/dialer"),
        ("DATABASE_URL", "postgresql://u:p@db:port/dialer"),
        ("DIALER_SECRET_KEY", "two words"),
        ("DIALER_API_KEY", "two\nlines"),
        ("DIALER_CLOCK_START", "tomorrow"),
        ("DIALER_CLOCK_START", "2026-11-23"),
        ("DIALER_CLOCK_START", "2026-11-23T11:00:00"),
        ("DIALER_CLOCK_START", "0001-01-01T00:00:00+14:00"),
        ("DIALER_RECOVERY", "placing"),
        ("DIALER_RECOVERY", "placing=0"),
        ("DIALER_RECOVERY", "placing=-1"),
        ("DIALER_RECOVERY", "placing=nan"),
        ("DIALER_RECOVERY", "placing=inf"),
        ("DIALER_RECOVERY", "hurry=1"),
        ("DIALER_RECOVERY", "placing=1,,"),
        ("DIALER_MAX_LAG_MS", "much"),
        ("DIALER_MAX_LAG_MS", "0.5"),
        ("DIALER_MAX_LAG_MS", "nan"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({name: value})
    assert str(caught.value).startswith(f"{name}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DIALER_SECRET_KEY", "pA55 w0rd"),
        ("DIALER_API_KEY", "pA55 w0rd"),
        ("DATABASE_URL", "mysql://root:pA55 w0rd@db/dialer"),
        ("DIALER_PUBLIC_URL", "https://me:pA55 w0rd@calls.example.com"),
        ("OPENAI_BASE_URL", "https://me:pA55 w0rd@example.com:port/v1"),
        ("DEEPGRAM_URL", "wss://me:pA55 w0rd@speech.example.com"),
    ],
)
def test_a_refused_secret_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({name: value})
    assert "pA55" not in str(caught.value)


@pytest.mark.parametrize(
    ("bind", "host", "port", "public_url"),
    [
        ("localhost:1", "localhost", 1, "http://localhost:1"),
        ("0.0.0.0:8080", "0.0.0.0", 8080, "http://127.0.0.1:8080"),
        ("[::]:8080", "::", 8080, "http://127.0.0.1:8080"),
        ("[::1]:8080", "::1", 8080, "http://[::1]:8080"),
    ],
)
def test_the_public_url_follows_from_where_we_listen(
    bind: str, host: str, port: int, public_url: str
) -> None:
    settings = read_settings({"DIALER_BIND": bind})
    assert (settings.host, settings.port, settings.public_url) == (host, port, public_url)


@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
def test_speech_hosts_are_taken_in_either_form(scheme: str) -> None:
    settings = read_settings({"CARTESIA_URL": f"{scheme}://voice.example.com:8443/"})
    secure = "s" if scheme in ("https", "wss") else ""
    assert settings.cartesia_url == f"http{secure}://voice.example.com:8443"


def test_a_shifted_clock_is_for_the_twin_and_for_loopback() -> None:
    assert read_settings(START).clock_start is not None
    assert read_settings({**PLIVO, **VENDORS, **START}).clock_start is not None


@pytest.mark.parametrize("name", VENDORS)
def test_a_shifted_clock_never_meets_a_real_vendor(name: str) -> None:
    """Else a check would prove a call lawful at a time that is not now."""
    vendors = {other: url for other, url in VENDORS.items() if other != name}
    with pytest.raises(SettingsError, match=f"^DIALER_CLOCK_START: refused because {name}"):
        read_settings({**PLIVO, **vendors, **START})
    with pytest.raises(SettingsError, match=r"^DIALER_CLOCK_START: refused"):
        read_settings({**PLIVO, **VENDORS, **START, name: "http://127.0.0.1.example.com"})


@pytest.mark.parametrize("name", sorted(set(VENDORS) - {"PLIVO_API_URL"}))
def test_the_twin_does_not_excuse_a_vendor_elsewhere(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^DIALER_CLOCK_START: refused because {name}"):
        read_settings({**START, name: "https://speech.example.com"})


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:9000", True),
        ("http://127.0.0.1", True),
        ("http://127.9.9.9:1/v1", True),
        ("http://[::1]:9000", True),
        ("http://0.0.0.0:9000", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("http://2130706433", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_and_nothing_that_looks_like_it(url: str, local: bool) -> None:
    assert is_loopback(url) is local


def test_port_0_is_filled_in_with_the_port_that_was_taken() -> None:
    settings = at_port(read_settings({"DIALER_BIND": "0.0.0.0:0"}), 4321)
    assert (settings.port, settings.public_url) == (4321, "http://127.0.0.1:4321")
    public = {"DIALER_BIND": "127.0.0.1:0", "DIALER_PUBLIC_URL": "https://calls.example.com"}
    assert at_port(read_settings(public), 4321).public_url == "https://calls.example.com"


SPEECH_KEYS = ("DEEPGRAM_API_KEY", "OPENAI_API_KEY", "CARTESIA_API_KEY")


def test_a_key_of_a_speech_provider_is_missing_only_where_its_own_host_is_asked() -> None:
    real = {"PLIVO_AUTH_ID": AUTH_ID, "PLIVO_AUTH_TOKEN": "a-token"}
    assert missing_speech_keys(read_settings({})) == (), "the twin plays every vendor"
    assert missing_speech_keys(read_settings(real)) == SPEECH_KEYS
    for key in SPEECH_KEYS:
        without = read_settings(real | {other: "k" for other in SPEECH_KEYS if other != key})
        assert missing_speech_keys(without) == (key,)
    elsewhere = {
        "DEEPGRAM_URL": "http://127.0.0.1:9",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "CARTESIA_URL": "http://127.0.0.1:9",
    }
    assert missing_speech_keys(read_settings(real | elsewhere)) == ()
