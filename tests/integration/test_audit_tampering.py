"""Whoever changes the proof without the key is found out, whatever they change (invariant 9).

To tamper at all, a test switches the trigger off as the tables' owner.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import DateTime, bindparam, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from dialer.compliance.chain import GENESIS, chain_hash
from dialer.domain.ids import uuid7
from dialer.store import migrate
from dialer.store.audit import verify_audit
from dialer.store.audit_heads import seal, seal_hourly
from dialer.store.connect import create_engine
from dialer.store.decisions import append, link, read_head
from dialer.store.engine import ACCOUNT_ID, Database, Tx
from dialer.store.tables import accounts, audit_heads, checks
from tests.conftest import NewDatabase
from tests.integration.check_rows import KEY, check_rows, named
from tests.unit.compliance_facts import NOON, SERVICE

DENIED = replace(SERVICE, caller=None, consents=())
EVENING = NOON + timedelta(hours=10)
c = checks.c


@pytest.fixture(scope="module")
async def db(module_database_url: str) -> AsyncIterator[Database]:
    """Six checks, of which two are denials; nothing in a test is committed."""
    db = Database(create_engine(module_database_url))
    rows = [*check_rows(3), *check_rows(1, DENIED), *check_rows(1, now=EVENING), *check_rows(1)]
    async with db.begin() as tx:
        await append(tx, link(KEY, await read_head(tx), rows))
    yield db
    await db.dispose()


@asynccontextmanager
async def tampering(db: Database) -> AsyncIterator[Tx]:
    """A transaction of somebody who owns the tables and lacks the key; undone afterwards."""

    class Undo(Exception):
        pass

    try:
        async with db.begin() as tx:
            for table in ("checks", "audit_heads"):
                await tx.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER append_only"))
            yield tx
            raise Undo
    except Undo:
        pass


async def run(tx: Tx, sql: str, **values: Any) -> None:
    await tx.execute(text(sql), values)


async def put_back(tx: Tx, seq: int) -> None:
    """Make the account row remember no check after ``seq``."""
    row = await tx.one_or_none(select(c.hash).where(c.seq == seq))
    values = {"chain_seq": seq, "chain_count": seq, "chain_head": row.hash if row else GENESIS}
    await tx.execute(update(accounts).values(**values))


async def test_an_untouched_chain_is_whole(db: Database) -> None:
    async with db.begin() as tx:
        audit = await verify_audit(tx, KEY)
    assert (audit.checks, audit.faults, audit.is_whole) == (6, [], True)


@pytest.mark.parametrize("table", ["checks", "audit_heads"])
@pytest.mark.parametrize(
    "sql", ["UPDATE {} SET seq = seq", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
async def test_nobody_changes_the_proof_not_even_its_owner(
    db: Database, table: str, sql: str
) -> None:
    with pytest.raises(DBAPIError, match=f"{table} is append-only: {sql.split()[0]} is refused"):
        async with db.begin() as tx:
            await tx.execute(text(sql.format(table)))


async def test_who_had_more_rights_than_to_append_loses_them(new_database: NewDatabase) -> None:
    """The owner keeps them, in whose name foreign keys lock rows here; the trigger refuses it."""
    engine = create_engine(await new_database())
    rights = text(
        "SELECT r FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) r "
        "WHERE has_table_privilege('public', 'checks', r)"
    )
    async with engine.begin() as connection:
        await connection.execute(
            text("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO PUBLIC")
        )
    await migrate.upgrade(engine)
    async with engine.begin() as connection:
        held = (await connection.execute(rights)).scalars().all()
    await engine.dispose()
    assert held == ["SELECT", "INSERT"]


def size(value: Any) -> int:
    """How many bytes of a column can be changed one by one."""
    if isinstance(value, UUID):
        return 16
    if isinstance(value, datetime):
        return 8
    if isinstance(value, list):
        return len("".join(value))
    return 0 if value is None else len(value)


def flip(name: str, value: Any, place: int) -> Any:
    """Return the value with one bit of one of its bytes changed."""
    if isinstance(value, bytes):
        return value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
    if isinstance(value, UUID):
        return UUID(bytes=flip(name, value.bytes, place))
    if isinstance(value, list):
        (one,) = value
        return [flip(name, one, place)]
    if isinstance(value, datetime):  # stored as microseconds; Python has no years before Christ
        micros = (value - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        moved = (micros ^ (1 << 8 * place)) - micros
        return text(f"{name} + interval '{moved} microseconds'")
    return flip(name, value.encode(), place).decode()


async def flip_each(tx: Tx, name: str, places: Sequence[tuple[int, Any]]) -> None:
    """Flip one byte of a column in each row, at that row's place."""
    here = (c.account_id == ACCOUNT_ID) & (c.seq == bindparam("number"))
    others = [(row.seq, flip(name, getattr(row, name), place)) for place, row in places]
    if isinstance(c[name].type, DateTime):
        for seq, other in others:
            await tx.execute(update(checks).where(here).values({name: other}), {"number": seq})
        return
    await tx.execute(
        update(checks).where(here).values({name: bindparam("other")}),
        [{"number": seq, "other": other} for seq, other in others],
    )


