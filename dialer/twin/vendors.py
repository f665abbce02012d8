"""What arrived at the speech and model vendors' doors: the witness of `GET /twin/vendors`."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Direction = Literal["in", "out"]  # in: from the customer

KEPT_REQUESTS = 500  # per vendor; older ones are still counted
KEPT_MESSAGES = 5000

_SECRET_WORDS = {"key", "apikey", "token", "secret", "auth", "authorization", "cookie", "password"}
_SECRET_HEADERS = {"sec-websocket-protocol"}  # a browser's way to send a key with a handshake


@dataclass(slots=True)
class _Vendor:
    open: int = 0
    opened: int = 0
    requested: int = 0
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_REQUESTS))
    messages: deque[tuple[Direction, str]] = field(
        default_factory=lambda: deque(maxlen=KEPT_MESSAGES)
    )
    counts: dict[Direction, Counter[str]] = field(
        default_factory=lambda: {"in": Counter(), "out": Counter()}
    )


class VendorLog:
    """Requests, messages and open connections by vendor (``deepgram``, ``openai``, ``cartesia``).

    No content is kept but paths, queries and headers, and of a secret only its scheme.
    """

    def __init__(self) -> None:
        self._vendors: dict[str, _Vendor] = {}

    def request(
        self,
        vendor: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Mapping[str, object] | None = None,
    ) -> None:
        """Note an HTTP request or a WebSocket handshake; a name of ``query`` may come often.

        ``body``: what of the request's body may be shown, without anything people said.
        """
        shown: dict[str, list[str]] = {}
        for name, value in query.items():
            shown.setdefault(name, []).append("[hidden]" if _is_secret(name) else value)
        one = self._of(vendor)
        one.requested += 1
        one.requests.append(
            {
                "path": path,
                "query": shown,
                "headers": {
                    name.lower(): _scheme(value) if _is_secret(name) else value
                    for name, value in headers.items()
                },
                "body": dict(body or {}),
            }
        )

    def message(self, vendor: str, direction: Direction, kind: str) -> None:
        """Note one message or chunk; ``kind`` is its type, never its content."""
        one = self._of(vendor)
        one.messages.append((direction, kind))
        one.counts[direction][kind] += 1

    def opened(self, vendor: str) -> None:
        """A socket or a streamed reply began; `closed` must follow."""
        one = self._of(vendor)
        one.open += 1
        one.opened += 1

    def closed(self, vendor: str) -> None:
        self._of(vendor).open -= 1

    def report(self) -> dict[str, dict[str, Any]]:
        """By vendor: ``open`` now, ``opened`` so far, ``requested`` so far, the last ``requests``,
        ``counts`` of messages by direction and kind, the last ``messages`` in order."""
        return {
            name: {
                "open": one.open,
                "opened": one.opened,
                "requested": one.requested,
                "requests": list(one.requests),
                "counts": {direction: dict(kinds) for direction, kinds in one.counts.items()},
                "messages": [list(message) for message in one.messages],
            }
            for name, one in sorted(self._vendors.items())
        }

    def reset(self) -> None:
        """Forget all but the connections that are open."""
        self._vendors = {
            name: _Vendor(open=one.open, opened=one.open)
            for name, one in self._vendors.items()
            if one.open
        }

    def _of(self, vendor: str) -> _Vendor:
        return self._vendors.setdefault(vendor, _Vendor())


def _is_secret(name: str) -> bool:
    words = set(re.split(r"[^a-z]+", name.lower()))
    return bool(words & _SECRET_WORDS) or name.lower() in _SECRET_HEADERS


def _scheme(value: str) -> str:
    scheme, space, _ = value.partition(" ")
    return f"{scheme} [hidden]" if space and scheme.isalpha() else "[hidden]"
