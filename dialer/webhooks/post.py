"""One HTTP request to a receiver, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from dialer.domain.webhook import Reply
from dialer.providers.tls import tls_context
from dialer.settings import is_loopback

_CONNECT_S, _TOTAL_S = 5.0, 15.0  # Standard Webhooks 1.0.0, "Request timeouts": 15 to 30 s


class Post:
    """Sends bodies. A receiver's redirect is a failure: events go where they were asked to go."""

    def __init__(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_TOTAL_S, sock_connect=_CONNECT_S)
        connector = aiohttp.TCPConnector(ssl=tls_context())
        # A proxy of the environment leads out of this machine, and has no business within.
        self._outside = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=True)
        self._here = aiohttp.ClientSession(timeout=timeout)

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send ``body`` once; whatever goes wrong is in the reply. It is not read further than
        its head: a receiver may answer without end."""
        session = self._here if is_loopback(url) else self._outside
        told = {"content-type": "application/json", "user-agent": "dialer", **headers}
        try:
            async with session.post(url, data=body, headers=told, allow_redirects=False) as reply:
                asked_s = reply.headers.get("retry-after", "")
                return Reply(
                    reply.status,
                    retry_after_s=float(asked_s) if asked_s.isdecimal() else None,
                )
        except TimeoutError:
            return Reply(None, f"no reply within {_TOTAL_S:.0f} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Reply(None, type(error).__name__)  # its text holds the address

    async def close(self) -> None:
        await self._outside.close()
        await self._here.close()
