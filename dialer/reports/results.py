"""A campaign's results: one row a lead, in import order, in the columns of design §8."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from dialer.domain.erasure import shown_phone
from dialer.store import reports
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx

CHUNK = 2_000  # rows read and encoded at a time

Kind = Literal["text", "integer", "number", "money", "time", "any"]
Row: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """``kind`` says what its values are when they are not None.

    text: str. integer: int. number: float. money: Decimal. time: aware UTC datetime. any: what a
    lead said or a list brought, mostly str.
    """

    name: str
    kind: Kind = "text"


#: Of every campaign. None is "not known" or "there was none", never a zero in disguise.
FIXED: Final = (
    Column("lead_id"),
    Column("external_id"),
    Column("phone"),
    Column("name"),
    Column("state"),
    Column("attempts", "integer"),
    Column("outcome"),
    Column("hangup_code", "integer"),
    Column("disposition"),
    Column("answered_at", "time"),
    Column("talk_s", "number"),
    Column("cost_usd", "money"),
    Column("check_id"),
    Column("check_decision"),
    Column("check_code"),
)


@dataclass(frozen=True, slots=True)
class Results:
    """``rows`` have their values in the order of ``columns``."""

    columns: list[str]
    rows: Sequence[Row]


async def results(tx: Tx, campaign: Campaign) -> Results:
    """Return the whole report at once; `result_chunks` reads a large one piece by piece.

    attempts: calls that rang or may have, so a refused or never placed one is not among them.
    outcome, hangup_code, answered_at and talk_s are of the newest of them that has ended, the
    one that decided; cost_usd is what all of them cost in all parts, None if one part of one of
    them is unknown (a call without a stream costs what the carrier says). check_*: the
    newest decision about the lead, with the code ``OK`` if it allowed. Test calls are left out.
    """
    columns = await columns_of(tx, campaign)
    rows = [row async for chunk in result_chunks(tx, campaign, columns) for row in chunk]
    return Results([column.name for column in columns], rows)


async def columns_of(tx: Tx, campaign: Campaign) -> list[Column]:
    """Return the fixed columns, ``answer.<id>`` of each question, ``lead.<column>`` of the list."""
    listed = await reports.attribute_columns(tx, campaign.row.list_id)
    return [
        *FIXED,
        *(Column(f"answer.{asked}", "any") for asked in _questions(campaign)),
        *(Column(f"lead.{name}", "any") for name in listed),
    ]


async def result_chunks(
    tx: Tx, campaign: Campaign, columns: Sequence[Column]
) -> AsyncGenerator[list[Row]]:
    """Yield rows, up to `CHUNK` at a time, with values in the order of ``columns``."""
    asked = _questions(campaign)
    listed = [column.name.removeprefix("lead.") for column in columns[len(FIXED) + len(asked) :]]
    found = reports.result_rows(tx, campaign.id, with_answers=bool(asked), chunk=CHUNK)
    async with aclosing(found) as chunks:
        async for chunk in chunks:
            yield [_row(one, asked, listed) for one in chunk]


def _questions(campaign: Campaign) -> list[str]:
    agent = campaign.definition.agent
    return [] if agent is None else [question.id for question in agent.questions]


def _row(found: Any, asked: Sequence[str], listed: Sequence[str]) -> Row:
    """Put one database row into the order of the columns."""
    answers = (found.answers or {}) if asked else {}
    return (
        str(found.lead_id),
        found.external_id,
        shown_phone(found.phone),
        found.name,
        found.state,
        found.attempts,
        found.outcome,
        found.hangup_code,
        found.disposition,
        found.answered_at,
        found.talk_s,
        found.cost_usd,
        None if found.last_check_id is None else str(found.last_check_id),
        found.decision,
        found.code,
        *(answers.get(question) for question in asked),
        *(found.attributes.get(name) for name in listed),
    )
