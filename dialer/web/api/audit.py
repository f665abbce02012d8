"""Is the proof whole, over REST. It needs the scope ``admin``."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct

from dialer.store.audit import Audit, verify_audit
from dialer.store.engine import Tx
from dialer.web.context import Context


class FaultOut(Struct):
    """``kind``: altered, missing, reordered, surplus, head, or verdict (decided again, it is
    another). ``seq``: the check's number, null where only its id is known."""

    seq: int | None
    kind: str
    detail: str


class ReplayedOut(Struct):
    """``same``: checks that were decided again and answered as they are stored.
    ``missing_packs``: packs that are not at hand, with how many checks need each."""

    same: int
    missing_packs: dict[str, int]


class AuditOut(Struct):
    """``whole``: nothing was found. ``faults``: the first of ``faults_total``. ``heads``: signed
    heads the chain was compared with. ``replayed``: null unless it was asked for."""

    whole: bool
    checks: int
    heads: int
    faults: list[FaultOut]
    faults_total: int
    replayed: ReplayedOut | None


def audit_out(audit: Audit) -> AuditOut:
    again = audit.replayed
    return AuditOut(
        whole=audit.is_whole,
        checks=audit.checks,
        heads=audit.heads,
        faults=[FaultOut(fault.seq, fault.kind, fault.detail) for fault in audit.faults],
        faults_total=audit.faults_total,
        replayed=None if again is None else ReplayedOut(again.same, again.missing),
    )


class AuditController(Controller):
    path = "/audit"
    tags = ("checks",)

    @get("/verify")
    async def verify(
        self,
        state: State,
        tx: NamedDependency[Tx],
        replay: FromQuery[bool] = False,
        every: Annotated[int, QueryParameter(ge=1)] = 1,
    ) -> AuditOut:
        """Verify the chain of checks, its signed heads and the columns beside it; with ``replay``
        decide each check again, or one in ``every``. Some 20 s for a million checks."""
        context: Context = state.context
        packs = context.law.packs_at_hand() if replay else None
        audit = await verify_audit(tx, context.keys.chain, packs=packs, every=every)
        return audit_out(audit)
