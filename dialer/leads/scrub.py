"""A list's way through the operator's register and back: numbers out, verdicts in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from dialer.errors import FieldError, InvalidInput
from dialer.leads.phone_file import Verdicts
from dialer.store import enrolments, lists, scrubs
from dialer.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Kept:
    """A run that was kept. ``notes``: what the file and the list do not have in common."""

    row: Any
    list_hash: str | None
    notes: tuple[str, ...]


def list_hash(phones: Iterable[str]) -> str:
    """Return the hex SHA-256 of a set of numbers, whatever their order."""
    return sha256("\n".join(sorted(set(phones))).encode()).hexdigest()


async def scrub_file(tx: Tx, list_id: UUID) -> tuple[bytes, str]:
    """Return the numbers of a list as the portal takes them, and the hash that binds its verdict
    to just these."""
    phones = await lists.phones_in(tx, list_id)
    return "\n".join(["phone", *phones, ""]).encode(), list_hash(phones)


async def keep_scrub(
    tx: Tx,
    content: bytes,
    verdicts: Verdicts,
    *,
    ref: str,
    provider: str,
    at: str,
    list_id: UUID | None,
    expected_hash: str | None,
) -> Kept:
    """Keep one run; leads that waited for it become due at once.

    expected_hash: the list's when it was exported. The verdicts hold for the numbers in the file
    alone: whoever joined the list since then is not covered, and that is said.
    """
    when = _read_at(at, tx.now)
    found, notes = None, []
    if list_id is not None:
        await lists.get_list(tx, list_id)
        phones = set(await lists.phones_in(tx, list_id))
        found = list_hash(phones)
        told = {phone for phone, _ in verdicts.pairs}
        if expected_hash is not None and expected_hash.strip().lower() != found:
            notes.append(
                "the list has changed since it was exported for this scrub: its hash was "
                f"{expected_hash.strip().lower()[:12]}… and is {found[:12]}… now"
            )
        if missing := len(phones - told):
            notes.append(
                f"{missing} of {len(phones)} numbers of the list are not in the file and so not "
                "covered; export the list again and scrub those"
            )
        if foreign := len(told - phones):
            notes.append(f"{foreign} numbers of the file are not in the list; they are kept")
    row = await scrubs.add_scrub(
        tx,
        ref=ref,
        provider=provider,
        at=when,
        list_id=list_id,
        verdicts=verdicts.pairs,
        blocked=verdicts.blocked,
        file_sha256=sha256(content).digest(),
    )
    await enrolments.wake(tx, codes=["DNC_SCRUB_STALE"])
    return Kept(row, found, tuple(notes))


def _read_at(text: str, now: datetime) -> datetime:
    """Read when the register was asked: a run that has not happened proves nothing."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    message = ""
    if at is None or at.tzinfo is None or at.year < 2000:
        message = f"found {text!r}; write an ISO time with an offset: 2026-11-23T11:00:00+05:30"
    elif at > now:
        message = f"{text} is in the future; give the time at which the register was asked"
    if at is None or message:
        raise InvalidInput(f"at: {message}", [FieldError("at", message, text)])
    return at
