"""Writes the rows a dialer would leave behind, for tests of reports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, update

from dialer.domain.attempt import FINAL
from dialer.domain.definition import Definition
from dialer.domain.definition_parse import parse_tables
from dialer.domain.ids import uuid7
from dialer.store import campaigns
from dialer.store.campaigns import Campaign
from dialer.store.connect import create_engine
from dialer.store.engine import Database, Tx
from dialer.store.tables import answers, attempts, checks, enrolments, lead_lists, leads
from dialer.store.tables import campaigns as campaign_rows

NOW = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)  # 11:00 in India: the window is open


def _definition(*questions: str) -> Definition:
    tables: dict[str, Any] = {
        "campaign": {
            "name": "diwali",
            "kind": "qualification",
            "category": "service",
            "entity": "other",
            "rule_packs": ["in"],
        },
        "dialing": {"caller_ids": ["+911601200001"]},
        "agent": {
            "opening": "Hello.",
            "disclosure": "I am a machine.",
            "questions": [{"id": one, "ask": "Well?", "type": "text"} for one in questions],
        },
    }
    return parse_tables(tables, source="test")


class Rows:
    """One campaign and its list, in the open transaction ``tx``."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.count = 0
        self.list_id = uuid7()
        self.campaign_id: UUID

    async def campaign(self, *questions: str, columns: list[str] | None = None) -> Campaign:
        await self.tx.execute(
            insert(lead_lists).values(
                account_id=self.tx.account_id,
                id=self.list_id,
                name=f"list {self.list_id}",
                status="ready",
                columns=columns or [],
                created_at=self.tx.now,
            )
        )
        self.campaign_id = await campaigns.add(
            self.tx,
            list_id=self.list_id,
            definition=_definition(*questions),
            name=f"diwali {self.list_id}",
        )
        await self.set_campaign(state="running")
        return await self.read()

    async def set_campaign(self, **values: Any) -> None:
        await self.tx.execute(
            update(campaign_rows).where(campaign_rows.c.id == self.campaign_id).values(**values)
        )

    async def read(self) -> Campaign:
        return await campaigns.get(self.tx, self.campaign_id)

    async def lead(self, state: str = "waiting", **values: Any) -> Any:
        """One lead with its place; values of either, ``check`` of its last decision."""
        self.count += 1
        lead_id, enrolment_id, check_id = uuid7(), uuid7(), None
        phone = f"+9198765{self.count:05}"
        person = {name: values.pop(name) for name in _LEAD_VALUES if name in values}
        await self._insert(
            leads,
            id=lead_id,
            list_id=self.list_id,
            phone=phone,
            created_at=self.tx.now,
            updated_at=self.tx.now,
            **person,
        )
        code = values.pop("check", None)
        if code is not None:
            check_id = await self.check(enrolment_id, lead_id, code)
        await self._insert(
            enrolments,
            id=enrolment_id,
            campaign_id=self.campaign_id,
            lead_id=lead_id,
            phone=phone,
            state=state,
            last_check_id=check_id,
            changed_at=self.tx.now,
            **values,
        )
        return enrolment_id, lead_id, phone

    async def check(self, enrolment_id: UUID, lead_id: UUID, code: str) -> UUID:
        check_id = uuid7()
        await self._insert(
            checks,
            id=check_id,
            seq=1,
            campaign_id=self.campaign_id,
            enrolment_id=enrolment_id,
            lead_id=lead_id,
            subject_id=uuid7(),
            decided_at=self.tx.now,
            decision="allow" if code == "OK" else "deny",
            code=code,
            codes=[code],
            category="service",
            mode="robo",
            body=b"",
            hash=b"",
        )
        return check_id

    async def attempt(self, lead: Any, state: str = "ended", **values: Any) -> UUID:
        enrolment_id, lead_id, phone = lead
        attempt_id = uuid7()
        if state in FINAL:
            values.setdefault("ended_at", self.tx.now)
        await self._insert(
            attempts,
            id=attempt_id,
            campaign_id=self.campaign_id,
            version=1,
            enrolment_id=enrolment_id,
            lead_id=lead_id,
            check_id=await self.check(enrolment_id, lead_id, "OK"),
            phone=phone,
            caller_id="+911601200001",
            state=state,
            created_at=self.tx.now,
            changed_at=self.tx.now,
            place_at=self.tx.now,
            valid_until=self.tx.now,
            **values,
        )
        return attempt_id

    async def answer(self, attempt_id: UUID, question: str, value: Any) -> None:
        await self._insert(
            answers, attempt_id=attempt_id, question_id=question, value=value, at=self.tx.now
        )

    async def _insert(self, table: Any, **values: Any) -> None:
        await self.tx.execute(insert(table).values(account_id=self.tx.account_id, **values))


_LEAD_VALUES = ("name", "external_id", "attributes")


@asynccontextmanager
async def open_rows(database_url: str) -> AsyncIterator[Rows]:
    """Give a transaction at `NOW` in a database at the newest schema."""
    engine = create_engine(database_url)
    async with Database(engine).begin() as tx:
        tx._now = NOW
        yield Rows(tx)
    await engine.dispose()
