"""Arrays that travel as one text each: the driver takes longer over an array, element by element,
than over everything else of its statement."""

from __future__ import annotations

from collections.abc import Sequence

_NEXT, _NULL = "\x1f", "\x1e"


def joined(texts: Sequence[str | None]) -> str:
    """Return texts as `unjoined` reads them; `ValueError` for one that would be read as another,
    as several or, alone, as none."""
    whole = _NEXT.join([_NULL if text is None else text for text in texts])
    nexts, nulls = max(0, len(texts) - 1), texts.count(None)
    if (texts and not whole) or whole.count(_NEXT) != nexts or whole.count(_NULL) != nulls:
        raise ValueError("a value is empty or holds a separator")
    return whole


def unjoined(number: int, kind: str) -> str:
    """Return the SQL of an array, ``kind`` each, from statement parameter ``number``."""
    return f"string_to_array(${number}::text, E'\\x1f', E'\\x1e')::{kind}[]"
