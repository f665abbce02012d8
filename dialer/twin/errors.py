"""What the twin refuses, and how."""

from __future__ import annotations


class TwinError(Exception):
    """The twin was set up or asked wrongly. The message is one line with the fix."""


class Refused(Exception):
    """A REST request Plivo would refuse. ``error`` is the text of the reply's ``error`` field."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


class BadDocument(Exception):
    """An XML document Plivo would not run. The message says what is wrong with it."""
