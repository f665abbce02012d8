"""A file of numbers that are never called: read as a person may have made it."""

from __future__ import annotations

import pytest

from dialer.errors import InvalidInput
from dialer.leads.phone_file import read_phones, read_verdicts

LONG = b"x" * 200_000


@pytest.mark.parametrize("text", [b"9876543210\n12\n", b"phone\n9876543210\n12\n"])
def test_a_line_without_a_number_is_named_and_holds_up_no_other(text: bytes) -> None:
    found = read_phones(text)
    assert found.phones == ["+919876543210"]
    assert [line for line, _ in found.problems] == [text.count(b"\n")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"abc\n9876543210\n", "line 1: is neither a number nor a header"),
        (b"sep=;\n", "the file is empty"),
        (LONG + b"\n", "line 1: a cell is longer"),
    ],
)
def test_a_first_line_that_means_nothing_is_named(text: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_phones(text)


@pytest.mark.parametrize("text", [b"sep=;\n", LONG + b"\n", b"phone\n9876543210\n"])
def test_a_register_without_its_header_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"^file: line 1"):
        read_verdicts(text)
