"""Plivo's V3 signature, written from its description (plivo.md §5) and not from the SDK.

The signed string is the URL without fragment, its decoded query sorted by key, the form
parameters sorted by key as ``keyvalue``, a dot and the nonce. A POST whose URL has no query gets
a ``?`` and no dot before its parameters; one whose URL has a query gets a dot.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlsplit

SIGNATURE_HEADER = "X-Plivo-Signature-V3"
MAIN_SIGNATURE_HEADER = "X-Plivo-Signature-Ma-V3"
NONCE_HEADER = "X-Plivo-Signature-V3-Nonce"


def signed_string(method: str, url: str, nonce: str, params: Mapping[str, str]) -> str:
    """What goes into the MAC. ``params`` are the form fields of a POST; a GET has them in its
    query, and any given here are treated as part of it."""
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}{parts.path}"
    query = parse_qsl(parts.query, keep_blank_values=True)
    if method == "GET":
        named = {key for key, _ in query}
        query += [(key, value) for key, value in params.items() if key not in named]
    joined = "&".join(f"{key}={value}" for key, value in sorted(query))
    if method == "GET" or not params:
        return f"{base}?{joined}.{nonce}" if joined else f"{base}.{nonce}"
    form = "".join(f"{key}{value}" for key, value in sorted(params.items()))
    return f"{base}?{joined}{'.' if joined else ''}{form}.{nonce}"


def signature_v3(token: str, method: str, url: str, nonce: str, params: Mapping[str, str]) -> str:
    """base64(HMAC-SHA256(token, signed string))."""
    text = signed_string(method, url, nonce, params)
    mac = hmac.new(token.encode(), text.encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def signature_headers(
    tokens: Iterable[str],
    main_token: str,
    method: str,
    url: str,
    nonce: str,
    params: Mapping[str, str],
) -> dict[str, str]:
    """The three headers of one request. Several ``tokens`` give a comma-separated list, as while
    a token is being rotated; the ``-Ma-`` header is always the main account's."""
    return {
        SIGNATURE_HEADER: ",".join(signature_v3(t, method, url, nonce, params) for t in tokens),
        MAIN_SIGNATURE_HEADER: signature_v3(main_token, method, url, nonce, params),
        NONCE_HEADER: nonce,
    }
