"""One lead that comes by itself: the same rules as a row of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from dialer.domain import lead
from dialer.domain.lead import Problem
from dialer.errors import FieldError, InvalidInput, RuleViolation
from dialer.leads.columns import FIELDS
from dialer.leads.erased import ERASED
from dialer.leads.typed import MAX_EXTERNAL_ID
from dialer.store import leads, lists
from dialer.store.engine import Tx
from dialer.store.leads import NewConsent
from dialer.store.suppressions import is_erased

_PLAIN = ("name", "first_name", "external_id")
_READERS = {"timezone": lead.read_timezone, "language": lead.read_language}
_CONSENT = ("consent_at", "consent_source", "consent_evidence")


async def add_lead(
    tx: Tx,
    list_id: UUID,
    *,
    phone: str,
    default_region: str = "IN",
    fields: Mapping[str, str | None],
    attributes: Mapping[str, str],
) -> UUID:
    """Add a lead to a list that is ready; ``fields``: of `FIELDS` without the phone.

    Raises `InvalidInput` naming every bad field, `RuleViolation` for a phone or external_id that
    the list has already.
    """
    row = await lists.get_list(tx, list_id)
    if row.status == "importing":
        raise RuleViolation(f"lead list {row.name!r} is importing; wait until it is ready")
    problems: list[FieldError] = []
    cell = lead.read_phones(phone, default_region)
    if isinstance(cell, Problem):
        problems.append(FieldError("phone", cell.reason, phone))
    values = _read(fields, problems)
    consent = _read_consent(fields, tx.now, problems)
    problems += _bad_attributes(attributes)
    if problems or isinstance(cell, Problem):
        raise _invalid(problems)
    values |= {
        "phone": cell.phone,
        "other_phones": list(cell.others),
        "attributes": _kept(attributes),
    }
    if await is_erased(tx, cell.phone):
        raise RuleViolation(f"phone: {ERASED}")
    lead_id = await leads.add_lead(tx, list_id, values)
    if consent is not None:
        await leads.add_consent(tx, lead_id, consent)
    await leads.add_columns(tx, list_id, list(attributes))
    return lead_id


async def change_lead(
    tx: Tx,
    lead_id: UUID,
    *,
    fields: Mapping[str, str | None],
    attributes: Mapping[str, str | None],
) -> None:
    """Change what is known of a lead, its phone excepted; None takes a value away.

    A kind of consent adds a fact. Raises as `add_lead`.
    """
    row = await leads.get_lead(tx, lead_id, lock=True)
    problems: list[FieldError] = []
    values = _read(fields, problems)
    consent = _read_consent(fields, tx.now, problems)
    problems += _bad_attributes(attributes)
    if problems:
        raise _invalid(problems)
    external_id = values.get("external_id")
    if external_id is not None and await leads.is_external_id_taken(
        tx, row.list_id, external_id, lead_id
    ):
        raise RuleViolation("another lead of the list has this external_id")
    if attributes:
        values["attributes"] = _kept({**row.attributes, **attributes})
    if values:
        await leads.change_lead(tx, lead_id, values)
    if consent is not None:
        await leads.add_consent(tx, lead_id, consent)
    await leads.add_columns(tx, row.list_id, list(attributes))


def _read(fields: Mapping[str, str | None], problems: list[FieldError]) -> dict[str, Any]:
    """Read the given fields; what is wrong goes to ``problems``."""
    values: dict[str, Any] = {}
    for name in (*_PLAIN, *_READERS):
        if name not in fields:
            continue
        text = (fields[name] or "").strip()
        read: str | Problem | None = text or None
        if text and name in _READERS:
            read = _READERS[name](text)
        if "\x00" in text:
            read = Problem("has a character that is no text; enter it again")
        if name == "external_id" and len(text) > MAX_EXTERNAL_ID:
            read = Problem(f"is longer than {MAX_EXTERNAL_ID} characters; use a shorter id")
        if isinstance(read, Problem):
            problems.append(FieldError(name, read.reason, text))
        else:
            values[name] = read
    return values


def _read_consent(
    fields: Mapping[str, str | None], now: datetime, problems: list[FieldError]
) -> NewConsent | None:
    kind = lead.read_consent_kind(fields.get("consent_kind") or "")
    at = lead.read_consent_at(fields.get("consent_at") or "", now=now)
    for name, read in (("consent_kind", kind), ("consent_at", at)):
        if isinstance(read, Problem):
            problems.append(FieldError(name, read.reason, fields.get(name)))
    if isinstance(kind, Problem) or isinstance(at, Problem):
        return None
    if kind is None:
        problems += [
            FieldError(name, "goes with a consent_kind; give that too", fields[name])
            for name in _CONSENT
            if fields.get(name)
        ]
        return None
    name, _, ended = kind.partition(":")
    source, evidence = (fields.get(field) or None for field in _CONSENT[1:])
    return NewConsent(name, at, bool(ended), source, evidence)


def _bad_attributes(attributes: Mapping[str, str | None]) -> Iterator[FieldError]:
    for name, value in attributes.items():
        if not name.strip() or "\x00" in f"{name}{value}":
            yield FieldError(f"attributes.{name}", "an attribute needs a name and plain text")
        elif name in FIELDS:
            yield FieldError(f"attributes.{name}", f"{name} is a field; give it beside attributes")


def _kept(attributes: Mapping[str, str | None]) -> dict[str, str]:
    """An empty attribute is none, as an empty cell is."""
    return {name: value for name, value in attributes.items() if value}


def _invalid(problems: list[FieldError]) -> InvalidInput:
    lines = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
    return InvalidInput(lines, problems)
