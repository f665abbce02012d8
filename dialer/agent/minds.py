"""Which mind a call gets."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from dialer.agent.announcement import Announcement
from dialer.agent.moves import Mind
from dialer.agent.qualification import Qualification
from dialer.domain.definition import Definition


def mind_for(
    definition: Definition,
    *,
    values: Mapping[str, object],
    zone: ZoneInfo,
    language: str | None = None,
    is_recorded: bool | None = None,
) -> Mind:
    """Return the mind of one streamed call. ``values``: what placeholders stand for; ``zone``:
    the lead's; language and recording are the campaign's unless the call's differ."""
    kind = Qualification if definition.notification is None else Announcement
    mind: Mind = kind(
        definition, values=values, zone=zone, language=language, is_recorded=is_recorded
    )
    return mind
