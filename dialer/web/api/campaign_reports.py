"""How a campaign does, over REST: statistics, results, and why it moved."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from dialer.dialing.preview import preview_campaign
from dialer.reports.export import CONTENT_TYPES, export_stream
from dialer.reports.stats import stats
from dialer.store import campaigns
from dialer.store.engine import Tx
from dialer.web.api.pages import Page, page_of
from dialer.web.context import Context


class Move(Struct):
    """``from_state``: null for the creation."""

    id: UUID
    at: datetime
    from_state: str | None
    to_state: str
    actor: str
    reason: str


class ReportController(Controller):
    path = "/campaigns/{campaign_id:uuid}"
    tags = ("campaigns",)

    @get("/stats")
    async def get_stats(
        self, state: State, tx: NamedDependency[Tx], campaign_id: FromPath[UUID]
    ) -> dict[str, Any]:
        """Count leads, calls and checks, with the rate and when it will be over."""
        context: Context = state.context
        campaign = await campaigns.get(tx, campaign_id)
        packs = context.law.packs_of(campaign.definition)
        return await stats(tx, campaign, packs, bounds=context.bounds)

    @get("/preview")
    async def get_preview(
        self, state: State, tx: NamedDependency[Tx], campaign_id: FromPath[UUID]
    ) -> dict[str, Any]:
        """Say who may be called now, who later, who never and why, by reason and by zone; and
        which consents and scrubs run out before it would be through. Writes nothing."""
        context: Context = state.context
        campaign = await campaigns.get(tx, campaign_id)
        return await preview_campaign(tx, context.law, campaign)

    @get("/results", media_type="application/octet-stream")
    async def get_results(
        self,
        tx: NamedDependency[Tx],
        campaign_id: FromPath[UUID],
        file_format: Annotated[
            Literal["csv", "xlsx", "parquet", "json"], QueryParameter(name="format")
        ] = "csv",
    ) -> Response[bytes]:
        """Download one row a lead."""
        campaign = await campaigns.get(tx, campaign_id)
        # Whole, not as a stream: the reply leaves after the commit, and a late error is a problem.
        pieces = [piece async for piece in export_stream(tx, campaign, file_format)]
        return Response(
            b"".join(pieces),
            media_type=CONTENT_TYPES[file_format].partition(";")[0],  # Litestar adds the charset
            headers={"content-disposition": _attachment(campaign.row.name, file_format)},
        )

    @get("/log")
    async def get_log(
        self,
        tx: NamedDependency[Tx],
        campaign_id: FromPath[UUID],
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> Page[Move]:
        """List the campaign's moves, oldest first."""
        await campaigns.get(tx, campaign_id)
        rows = await campaigns.page_log(tx, campaign_id, after=after, limit=limit + 1)
        return page_of([Move(*row) for row in rows], limit)


def _attachment(name: str, ending: str) -> str:
    """Name the download after the campaign, in letters every browser and disk takes."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "campaign"
    return f'attachment; filename="{plain}-results.{ending}"'
