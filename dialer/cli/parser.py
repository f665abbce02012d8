"""Every command of `dialer`, with its arguments. `parser()` is what tests compare docs with."""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from typing import NoReturn

import dialer
from dialer.errors import UsageError

#: The commands of each module of `dialer.cli`, in the order of `dialer --help`, with what they do.
COMMANDS = {
    "serve": {
        "up": "run everything: web, dialing and, with no carrier set, the twin",
        "web": "serve the API and the carrier's callbacks, dial nothing",
        "worker": "dial and keep house, serve nothing",
        "twin": "the simulated carrier on loopback, a program of its own",
    },
    "demo": {
        "demo": "run the sample campaigns on the twin and show what happens",
    },
    "database": {
        "db": "the database's schema",
    },
    "leads": {
        "leads": "lists of people to reach",
    },
    "campaigns": {
        "campaign": "campaigns",
    },
    "reports": {
        "report": "results",
    },
    "suppress": {
        "suppress": "numbers that are never called",
    },
    "scrub": {
        "scrub": "the operators' do-not-call register",
    },
    "sender": {
        "sender": "who calls: entity, declaration, caller ids",
    },
    "check": {
        "check": "may this lead be called, and why or why not",
    },
    "audit": {
        "audit": "the chain of compliance checks",
    },
    "keys": {
        "keys": "API keys",
    },
    "carrier": {
        "carrier": "the carrier account's limits and pauses",
    },
    "plivo": {
        "plivo": "the carrier account",
    },
}
HELP = {word: text for words in COMMANDS.values() for word, text in words.items()}

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
    """Return the parser of the command ``word`` alone; with None of all of them. Any other word is
    no command, and gets what tells of them by name.

    Each command sets ``run``, a coroutine of (args, settings). What the others import is a second
    and more of processor time, which a process that is started again after a kill should not pay,
    and nobody who asks what there is.
    """
    root = OneLineParser(
        prog="dialer",
        description="Outbound campaign dialer. Settings come from the environment; see README.",
    )
    root.add_argument("--version", action="version", version=f"dialer {dialer.__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = [module for module, words in COMMANDS.items() if word is None or word in words]
    for module in wanted:
        import_module(f"dialer.cli.{module}").add_commands(commands)
    if not wanted:
        for name, text in HELP.items():
            commands.add_parser(name, help=text)
    return root
