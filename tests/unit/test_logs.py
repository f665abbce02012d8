"""No phone number, secret or quoted database value gets into a log line by any way."""

from __future__ import annotations

import io
import json
import logging
import sys
import unicodedata
import urllib.parse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from dialer import logs
from dialer.logs import SafeFormatter, configure_logs, hide, redact

ATTEMPT = UUID("01939a00-1111-7000-8000-222233334444")
AT = datetime(2026, 11, 23, 5, 30, 0, 123456, tzinfo=UTC)
PHONE = "9876543210"


@pytest.fixture(autouse=True)
def forgotten_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_secrets", ())


def formatted(message: object = "event", *args: object, **extra: object) -> dict[str, Any]:
    record = logging.LogRecord("dialer.test", logging.INFO, "f.py", 1, message, args, None)
    vars(record).update(extra)
    text = SafeFormatter().format(record)
    assert "\n" not in text and text.isascii()
    line: dict[str, Any] = json.loads(text)
    return line


def caught(error: BaseException, cause: BaseException | None = None) -> Any:
    try:
        raise error from cause
    except BaseException:
        return sys.exc_info()


def digits(text: str) -> str:
    """Every digit of any script, in order, as ASCII; JSON escapes undone."""
    plain = unicodedata.normalize("NFKC", urllib.parse.unquote(text))
    return "".join(str(unicodedata.decimal(char)) for char in plain if char.isdecimal())


SHAPES = [
    PHONE,
    "+919876543210",
    "0098765 43210",
    "98765 43210",
    "98765-43210",
    "98765.43210",
    "98765_43210",
    "98765/43210",
    "98765,43210",
    "98765 - 43210",
    "98765 -- 43210",
    "98765–43210",
    "98765\u00a043210",
    "98765\u200b43210",
    "98765\t43210",
    "(98765) 43210",
    "[98765]-[43210]",
    "+91 98765 43210",
    "+91 (0) 98765-43210",
    "98 76 54 32 10",
    "98.76.54.32.10",
    "9-8-7-6-5-4-3-2-1-0",
    "9,876,543,210",
    "9876543210.0",
    "tel:+919876543210",
    "sip:+919876543210@carrier.example",
    "To=%2B919876543210&From=x",
    "To=%2B91%2098765%2043210",
    "to=98765+43210",
    "%2891%29%2098765%2D43210",
    "९८७६५४३२१०",
    "+९१ ९८७६५ ४३२१०",
    "৯৮৭৬৫৪৩২১০",
    "９８７６５４３２１０",
    "⁹⁸⁷⁶⁵⁴³²¹⁰",
    "𝟗𝟖𝟕𝟔𝟓𝟒𝟑𝟐𝟏𝟎",
    r"\u096f\u096e\u096d\u096c\u096b\u096a\u0969\u0968\u0967\u0966",
    r"\uff19\uff18\uff17\uff16\uff15\uff14\uff13\uff12\uff11\uff10",
    urllib.parse.quote("९८७६५ ४३२१०"),
    "%39%38%37%36%35%34%33%32%31%30",
    "x9876543210y",
    "id_9876543210",
    f"{ATTEMPT}9876543210",
    f"9876543210{ATTEMPT}",
    f"2026-11-23 {PHONE}",
    f"{PHONE} 11:00:00",
    "9876543210-2026-11-23",
    "987.65.43.210",
    "98.76.5.4 3210",
    "98 2026-11-23 43210",
    "98765 127.0.0.1 43210",
    "Key (list_id, phone)=(7, +919876543210) already exists.",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_phone_in_any_shape_is_replaced(shape: str) -> None:
    for text in (shape, f"called {shape}.", f'{{"to": "{shape}"}}', f"a={shape}&b=2"):
        assert "[phone]" in redact(text), text
        assert PHONE not in digits(redact(text))
        assert "43210" not in digits(redact(text))


class Person:
    def __repr__(self) -> str:
        return f"Person(phone=+91{PHONE})"


@dataclass
class Lead:
    number: str


class Number(IntEnum):
    ASHA = 9876543210


@pytest.mark.parametrize(
    "value",
    [
        PHONE,
        9876543210,
        -9876543210,
        9876543210.0,
        9.87654321e9,
        Decimal(PHONE),
        Number.ASHA,
        PHONE.encode(),
        PHONE.encode("utf-16"),
        bytearray(PHONE.encode()),
        memoryview(PHONE.encode()),
        [PHONE],
        (9876543210, [PHONE]),
        {PHONE},
        frozenset({PHONE}),
        {PHONE: 1},
        {9876543210: PHONE},
        {"deep": [{"er": (PHONE,)}]},
        Person(),
        [Person()],
        Lead(PHONE),
        SimpleNamespace(to=PHONE),
        ValueError(f"no such lead {PHONE}"),
        KeyError(f"+91{PHONE}"),
        ExceptionGroup("many", [ValueError(PHONE)]),
        iter([PHONE]),
        "98765 43210",
    ],
    ids=repr,
)
def test_a_phone_in_any_value_is_replaced(value: object) -> None:
    for line in (
        formatted(found=value),
        formatted("found %s", value),
        formatted("found %r", value),
        formatted(value),
    ):
        del line["at"]
        assert PHONE not in digits(json.dumps(line, ensure_ascii=False))


def _written(data: st.DataObject, national: str) -> str:
    zero = data.draw(st.sampled_from("0०০੦૦୦௦౦೦൦０𝟎"))
    gap = st.sampled_from(["", "", "", " ", "-", ".", " - ", "(", ") ", "\u00a0", "–", "%20", "_"])
    prefix = data.draw(st.sampled_from(["", "0", "+91", "91", "0091", "+91 ", "%2B91", "tel:+91-"]))
    body = "".join(chr(ord(zero) + int(digit)) + data.draw(gap) for digit in national)
    around = data.draw(st.sampled_from(["{}", "to {}", "x{}y", "'{}'", "[{}]", "a={}&b", "<{}>"]))
    return around.format(prefix + body)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), national=st.from_regex(r"\A[6-9][0-9]{9}\Z"))
