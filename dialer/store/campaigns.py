"""Campaign rows, their frozen definitions, and why they moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from dialer.compliance.decide import Hours, any_zone_open
from dialer.compliance.facts import Narrowing
from dialer.compliance.packs import Pack
from dialer.domain.campaign import CampaignState
from dialer.domain.definition import Definition, to_tables
from dialer.domain.definition_parse import parse_tables
from dialer.domain.events import CampaignStateChanged
from dialer.domain.ids import uuid7
from dialer.errors import NotFound
from dialer.store.engine import Tx
from dialer.store.outbox import tell
from dialer.store.tables import campaign_log, campaign_versions, campaigns

c = campaigns.c
v = campaign_versions.c


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign's row with the definition of its present version."""

    row: Any
    definition: Definition

    @property
    def id(self) -> UUID:
        return self.row.id  # type: ignore[no-any-return]

    @property
    def state(self) -> CampaignState:
        return CampaignState(self.row.state)

    @property
    def narrowing(self) -> Narrowing:
        """The campaign's own days and hours; they can only narrow the law's."""
        return _narrowing(tuple(self.definition.dialing.days), self.definition.spans)

    def hours(self, packs: Sequence[Pack]) -> Hours:
        """What says when it may call; ``packs``: its own, as `Law.packs_of` gives them."""
        return Hours(packs, self.definition.campaign.category, self.definition.mode, self.narrowing)

    def is_window_open(self, packs: Sequence[Pack], now: datetime) -> bool:
        """False only when no lead of the campaign could be called now, whoever it is."""
        return any_zone_open(self.hours(packs), self.row.lead_zones, now)


@lru_cache(maxsize=512)
def _narrowing(days: tuple[str, ...], spans: tuple[tuple[str, str], ...]) -> Narrowing:
    return Narrowing(days, spans)


_definitions: dict[bytes, Definition] = {}  # by the digest of their tables, which never change
_MOST_DEFINITIONS = 512


async def definition_by_digest(
    tx: Tx, campaign_id: UUID, version: int, digest: bytes
) -> Definition:
    """Return the frozen definition of this digest; read and parsed once a process."""
    known = _definitions.get(digest)
    if known is None:
        (row,) = await tx.fetch(
            "SELECT definition FROM campaign_versions "
            "WHERE account_id = $1 AND campaign_id = $2 AND version = $3",
            tx.account_id,
            campaign_id,
            version,
        )
        known = parse_tables(row.definition, source="stored campaign")
        if len(_definitions) >= _MOST_DEFINITIONS:
            _definitions.clear()
        _definitions[digest] = known
    return known


_SELECT = """
SELECT c.*, v.sha256 FROM campaigns c JOIN campaign_versions v
  ON v.account_id = c.account_id AND v.campaign_id = c.id AND v.version = c.version
WHERE c.account_id = $1
"""
_LOCK = " FOR NO KEY UPDATE OF c"


async def _read(tx: Tx, sql: str, *values: Any) -> list[Campaign]:
    rows = await tx.fetch(_SELECT + sql, tx.account_id, *values)
    return [await of_row(tx, row) for row in rows]


async def of_row(tx: Tx, row: Any) -> Campaign:
    """Return the campaign of a row that has its version's ``sha256`` beside its own columns."""
    return Campaign(row, await definition_by_digest(tx, row.id, row.version, row.sha256))


async def get(tx: Tx, campaign_id: UUID, *, lock: bool = False) -> Campaign:
    """Return one campaign, its row locked if asked; `NotFound` if there is none."""
    found = await _read(tx, " AND c.id = $2" + (_LOCK if lock else ""), campaign_id)
    if not found:
        raise NotFound(f"no campaign {campaign_id}")
    return found[0]


async def find(tx: Tx, name: str) -> Campaign | None:
    """Return the campaign called ``name``, or None."""
    found = await _read(tx, " AND c.name = $2", name)
    return found[0] if found else None


async def by_name(tx: Tx, name: str) -> Campaign:
    """Return the campaign called ``name``; `NotFound` lists the names there are."""
    found = await find(tx, name)
    if found is None:
        names = await tx.all(select(c.name).where(c.account_id == tx.account_id).limit(20))
        known = ", ".join(row.name for row in names) or "none yet"
        raise NotFound(f"no campaign {name!r}; there are: {known}")
    return found


