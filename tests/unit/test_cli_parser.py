"""One command is parsed without the modules of the others."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest

from dialer.cli.parser import COMMANDS, parser


def _words(root: argparse.ArgumentParser) -> Iterator[str]:
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices


@pytest.mark.parametrize("module", COMMANDS)
def test_each_module_adds_the_commands_it_is_listed_for(module: str) -> None:
    root = argparse.ArgumentParser()
    import_module(f"dialer.cli.{module}").add_commands(root.add_subparsers())
    assert tuple(_words(root)) == tuple(COMMANDS[module])


@pytest.mark.parametrize("word", [None, "--help", "leed", ""])
def test_what_is_no_command_is_judged_by_all_of_them(word: str | None) -> None:
    assert list(_words(parser(word))) == [word for words in COMMANDS.values() for word in words]


def test_what_there_is_is_told_at_once_and_as_each_command_tells_it() -> None:
    words = [sys.executable, "-X", "importtime", "-m", "dialer", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert " ".join(done.stdout.split()) == " ".join(parser().format_help().split())
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "dialer.cli.parser" in loaded
    assert not loaded & {"dialer.app.runtime", "litestar", "sqlalchemy", "polars", "aiohttp"}


def test_a_command_is_parsed_by_its_module_alone() -> None:
    assert list(_words(parser("keys"))) == ["keys"]
    args = parser("keys").parse_args(["keys", "list"])
    assert args.run.__module__ == "dialer.cli.keys"
