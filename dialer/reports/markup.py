"""HTML from nested calls, in which every text is escaped: only what `el` made is markup."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

_VOID = frozenset(("meta", "br", "hr", "col"))


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child: TypeAlias = "Markup | str | int | float | Iterable[Child] | None"


def el(tag: str, *children: Child, **attributes: str | int | None) -> Markup:
    """Return one element. ``class_`` and ``data_x`` are written class and data-x; an attribute
    that is None is left out."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[Child]) -> Markup:
    return Markup("".join(_one(child) for child in children))


def _one(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str | int | float):
        # A control character is no text in HTML; a reader sees that one stood there.
        text = "".join("\ufffd" if ord(c) < 32 and c not in "\t\n" else c for c in str(child))
        return escape(text)
    return join(child)
