"""Text that a person will open in a spreadsheet must not be run by it."""

from __future__ import annotations

import re
from typing import Final

#: What a spreadsheet takes for a formula at the beginning of a cell, also behind spaces and, in
#: some languages, in its full-width form; tab, CR and LF may split the cell and start another.
_FORMULA: Final = re.compile(r"[\t\r\n]|\s*[=+\-@＝＋－＠]")
#: Computing these gives the same again: phones in E.164 stay as they are for whoever reads the
#: file with a program, and so do negative amounts.
_PLAIN_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def neutral(text: str) -> str:
    """Return ``text`` so that no spreadsheet runs it: a formula gets a leading apostrophe."""
    if text[:1].isalnum():  # nearly every cell
        return text
    if _FORMULA.match(text) and not _PLAIN_NUMBER.fullmatch(text):
        return "'" + text
    return text
