"""Deadlines of a speech vendor's WebSocket, and what its failures mean to us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from dialer.errors import ProviderError, ProviderRejected, ProviderUnavailable
from dialer.settings import is_loopback

CONNECT_S = 2.0
SEND_S = 2.0  # until the kernel takes a message: the far end does not read any more
PING_S = 3.0  # a far end that is silently gone is found within twice this time
CLOSE_S = 1.0
MOST_BYTES = 1 << 20  # of one message
MOST_FRAMES = 64  # received and not read yet; more waits in the kernel

_MAY_WORK_LATER = {408, 425, 429}


def socket_options(url: str) -> dict[str, Any]:
    """Return what `websockets.asyncio.client.connect` is told; none of its defaults fits a call.

    Compression buys nothing on mu-law (providers.md §8); a proxy of the environment cannot reach
    this machine's own loopback.
    """
    return {
        "compression": None,
        "open_timeout": CONNECT_S,
        "close_timeout": CLOSE_S,
        "ping_interval": PING_S,
        "ping_timeout": PING_S,
        "max_size": MOST_BYTES,
        "max_queue": MOST_FRAMES,
        "proxy": None if is_loopback(url) else True,
    }


def http_and_ws(url: str) -> tuple[str, str]:
    """Return both forms of ``scheme://host[:port]``, whichever it is given in."""
    scheme, _, place = url.rstrip("/").partition("://")
    secure = "s" if scheme in ("https", "wss") else ""
    return f"http{secure}://{place}", f"ws{secure}://{place}"


@contextmanager
def socket_errors(provider: str) -> Iterator[None]:
    """Re-raise what a WebSocket raises as ours."""
    try:
        yield
    except InvalidStatus as error:
        raise refusal(provider, error.response.status_code) from error
    except ConnectionClosed as error:
        raise ProviderUnavailable(provider, _closing(error)) from error
    except TimeoutError as error:
        raise ProviderUnavailable(provider, "did not answer in time") from error
    except (OSError, EOFError, WebSocketException) as error:
        raise ProviderUnavailable(provider, type(error).__name__) from error


def refusal(provider: str, status: int, reason: str = "") -> ProviderError:
    """Return the error for an HTTP status or one like it; a reason must hold no content."""
    message = f"refused with {status} {reason}".rstrip()
    if 400 <= status < 500 and status not in _MAY_WORK_LATER:
        return ProviderRejected(provider, message, status=status)
    return ProviderUnavailable(provider, message, status=status)


def _closing(error: ConnectionClosed) -> str:
    if error.rcvd is None:
        return "the socket broke off"
    # Vendors put a code such as NET-0001 here; more would be content.
    return f"closed the socket with {error.rcvd.code} {error.rcvd.reason[:60]}".rstrip()
