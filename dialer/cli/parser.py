"""Every command of `dialer`, with its arguments. `parser()` is what tests compare docs with."""

from __future__ import annotations

import argparse
import re
from typing import NoReturn

import dialer
from dialer.cli import (
    audit,
    campaigns,
    carrier,
    check,
    database,
    demo,
    keys,
    leads,
    plivo,
    reports,
    scrub,
    sender,
    serve,
    suppress,
)
from dialer.errors import UsageError

COMMANDS = (
    serve,
    demo,
    database,
    leads,
    campaigns,
    reports,
    suppress,
    scrub,
    sender,
    check,
    audit,
    keys,
    carrier,
    plivo,
)

_UNDECODED = re.compile("[\ud800-\udfff]")


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; see `{self.prog} --help`\n")


def require_text(args: argparse.Namespace) -> None:
    """Raise `UsageError` for an argument that is no text in the terminal's encoding; only the
    name of a file, which is read as a `Path`, may be any bytes."""
    for name, value in vars(args).items():
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and not text.isascii() and _UNDECODED.search(text):
                raise UsageError(f"{name}: found {text!a}; write it as UTF-8")


def parser() -> argparse.ArgumentParser:
    """Return the whole parser; each command sets ``run``, a coroutine of (args, settings)."""
    root = OneLineParser(
        prog="dialer",
        description="Outbound campaign dialer. Settings come from the environment; see README.",
    )
    root.add_argument("--version", action="version", version=f"dialer {dialer.__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add_commands(commands)
    return root