async def test_each_byte_of_every_column_of_a_row_is_proven(database_url: str) -> None:
    """A row for each byte, with an untouched one on either side of it."""
    db = Database(create_engine(database_url))
    (denied,) = check_rows(1, now=EVENING)  # with a next instant: no column is null
    columns = {"id": denied.pop("check_id")} | denied | {"hash": b"h" * 32}
    assert None not in columns.values()
    changes = [(name, place) for name in columns for place in range(size(columns[name]))]
    try:
        async with db.begin() as tx:
            rows = check_rows(2 * len(changes) + 1, now=EVENING)
            await append(tx, link(KEY, await read_head(tx), rows))
        async with tampering(db) as tx:
            await run(tx, "ALTER TABLE checks DROP CONSTRAINT ck_checks_decision")
            stored = (await tx.execute(select(checks).order_by(c.seq))).all()
            changed = list(zip(changes, stored[1::2], strict=True))
            for name in columns:
                places = [(place, row) for (one, place), row in changed if one == name]
                await flip_each(tx, name, places)
            audit = await verify_audit(tx, KEY)
    finally:
        await db.dispose()
    assert audit.faults_total == len(changes)
    assert {fault.kind for fault in audit.faults} == {"altered"}
    assert [fault.seq for fault in audit.faults] == [2 * n + 2 for n in range(len(audit.faults))]


@pytest.mark.parametrize("seq", range(1, 7))
@pytest.mark.parametrize("place", range(8))
async def test_each_byte_of_a_number_is_proven(db: Database, seq: int, place: int) -> None:
    async with tampering(db) as tx:
        sql = "UPDATE checks SET seq = seq # (1::bigint << :bits) WHERE seq = :seq"
        await run(tx, sql, bits=8 * place, seq=seq)
        audit = await verify_audit(tx, KEY)
    assert seq in named(audit.faults)


async def test_a_row_moved_to_another_account_is_missed(db: Database) -> None:
    async with tampering(db) as tx:
        other = uuid7()
        await tx.execute(insert(accounts).values(id=other, name="other", chain_head=GENESIS))
        await run(tx, "UPDATE checks SET account_id = :other WHERE seq = 3", other=other)
        audit = await verify_audit(tx, KEY)
    assert [(fault.seq, fault.kind) for fault in audit.faults] == [(3, "missing")]


@pytest.mark.parametrize("seq", range(1, 7))
async def test_any_dropped_row_is_named(db: Database, seq: int) -> None:
    async with tampering(db) as tx:
        await run(tx, "DELETE FROM checks WHERE seq = :seq", seq=seq)
        audit = await verify_audit(tx, KEY)
    assert [(fault.seq, fault.kind) for fault in audit.faults] == [(seq, "missing")]


async def test_the_last_rows_dropped_with_the_accounts_memory_of_them_are_named(
    db: Database,
) -> None:
    async with tampering(db) as tx:
        await seal(tx, KEY)
        await run(tx, "DELETE FROM checks WHERE seq > 4")
        await put_back(tx, 4)
        audit = await verify_audit(tx, KEY)
    assert [(fault.seq, fault.kind) for fault in audit.faults] == [(5, "missing"), (6, "missing")]
    assert "the head signed at" in audit.faults[0].detail


async def test_a_chain_cut_back_and_continued_by_the_product_is_named(db: Database) -> None:
    async with tampering(db) as tx:
        await seal(tx, KEY)
        await run(tx, "DELETE FROM checks WHERE seq = 6")
        await put_back(tx, 5)
        await append(tx, link(KEY, await read_head(tx), check_rows(2)))
        audit = await verify_audit(tx, KEY)
    assert [(fault.seq, fault.kind) for fault in audit.faults] == [(6, "head")]


async def test_all_rows_dropped_are_named(db: Database) -> None:
    async with tampering(db) as tx:
        await seal(tx, KEY)
        await run(tx, "TRUNCATE checks CASCADE")
        await put_back(tx, 0)
        audit = await verify_audit(tx, KEY)
    assert named(audit.faults) == {1, 2, 3, 4, 5, 6}


SWAPS: dict[str, str] = {
    "numbers": "seq = 15 - n.seq",
    "bytes": "body = o.body",
    "bytes and hashes": "body = o.body, hash = o.hash",
    "everything but the number": "body = o.body, hash = o.hash, id = o.id, code = o.code, "
    "codes = o.codes, decision = o.decision, rule_id = o.rule_id, enrolment_id = o.enrolment_id, "
    "campaign_id = o.campaign_id, lead_id = o.lead_id, subject_id = o.subject_id, "
    "decided_at = o.decided_at, next_allowed_at = o.next_allowed_at, caller_id = o.caller_id",
}


