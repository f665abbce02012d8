"""Every command of `dialer`, with its arguments. `parser()` is what tests compare docs with."""

from __future__ import annotations

import argparse
from typing import NoReturn

import dialer
from dialer.cli import (
    audit,
    campaigns,
    check,
    database,
    demo,
    keys,
    leads,
    plivo,
    reports,
    serve,
    suppress,
)

COMMANDS = (
    serve,
    demo,
    database,
    leads,
    campaigns,
    reports,
    suppress,
    check,
    audit,
    keys,
    plivo,
)


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; see `{self.prog} --help`\n")


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