def test_no_ten_digits_of_a_phone_survive(data: st.DataObject, national: str) -> None:
    written = _written(data, national)
    wrap: Callable[[str], Any] = data.draw(
        st.sampled_from(
            [
                str,
                repr,
                json.dumps,
                urllib.parse.quote,
                ValueError,
                lambda text: [text],
                lambda text: {"k": (text,)},
                lambda text: {text: 1},
            ]
        )
    )
    lines = (
        formatted("event", value=wrap(written)),
        formatted("event %s", wrap(written)),
        formatted("event", exc_info=caught(RuntimeError(wrap(written)), ValueError(written))),
    )
    for line in lines:
        del line["at"]
        assert national not in digits(json.dumps(line, ensure_ascii=False))


@pytest.mark.parametrize(
    "text",
    [
        str(ATTEMPT),
        str(ATTEMPT).upper(),
        f"/plivo/{ATTEMPT}/answer",
        f"attempt_{ATTEMPT} ended",
        f"('{ATTEMPT}', '{ATTEMPT}')",
        "12345678-1234-1234-1234-123456789012",
        "2026-11-23",
        "2026-11-23T05:30:00Z",
        "2026-11-23T05:30:00.123456+00:00",
        "2026-11-23 11:00:00+05:30",
        "2026-11-23 11:00:00,123 took 12.5 ms",
        "at=2026-11-23T11:00:00+0530.",
        "[2026-11-23 11:00] tick",
        "05:30:00.123456",
        "127.0.0.1:54321",
        "http://192.168.100.200:8000/health/ready",
        "exit code 137 after 12345 ms, 3 of 20",
        "Python 3.11.9",
    ],
)
def test_what_we_need_to_find_a_call_stays_readable(text: str) -> None:
    assert redact(text) == text
    assert formatted(text, value=text)["value"] == text


def test_values_keep_their_kind() -> None:
    line = formatted(
        attempt_id=ATTEMPT,
        placed_at=AT,
        on=date(2026, 11, 23),
        opens=time(9, 0),
        waited=timedelta(seconds=1.5),
        rows=999_999,
        share=0.25,
        ok=True,
        nothing=None,
        ids=[ATTEMPT, 7],
        counts={"busy": 2},
    )
    assert line | {"at": ""} == {
        "at": "",
        "level": "info",
        "logger": "dialer.test",
        "event": "event",
        "attempt_id": str(ATTEMPT),
        "placed_at": "2026-11-23 05:30:00.123456+00:00",
        "on": "2026-11-23",
        "opens": "09:00:00",
        "waited": 1.5,
        "rows": 999_999,
        "share": 0.25,
        "ok": True,
        "nothing": None,
        "ids": [str(ATTEMPT), 7],
        "counts": {"busy": 2},
    }


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
    assert "RuntimeError" in line["traceback"] and "test_logs.py" in line["traceback"]
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
    logging.getLogger("uvicorn.error").info(
        "Uvicorn running on %s://%s:%d",
        "http",
        "127.0.0.1",
        8000,
        extra={"color_message": f"\x1b[1m{PHONE}\x1b[0m"},
    )
    logging.getLogger("uvicorn.error").info(
        '%s - "WebSocket %s" [accepted]', ("127.0.0.1", 54321), f"/x?to=%2B91{PHONE}"
    )
    logging.getLogger("uvicorn.access").info("GET /health/live 200")
    logging.getLogger("asyncio").error("Task exception was never retrieved: %r", Person())
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
