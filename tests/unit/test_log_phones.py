"""No phone number gets into a log line in any shape, and what finds a call stays readable."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.logs import redact
from tests.unit.log_lines import ATTEMPT, PHONE, caught, digits, formatted

AT = datetime(2026, 11, 23, 5, 30, 0, 123456, tzinfo=UTC)


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
    ids=lambda value: type(value).__name__,
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
