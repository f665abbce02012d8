"""What a rehearsal asks of the twin beyond playing the vendors: to fail now and then."""

from __future__ import annotations

from typing import Any

import aiohttp

# Each strikes one call: words cut off in the middle, a socket that dies, silence for an answer.
_FAILURES: tuple[dict[str, Any], ...] = (
    {"kind": "llm_cut"},
    {"kind": "llm_refused", "status": 503},
    {"kind": "stt_dies", "delay_s": 12.0},
    {"kind": "tts_dies", "said": "in rupees"},
)


async def arm_failures(twin_url: str) -> None:
    """Let the twin's recogniser, model and voice fail once each way."""
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        for failure in _FAILURES:
            await session.post(f"{twin_url}/twin/faults", json=failure)
