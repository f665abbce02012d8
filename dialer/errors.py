"""Every error the dialer raises on purpose.

DialerError
├── UsageError              the person asked for something that cannot be        exit 2
│   └── SettingsError         an environment variable is bad or missing          exit 2
├── InvalidInput            a file, a body or a field is wrong; names it         400, exit 1
├── NotFound                no such campaign, list, lead, call                   404, exit 1
├── Forbidden               the key lacks the scope                              403
├── RuleViolation           the domain forbids it now                            409, exit 1
│   └── IllegalTransition     a state machine has no such move; carries the legal ones
├── Unavailable             a thing we need is not there: database, port, disk   503, exit 1
│   └── DatabaseAway          Postgres is away or has no room; the same may work later
└── ProviderError           a carrier, speech or model provider failed           502, exit 1
    ├── ProviderUnavailable   may work later: timeout, 429, 5xx, dropped socket
    │   └── OverBudget          was not even asked: our own share of requests is used up
    └── ProviderRejected      will not: bad number, bad credentials

Exit codes are for the command line, the numbers for HTTP; both are applied at the edge only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class DialerError(Exception):
    """Anything we raise on purpose. The message is one line, for a person, with the fix."""


class UsageError(DialerError):
    """The request itself makes no sense; nothing was tried."""


class SettingsError(UsageError):
    """An environment variable is bad or missing; the message names it."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field. ``path`` is dotted (``dialing.hours[0]``), ``found`` is what stood there."""

    path: str
    message: str
    found: object = None


class InvalidInput(DialerError):
    """Input that cannot be taken as it is; nothing of it was kept."""

    def __init__(self, message: str, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.fields = tuple(fields)


class NotFound(DialerError):
    """The thing named does not exist in this account."""


class Forbidden(DialerError):
    """The API key is valid but lacks the scope."""


class RuleViolation(DialerError):
    """The domain forbids it in the present state."""


class IllegalTransition(RuleViolation):
    """A state machine has no such move from here."""

    def __init__(self, state: str, wanted: str, legal: Sequence[str]) -> None:
        choices = ", ".join(legal) or "none, this state is final"
        super().__init__(f"cannot go from {state} to {wanted}; legal now: {choices}")
        self.state, self.wanted, self.legal = state, wanted, tuple(legal)


class Unavailable(DialerError):
    """Something we need is not there; the message says what and how to bring it back."""


class DatabaseAway(Unavailable):
    """Postgres does not answer. Whether a commit that was under way is done, nobody knows."""


class ProviderError(DialerError):
    """A provider failed. ``retryable`` says whether asking again can help."""

    retryable = False

    def __init__(self, provider: str, message: str, *, status: int | None = None) -> None:
        super().__init__(f"{provider}: {message}")
        self.provider, self.status = provider, status


class ProviderUnavailable(ProviderError):
    """It may work later."""

    retryable = True


class OverBudget(ProviderUnavailable):
    """It was not asked: we have sent as many requests as it takes. Says nothing about it."""


class ProviderRejected(ProviderError):
    """It will not work however often it is asked."""
