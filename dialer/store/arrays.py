"""Arrays that travel as one text each: the driver takes longer over an array, element by element,
than over everything else of its statement."""

from __future__ import annotations

from collections.abc import Iterable

_NEXT, _NULL = "\x1f", "\x1e"


def joined(texts: Iterable[str | None]) -> str:
    """Return texts as `unjoined` reads them; `ValueError` for one that would be read as several,
    or, alone, as none."""
    given = [_NULL if text is None else text for text in texts]
    whole = _NEXT.join(given)
    if given and (not whole or whole.count(_NEXT) != len(given) - 1):
        raise ValueError("a value is empty or holds a separator")
    return whole


def unjoined(number: int, kind: str) -> str:
    """Return the SQL of an array, ``kind`` each, from statement parameter ``number``."""
    return f"string_to_array(${number}::text, E'\\x1f', E'\\x1e')::{kind}[]"
