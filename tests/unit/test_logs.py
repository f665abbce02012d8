"""No secret or quoted database value gets into a log line, whatever is logged by whom."""

from __future__ import annotations

import io
import json
import logging
import sys
import urllib.parse
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from dialer import logs
from dialer.logs import configure_logs, hide, redact
from tests.unit.log_lines import ATTEMPT, PHONE, caught, digits, formatted


@pytest.fixture(autouse=True)
def forgotten_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_secrets", ())


SECRET = 's3cr3t/with+signs="quoted"é'


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"key {SECRET} was refused",
        urllib.parse.quote(SECRET),
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote_plus(SECRET),
        json.dumps({"key": SECRET}),
        repr([SECRET]),
    ],
)
def test_a_registered_secret_is_replaced_however_it_is_escaped(text: str) -> None:
    hide(SECRET)
    assert "s3cr3t" not in redact(text) and "[secret]" in redact(text)
    assert "s3cr3t" not in json.dumps(formatted(text, value=[text], cause=ValueError(text)))


def test_a_secret_that_begins_with_another_leaves_no_rest() -> None:
    hide("abcdefgh")
    hide("abcdefgh-rest-of-it")
    assert redact("abcdefgh-rest-of-it abcdefgh") == "[secret] [secret]"


@pytest.mark.parametrize("nothing", [None, "", "abc"])
def test_what_is_too_short_to_be_a_secret_hides_nothing(nothing: str | None) -> None:
    hide(nothing)
    assert redact("abc is a word") == "abc is a word"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer dk_0123456789abcdef", "dk_0123456789abcdef"),
        ("{'authorization': 'Basic TUFYWFhYWFhYWDp0b2tlbg=='}", "TUFY"),
        ("cannot connect to postgresql://dialer:p4ss@db:5432/x", "p4ss"),
        ("postgresql://dialer:p@ss4@db/x", "ss4"),
        ("GET /x?token=abc-def&page=2", "abc-def"),
        ('{"api_key": "abc-def", "page": 2}', "abc-def"),
        ("PLIVO_AUTH_TOKEN=abc-def", "abc-def"),
        ("password=abc-def host=db", "abc-def"),
        (f"/plivo/{ATTEMPT}/0123456789abcdef0123456789abcdef/answer", "0123456789abcdef"),
    ],
)
def test_secrets_nobody_registered_are_known_by_their_place(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert secret not in json.dumps(formatted(text))


@pytest.mark.parametrize("name", ["api_key", "auth_token", "password", "phone", "transcript"])
def test_a_field_named_for_what_must_not_be_logged_is_hidden(name: str) -> None:
    assert formatted(**{name: "Asha said 98765"})[name] == "[hidden]"
    assert formatted(body={name: "Asha said 98765"})["body"] == {name: "[hidden]"}
    assert formatted(**{name: None})[name] is None
    assert formatted(max_tokens=512)["max_tokens"] == 512


DETAILS = [
    "duplicate key value violates unique constraint\n"
    f"DETAIL:  Key (account_id, phone)=({ATTEMPT}, +91{PHONE}) already exists.",
    'new row for relation "turns" violates check constraint "turns_role"\n'
    "DETAIL:  Failing row contains (7, I live at Rose Villa,\nnear Rose Villa station, null).\n"
    "HINT:  none",
    "invalid input for query argument $3: 'I live at Rose Villa (top)' (an integer is required)",
    r"invalid input for query argument $12: 'at\n(Rose Villa' ('str' object is no integer)",
    'invalid input syntax for type uuid: "Rose Villa"',
]


@pytest.mark.parametrize("detail", DETAILS)
def test_a_database_error_shows_no_value(detail: str) -> None:
    error = IntegrityError(
        "INSERT INTO turns (text) VALUES ($1)",
        {"phone": PHONE},
        Exception(detail),
        hide_parameters=True,
    )
    for exc_info in (caught(error), caught(ExceptionGroup("two", [error, KeyError("x")]))):
        line = formatted("request_failed", error=error, exc_info=exc_info)
        shown = json.dumps(line)
        assert "Rose Villa" not in shown and PHONE not in digits(shown)
        assert "INSERT INTO turns" in line["traceback"] and "IntegrityError" in line["traceback"]


def test_a_traceback_is_redacted_with_its_causes() -> None:
    exc_info = caught(RuntimeError(f"lead {PHONE}"), ValueError("tried +91 98765-43210"))
    line = formatted("failed", exc_info=exc_info)
    assert line["traceback"].count("[phone]") == 2
    assert "RuntimeError" in line["traceback"] and "log_lines.py" in line["traceback"]
    assert PHONE not in digits(line["traceback"])


class Broken:
    def __str__(self) -> str:
        raise RuntimeError(PHONE)


@pytest.mark.parametrize("line", [{"args": (1, PHONE)}, {"value": Broken()}])
def test_a_record_that_cannot_be_read_is_told_without_its_content(line: dict[str, Any]) -> None:
    shown = formatted("needs one: %s", *line.pop("args", ("x",)), **line)
    assert shown["event"] == "log_record_unreadable"
    assert PHONE not in digits(shown["error"])


def test_a_list_that_holds_itself_does_no_harm() -> None:
    endless: list[object] = [PHONE]
    endless.append(endless)
    assert formatted(value=endless)["event"] == "log_record_unreadable"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", "a\nb", "a\u2028b"])
def test_any_value_makes_one_line_of_valid_json(value: object) -> None:
    line = formatted("event", value=value)
    assert line["value"] == (value if isinstance(value, str) else str(value))


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The root logger, configured to write here; everything is put back afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions, sys.excepthook
    target = io.StringIO()
    configure_logs(stream=target)
    yield target
    logging.captureWarnings(False)
    root.handlers[:], level, logging.raiseExceptions, sys.excepthook = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_libraries_write_through_us_and_add_nothing_raw(stream: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning(
        "Uvicorn running on %s://%s:%d",
        "http",
        "127.0.0.1",
        8000,
        extra={"color_message": f"\x1b[1m{PHONE}\x1b[0m"},
    )
    logging.getLogger("uvicorn.error").warning(
        '%s - "WebSocket %s" [accepted]', ("127.0.0.1", 54321), f"/x?to=%2B91{PHONE}"
    )
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.access").info("GET /health/live 200")
    logging.getLogger("asyncio").error("Task exception was never retrieved: %r", [PHONE])
    found = lines(stream)
    assert [line["logger"] for line in found] == ["uvicorn.error", "uvicorn.error", "asyncio"]
    assert found[0]["event"] == "Uvicorn running on http://127.0.0.1:8000"
    assert PHONE not in digits(stream.getvalue())


def test_warnings_and_what_nobody_caught_are_redacted_too(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(f"lead {PHONE} has no zone", stacklevel=1)
    sys.excepthook(*caught(ValueError(f"lead {PHONE}")))
    warned, uncaught = lines(stream)
    assert (warned["logger"], uncaught["event"]) == ("py.warnings", "uncaught_exception")
    assert "ValueError" in uncaught["traceback"]
    assert PHONE not in digits(stream.getvalue())


def test_configuring_twice_writes_every_line_once(stream: io.StringIO) -> None:
    configure_logs(stream=stream)
    logging.getLogger("dialer").info("ready", extra={"attempt_id": ATTEMPT})
    assert [line["event"] for line in lines(stream)] == ["ready"]


def test_a_stream_that_is_gone_shows_no_arguments(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    stream.close()
    logging.getLogger("dialer").error("lead %s", PHONE)
    assert capsys.readouterr() == ("", "")
    logging.getLogger().handlers[0].setStream(io.StringIO())  # type: ignore[attr-defined]  # ours