@pytest.mark.parametrize("what", SWAPS)
async def test_two_swapped_rows_are_both_named(db: Database, what: str) -> None:
    async with tampering(db) as tx:
        await run(tx, "ALTER TABLE checks DROP CONSTRAINT pk_checks CASCADE")
        # 15 - 4 = 11 and 15 - 5 = 10: out of the way first, then into each other's place.
        await run(
            tx,
            f"UPDATE checks n SET {SWAPS[what]} FROM checks o "
            "WHERE n.seq IN (4, 5) AND o.seq = 9 - n.seq",
        )
        await run(tx, "UPDATE checks SET seq = seq - 6 WHERE seq IN (10, 11)")
        audit = await verify_audit(tx, KEY)
    assert named(audit.faults) >= {4, 5}


INSERTED: dict[str, tuple[int, str]] = {
    "a number twice": (4, "chain_seq = chain_seq"),
    "behind the end": (7, "chain_seq = chain_seq"),
    "behind the end, counted": (7, "chain_seq = 7, chain_count = 7"),
    "before the first": (0, "chain_count = 7"),
    "below every number": (-(2**63), "chain_count = 7"),
    "far behind": (2**62, "chain_seq = 1::bigint << 62"),
}


@pytest.mark.parametrize("how", INSERTED)
async def test_an_inserted_row_is_named(db: Database, how: str) -> None:
    seq, account = INSERTED[how]
    async with tampering(db) as tx:
        (row,) = check_rows(1)
        new = {"id": row.pop("check_id"), "account_id": ACCOUNT_ID, "seq": seq, "hash": b"h" * 32}
        row |= new
        await tx.execute(insert(checks).values(row))
        await run(tx, f"UPDATE accounts SET {account}")
        audit = await verify_audit(tx, KEY)
    assert seq in named(audit.faults) or how == "far behind"
    assert not audit.is_whole


async def test_hashes_recomputed_without_the_key_name_every_row(db: Database) -> None:
    async with tampering(db) as tx:
        await recompute(tx, b"another key")
        audit = await verify_audit(tx, KEY)
    assert named(audit.faults) >= {1, 2, 3, 4, 5, 6}


async def recompute(tx: Tx, key: bytes) -> None:
    previous = GENESIS
    for row in (await tx.execute(select(c.seq, c.body).order_by(c.seq))).all():
        previous = chain_hash(key, previous, row.seq, row.body)
        await tx.execute(update(checks).where(c.seq == row.seq).values(hash=previous))
    await tx.execute(update(accounts).values(chain_head=previous))


@pytest.mark.parametrize(
    "change",
    [
        "chain_head = set_byte(chain_head, 5, get_byte(chain_head, 5) # 1)",
        "chain_count = 5",
        "chain_count = 7",
        "chain_seq = 5",
        "chain_seq = 7",
    ],
)
async def test_a_changed_account_row_is_noticed(db: Database, change: str) -> None:
    async with tampering(db) as tx:
        await run(tx, f"UPDATE accounts SET {change}")
        assert not (await verify_audit(tx, KEY)).is_whole


@pytest.mark.parametrize(
    "change",
    [
        "signature = set_byte(signature, 31, get_byte(signature, 31) # 1)",
        "head = set_byte(head, 0, get_byte(head, 0) # 1)",
        "seq = 5",
        "count = 5",
        "at = at + interval '1 second'",
        "at = 'infinity'",
        "at = at - interval '5000 years'",
    ],
)
async def test_a_forged_head_is_noticed(db: Database, change: str) -> None:
    async with tampering(db) as tx:
        await seal(tx, KEY)
        await run(tx, f"UPDATE audit_heads SET {change}")
        audit = await verify_audit(tx, KEY)
    assert [fault.kind for fault in audit.faults] == ["head"]
    assert "is not ours" in audit.faults[0].detail


async def test_a_head_signed_with_another_key_is_noticed(db: Database) -> None:
    async with tampering(db) as tx:
        await seal(tx, b"another key")
        audit = await verify_audit(tx, KEY)
    assert [(fault.seq, fault.kind) for fault in audit.faults] == [(6, "head")]


async def test_a_chain_that_grew_is_sealed_once_an_hour(db: Database) -> None:
    async with tampering(db) as tx:
        assert await seal_hourly(tx, KEY)
        assert not await seal_hourly(tx, KEY), "nothing is new"
        await append(tx, link(KEY, await read_head(tx), check_rows(1)))
        assert not await seal_hourly(tx, KEY), "the head is not an hour old"
        tx._now = tx.now + timedelta(hours=1)
        assert await seal_hourly(tx, KEY)
        audit = await verify_audit(tx, KEY)
        assert (audit.heads, audit.is_whole) == (2, True)
        seqs = (await tx.execute(select(audit_heads.c.seq).order_by(audit_heads.c.seq))).all()
    assert [row.seq for row in seqs] == [6, 7]
