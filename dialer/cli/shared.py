"""What commands share: opening the database, and printing one result in two ways."""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console
from rich.table import Table

from dialer.app.clock import set_clock
from dialer.app.data_dir import make_data_dir
from dialer.app.runtime import open_database
from dialer.errors import InvalidInput
from dialer.settings import Settings
from dialer.store.engine import Database

Run = Callable[[argparse.Namespace, Settings], Awaitable[int]]
SHOWN_ZONE = ZoneInfo("Asia/Kolkata")  # where the people are called, wherever the server is
Commands = Any  # argparse's own type for sub-parsers is private


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """Yield the database for one command, at the product time that the settings ask for."""
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    async with open_database(settings, migrate=False) as db:
        await set_clock(db, settings)
        yield db


def command(commands: Commands, name: str, run: Run, help_text: str) -> argparse.ArgumentParser:
    """Add one command with ``--json``."""
    made: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=help_text)
    made.add_argument("--json", action="store_true", help="print the result as one JSON object")
    made.set_defaults(run=run)
    return made


def group(commands: Commands, name: str, help_text: str) -> Commands:
    """Add a command that has sub-commands."""
    made = commands.add_parser(name, help=help_text, description=help_text)
    return made.add_subparsers(dest=f"{name}_command", required=True, metavar="COMMAND")


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; `InvalidInput` says in one line why it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InvalidInput(f"{path}: no such file") from None
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read ({error.strerror})") from None


def print_json(value: Any) -> None:
    """Print a result exactly as the REST API would give it."""
    sys.stdout.write(msgspec.json.encode(value, enc_hook=str).decode() + "\n")
    sys.stdout.flush()


def say(text: Any) -> None:
    """Print a line or a rich renderable for a person."""
    Console(highlight=False).print(text)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """Return a plain table."""
    made = Table(title=title, title_justify="left", pad_edge=False)
    for column in columns:
        made.add_column(column)
    for row in rows:
        made.add_row(*["" if cell is None else str(cell) for cell in row])
    return made
