"""Lists come in pages: ``{"items": […], "next": …}``; ``next`` is the ``after`` of the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar
from uuid import UUID

from msgspec import Struct

T = TypeVar("T")


class Page(Struct, Generic[T]):
    items: list[T]
    next: UUID | None


def page_of(items: Sequence[T], limit: int) -> Page[T]:
    """Make a page of ``items``, which were read with one more than ``limit``."""
    shown = list(items[:limit])
    more = len(items) > limit
    return Page(shown, getattr(shown[-1], "id", None) if more else None)
