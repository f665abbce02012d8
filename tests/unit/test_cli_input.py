"""What a person types or names on the command line: printed as it is, refused in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dialer.__main__ import main
from dialer.app.data_dir import secret_of
from dialer.cli.campaigns import _read_text
from dialer.cli.check import read_instant
from dialer.cli.parser import parser, require_text
from dialer.cli.shared import require_file, say, table
from dialer.errors import InvalidInput, Unavailable, UsageError

MARKUP = "[/x] [bold]a :smile: b[/bold] "


def test_a_name_that_looks_like_markup_is_printed_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(MARKUP + "x" * 300)
    assert capsys.readouterr().out == MARKUP + "x" * 300 + "\n", "and a line is not broken"
    say(table("Keys", ["name"], [[MARKUP], [None]]))
    assert MARKUP.strip() in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["keys", "create", "--name", "\udcff"], "name"),
        (["leads", "import", "a.csv", "--list", "a", "--map", "\udcff=phone"], "map"),
        (["campaign", "start", "a\udc80"], "name"),
    ],
)
def test_an_argument_that_is_no_text_is_named(words: list[str], names: str) -> None:
    with pytest.raises(UsageError, match=f"^{names}: found"):
        require_text(parser().parse_args(words))


def test_a_file_may_have_any_name_and_a_list_any_letters() -> None:
    words = ["leads", "import", "caf\udce9.csv", "--list", "दिवाली 🪔"]
    require_text(parser().parse_args(words))


@pytest.mark.parametrize(
    "words",
    [
        ["keys", "create", "--name", " "],
        ["keys", "create", "--name", "x" * 81],
        ["suppress", "add", "9876543210", "--reason", ""],
        ["campaign", "create", "a.toml", "--list", "a", "--name", "x" * 81],
    ],
)
def test_names_and_reasons_have_the_limits_of_rest(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        parser().parse_args(words)
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert words[-2] in said and "write 1 to 80 characters" in said and said.count("\n") == 1


def test_what_is_no_file_is_said_without_opening_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, says in (
        (tmp_path, "is a folder"),
        (tmp_path / "pipe", "not an ordinary file"),
        (Path("/dev/zero"), "not an ordinary file"),
        (tmp_path / "none.csv", "no such file"),
        (tmp_path / ("x" * 5000), "cannot be read"),
    ):
        with pytest.raises(InvalidInput, match=says):
            require_file(path)


@pytest.mark.parametrize("at", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00", "2026-11-23"])
def test_an_instant_out_of_reach_is_refused(at: str) -> None:
    with pytest.raises(UsageError, match=r"^--at"):
        read_instant(at)


def test_a_campaign_file_that_is_not_utf8_is_refused_and_no_letter_guessed(tmp_path: Path) -> None:
    file = tmp_path / "latin.toml"
    file.write_bytes("name = 'José'".encode("latin-1"))
    with pytest.raises(InvalidInput, match="not UTF-8 text; save it as UTF-8"):
        _read_text(file)


def test_a_damaged_secret_is_named_and_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "secret_key"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(Unavailable, match="secret_key is damaged"):
        secret_of(tmp_path, "secret_key", None)
    assert file.read_bytes() == b"\xff\xfe"


def test_an_error_is_one_line_whatever_it_quotes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALER_BIND", "no\nhost")
    assert main(["db", "upgrade"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
