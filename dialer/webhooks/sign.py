"""Signatures as Standard Webhooks 1.0.0 has them ("Signature scheme", symmetric)."""

from __future__ import annotations

import hmac
import secrets
from base64 import b64encode

_SECRET_BYTES = 32  # of the 24 to 64 that the standard asks for
_PREFIX = "whsec_"


def new_secret() -> bytes:
    return secrets.token_bytes(_SECRET_BYTES)


def shown_secret(secret: bytes) -> str:
    """Return a secret as receivers' libraries take it."""
    return _PREFIX + b64encode(secret).decode()


def headers(secret: bytes, webhook_id: str, sent_at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of one try. sent_at_s: of this try, real time; the id stays the same."""
    signed = b".".join((webhook_id.encode(), str(sent_at_s).encode(), body))
    signature = b64encode(hmac.digest(secret, signed, "sha256")).decode()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(sent_at_s),
        "webhook-signature": f"v1,{signature}",
    }
