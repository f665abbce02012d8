"""Where product time starts (design §8, DIALER_CLOCK_START)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from dialer.errors import SettingsError
from dialer.settings import Settings, is_loopback, vendor_urls
from dialer.store.engine import Database, Tx
from dialer.store.tables import accounts, lead_lists


async def set_clock(db: Database, settings: Settings, *, patience_s: float = 0.0) -> timedelta:
    """Store the offset that DIALER_CLOCK_START asks for and return the one in force."""
    start, text = settings.clock_start, settings.clock_start_text
    offset = await db.run(lambda tx: _set(tx, start, text), patience_s=patience_s)
    if offset and not settings.uses_twin:
        for name, url in vendor_urls(settings).items():
            if not is_loopback(url):
                raise SettingsError(
                    f"{name}: this database runs on a shifted clock ({offset} ahead), which is "
                    "for rehearsals; use another DATABASE_URL or DIALER_DATA_DIR for real calls"
                )
    return offset


async def _set(tx: Tx, start: datetime | None, text: str | None) -> timedelta:
    a = accounts.c
    query = select(a.clock_offset_us, a.clock_start, a.chain_count, func.clock_timestamp())
    row = (await tx.execute(query.where(a.id == tx.account_id))).one()
    if start is None or text == row.clock_start:
        return timedelta(microseconds=row.clock_offset_us)
    locked = query.where(a.id == tx.account_id).with_for_update(key_share=True)
    row = (await tx.execute(locked)).one()
    if text == row.clock_start:  # another process was first with the same wish
        return timedelta(microseconds=row.clock_offset_us)
    if start < tx.now and await _has_history(tx, row.chain_count):
        raise SettingsError(
            f"DIALER_CLOCK_START: {text} is before this database's present product time "
            f"{tx.now.isoformat(timespec='seconds')}; time cannot go back: choose a later start "
            "or a new DIALER_DATA_DIR"
        )
    offset: timedelta = start - row[3]
    await tx.execute(
        update(accounts)
        .where(a.id == tx.account_id)
        .values(clock_offset_us=offset // timedelta(microseconds=1), clock_start=text)
    )
    return offset


async def _has_history(tx: Tx, checks: int) -> bool:
    """True once anything was stamped with product time; before that it may start anywhere."""
    found = await tx.scalar(
        select(func.count()).where(lead_lists.c.account_id == tx.account_id).limit(1)
    )
    return bool(checks or found)
