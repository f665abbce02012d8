"""What commands share: opening the database, and printing one result in two ways."""

from __future__ import annotations

import argparse
import os
import stat
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
from rich.text import Text
from sqlalchemy.exc import IntegrityError

from dialer.app.clock import set_clock
from dialer.app.data_dir import make_data_dir
from dialer.app.runtime import open_database
from dialer.cli.parser import HELP
from dialer.errors import InvalidInput, RuleViolation
from dialer.settings import Settings
from dialer.store.engine import Database

Run = Callable[[argparse.Namespace, Settings], Awaitable[int]]
SHOWN_ZONE = ZoneInfo("Asia/Kolkata")  # where the people are called, wherever the server is
MAX_SHORT_TEXT = 80
Commands = Any  # argparse's own type for sub-parsers is private


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """Yield the database for one command, at the product time that the settings ask for."""
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    async with open_database(settings, migrate=False) as db:
        await set_clock(db, settings)
        try:
            yield db
        except IntegrityError:  # what we looked for was made between our look and our insert
            raise RuleViolation(
                "another command was faster with the same; look and retry"
            ) from None


def command(
    commands: Commands, name: str, run: Run, help_text: str | None = None
) -> argparse.ArgumentParser:
    """Add one command with ``--json``; one of the first level is told of in `HELP`."""
    help_text = help_text or HELP[name]
    made: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=help_text)
    made.add_argument("--json", action="store_true", help="print the result as one JSON object")
    made.set_defaults(run=run)
    return made


def group(commands: Commands, name: str) -> Commands:
    """Add a command of the first level that has sub-commands."""
    made = commands.add_parser(name, help=HELP[name], description=HELP[name])
    return made.add_subparsers(dest=f"{name}_command", required=True, metavar="COMMAND")


def require_file(path: Path) -> None:
    """Raise `InvalidInput`, which says in one line why ``path`` cannot be read as a file."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise InvalidInput(f"{path}: no such file; correct the path") from None
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read ({error.strerror})") from None
    if stat.S_ISDIR(mode):
        raise InvalidInput(f"{path}: is a folder; name a file in it")
    if not stat.S_ISREG(mode):  # a device may never end, a pipe never begin
        raise InvalidInput(f"{path}: is not an ordinary file; save it as one first")


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; `InvalidInput` says in one line why it cannot be read."""
    require_file(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read ({error.strerror})") from None


def make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be made a folder ({error.strerror})") from None


def write_private(path: Path, data: bytes) -> None:
    """Write a file that holds a person's data, whole or not at all, for its owner to read."""
    part = path.with_name(f".{path.name}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InvalidInput(f"{path}: cannot be written ({error.strerror})") from None


def short_text(text: str) -> str:
    """Argparse's type of a name or a reason, with the limits that REST has for it."""
    if not 0 < len(text.strip()) <= MAX_SHORT_TEXT:
        raise argparse.ArgumentTypeError(f"write 1 to {MAX_SHORT_TEXT} characters")
    return text


def print_json(value: Any) -> None:
    """Print a result exactly as the REST API would give it."""
    sys.stdout.write(msgspec.json.encode(value, enc_hook=str).decode() + "\n")
    sys.stdout.flush()


def say(text: Any) -> None:
    """Print a line or a rich renderable for a person.

    Nothing in a line is markup, because names are a person's and may look like it; and no line is
    broken, because paths and commands are copied from it.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    console.print(text, soft_wrap=isinstance(text, str))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """Return a plain table; a cell may be a `Text` with a style of its own."""
    made = Table(title=title, title_justify="left", pad_edge=False)
    for column in columns:
        made.add_column(column)
    for row in rows:
        made.add_row(*[cell if isinstance(cell, Text) else _plain(cell) for cell in row])
    return made


def _plain(cell: Any) -> Text:
    return Text("" if cell is None else str(cell))