async def in_state(tx: Tx, *states: CampaignState) -> list[Campaign]:
    """Return the campaigns in these states."""
    return await _read(tx, " AND c.state = ANY($2::text[]) ORDER BY c.id", states)


async def page(tx: Tx, *, after: UUID | None, limit: int) -> Sequence[Any]:
    query = select(campaigns).where(c.account_id == tx.account_id).order_by(c.id).limit(limit)
    if after is not None:
        query = query.where(c.id > after)
    rows: Sequence[Any] = (await tx.execute(query)).all()
    return rows


async def definition_of(tx: Tx, campaign_id: UUID, version: int) -> Definition:
    """Return the frozen definition an attempt names."""
    rows = await tx.fetch(
        "SELECT sha256 FROM campaign_versions "
        "WHERE account_id = $1 AND campaign_id = $2 AND version = $3",
        tx.account_id,
        campaign_id,
        version,
    )
    if not rows:
        raise NotFound(f"no version {version} of campaign {campaign_id}")
    return await definition_by_digest(tx, campaign_id, version, rows[0].sha256)


async def add(tx: Tx, *, list_id: UUID, definition: Definition, name: str) -> UUID:
    """Insert a draft campaign with version 1 of its definition."""
    campaign_id = uuid7()
    await tx.execute(
        insert(campaigns).values(
            account_id=tx.account_id,
            id=campaign_id,
            name=name,
            list_id=list_id,
            state=CampaignState.DRAFT,
            version=1,
            weight=definition.dialing.weight,
            max_cps=definition.dialing.max_cps,
            starts_at=definition.dialing.starts_at,
            ends_at=definition.dialing.ends_at,
            created_at=tx.now,
            changed_at=tx.now,
        )
    )
    await add_version(tx, campaign_id, 1, definition)
    await log(tx, campaign_id, None, CampaignState.DRAFT, actor="user", reason="created")
    return campaign_id


async def add_version(tx: Tx, campaign_id: UUID, version: int, definition: Definition) -> None:
    tables = to_tables(definition)
    await tx.execute(
        insert(campaign_versions).values(
            account_id=tx.account_id,
            campaign_id=campaign_id,
            version=version,
            definition=tables,
            sha256=sha256(msgspec.json.encode(tables, order="sorted")).digest(),
            created_at=tx.now,
        )
    )


async def save(tx: Tx, campaign_id: UUID, **values: Any) -> None:
    await tx.execute(
        update(campaigns)
        .where(c.account_id == tx.account_id, c.id == campaign_id)
        .values(**values, changed_at=tx.now)
    )


async def log(
    tx: Tx,
    campaign_id: UUID,
    from_state: CampaignState | None,
    to_state: CampaignState,
    *,
    actor: str,
    reason: str,
) -> None:
    """Say why a campaign moved, here and to the customer's systems."""
    name = await tx.scalar(select(c.name).where(c.account_id == tx.account_id, c.id == campaign_id))
    event = CampaignStateChanged(
        campaign_id=campaign_id,
        name=name,
        from_=from_state,
        to=to_state,
        actor=actor,
        reason=reason,
    )
    await tell(tx, event)
    await tx.execute(
        insert(campaign_log).values(
            account_id=tx.account_id,
            id=uuid7(),
            campaign_id=campaign_id,
            at=tx.now,
            from_state=from_state,
            to_state=to_state,
            actor=actor,
            reason=reason,
        )
    )


async def why(tx: Tx, campaign_id: UUID) -> str | None:
    """Return the reason of a campaign's last move."""
    m = campaign_log.c
    found: str | None = await tx.scalar(
        select(m.reason)
        .where(m.account_id == tx.account_id, m.campaign_id == campaign_id)
        .order_by(m.id.desc())
        .limit(1)
    )
    return found


async def page_log(tx: Tx, campaign_id: UUID, *, after: UUID | None, limit: int) -> Sequence[Any]:
    """Return (id, at, from_state, to_state, actor, reason) of a campaign's moves, oldest first."""
    m = campaign_log.c
    query = (
        select(m.id, m.at, m.from_state, m.to_state, m.actor, m.reason)
        .where(m.account_id == tx.account_id, m.campaign_id == campaign_id)
        .order_by(m.id)
        .limit(limit)
    )
    rows: Sequence[Any] = await tx.all(query if after is None else query.where(m.id > after))
    return rows
