"""Every command of `dialer`, with its arguments. `parser()` is what tests compare docs with."""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from typing import NoReturn

import dialer
from dialer.errors import UsageError

#: The commands of each module of `dialer.cli`, in the order of `dialer --help`.
COMMANDS = {
    "serve": ("up", "web", "worker", "twin"),
    "demo": ("demo",),
    "database": ("db",),
    "leads": ("leads",),
    "campaigns": ("campaign",),
    "reports": ("report",),
    "suppress": ("suppress",),
    "scrub": ("scrub",),
    "sender": ("sender",),
    "check": ("check",),
    "audit": ("audit",),
    "keys": ("keys",),
    "carrier": ("carrier",),
    "plivo": ("plivo",),
}

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


def parser(word: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the command ``word`` alone, of all of them if there is none of it.

    Each command sets ``run``, a coroutine of (args, settings). What the others import is a second
    and more of processor time, which a process that is started again after a kill should not pay.
    """
    root = OneLineParser(
        prog="dialer",
        description="Outbound campaign dialer. Settings come from the environment; see README.",
    )
    root.add_argument("--version", action="version", version=f"dialer {dialer.__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    own = [module for module, words in COMMANDS.items() if word in words]
    for module in own or COMMANDS:
        import_module(f"dialer.cli.{module}").add_commands(commands)
    return root
