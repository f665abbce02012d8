"""What Postgres notes in `postmaster.pid`, whole and half written."""

from __future__ import annotations

import pytest

from dialer.store.embedded_postmaster import Postmaster, parse_pid_file

WHOLE = "5725\n/data/postgres\n1795368152\n36585\n/tmp/run\n127.0.0.1\n  2148098     6\nready   \n"


def test_a_whole_pid_file_says_where_the_server_listens() -> None:
    assert parse_pid_file(WHOLE) == Postmaster(5725, 36585, "/tmp/run", "ready")


@pytest.mark.parametrize("lines", range(1, 8))
def test_a_half_written_pid_file_is_a_server_that_is_not_ready(lines: int) -> None:
    half = "".join(WHOLE.splitlines(keepends=True)[:lines])
    postmaster = parse_pid_file(half)
    assert postmaster is not None
    assert (postmaster.pid, postmaster.status) == (5725, "")


@pytest.mark.parametrize("text", ["", "\n", "nonsense\n"])
def test_an_empty_pid_file_names_no_server(text: str) -> None:
    assert parse_pid_file(text) is None
