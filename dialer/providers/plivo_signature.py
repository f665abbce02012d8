"""Plivo's signature V3 on callbacks and on the WebSocket upgrade (plivo.md §5). Never raises.

The signed string is built by the SDK, the comparison is ours: the SDK's own is not constant in
time and its validator raises on a ``wss://`` URL.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

from plivo.utils.signature_v3 import construct_get_url, construct_post_url, get_signature_v3

from dialer.providers.plivo_values import Form

SIGNATURE_HEADERS = ("x-plivo-signature-v3", "x-plivo-signature-ma-v3")
NONCE_HEADER = "x-plivo-signature-v3-nonce"

# A signature is 44 characters and a rotating account has a few; a nonce has 20 digits.
_MAX_HEADER_CHARS = 1024
_UPGRADE_SCHEMES = ("http", "wss", "https", "ws")


def is_signed(method: str, url: str, params: Form, headers: Mapping[str, str], token: str) -> bool:
    """Say whether Plivo signed this request with ``token``.

    url: the public URL Plivo was given, query included; behind a proxy rebuild it from the
        public address, not from what arrived.
    params: the decoded form fields of a POST, a list for a repeated key; ignored for a GET.
    headers: any mapping; names in lower case unless it is case-insensitive itself.

    Either header counts: ``-Ma-`` is made with the main account's token, the other with the
    token of the account that owns the number; each lists several while tokens rotate.
    """
    return _is_any_signed(method, (url,), params, headers, token)


def is_upgrade_signed(url: str, headers: Mapping[str, str], token: str) -> bool:
    """Say whether Plivo signed this WebSocket upgrade, over any scheme of its URL.

    On live calls it is signed as a GET of the ``http://`` form (§5, §7 no. 6); the docs imply
    others. The scheme is not what protects the socket, so all four are accepted.
    """
    try:
        parts = urlsplit(url)
        forms = [urlunsplit(parts._replace(scheme=scheme)) for scheme in _UPGRADE_SCHEMES]
    except (ValueError, TypeError, AttributeError):
        return False
    return _is_any_signed("GET", forms, {}, headers, token)


def _is_any_signed(
    method: str, urls: Sequence[str], params: Form, headers: Mapping[str, str], token: str
) -> bool:
    try:
        nonce = headers.get(NONCE_HEADER) or ""
        offered = [
            one.strip().encode()
            for name in SIGNATURE_HEADERS
            for one in _bounded(headers.get(name)).split(",")
            if one.strip()
        ]
        # An empty token would make a key that anyone has.
        if not token or not _bounded(nonce) or not offered:
            return False
        expected = [_signature(method, url, params, nonce, token) for url in urls]
    except (ValueError, TypeError, AttributeError):
        return False  # lone surrogates, a URL that is none, a field of a wrong type
    # No early exit: how far a forgery got must not show in the time taken.
    return any([hmac.compare_digest(ours, one) for ours in expected for one in offered])


def _signature(method: str, url: str, params: Form, nonce: str, token: str) -> bytes:
    if method.upper() == "GET":
        signed = construct_get_url(url, {})
    else:
        fields = {
            key: value if isinstance(value, str) else list(value) for key, value in params.items()
        }
        signed = construct_post_url(url, fields)
    # As text: given bytes, the SDK reads each as one character, and a Hindi name signs differently.
    signature: bytes = get_signature_v3(token.encode(), signed.decode(), nonce)
    return signature


def _bounded(header: str | None) -> str:
    return header if header and len(header) <= _MAX_HEADER_CHARS else ""
