"""What a vendor's certificate is checked against."""

from __future__ import annotations

import ssl
from functools import lru_cache

import certifi


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Return the context that all clients of this process share: to read the authorities takes
    50 ms and more, and each SDK would do it again."""
    return ssl.create_default_context(cafile=certifi.where())
