"""What people did to the account that no other row tells."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from dialer.domain.ids import uuid7
from dialer.store.engine import Tx
from dialer.store.tables import admin_log


async def note(tx: Tx, *, actor: str, action: str, **detail: Any) -> None:
    """Write down an action; ``detail`` holds no phone numbers, as the log outlives a person's
    rows."""
    await tx.execute(
        insert(admin_log).values(
            account_id=tx.account_id,
            id=uuid7(),
            at=tx.now,
            actor=actor,
            action=action,
            detail=detail,
        )
    )
