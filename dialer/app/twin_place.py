"""Where the twin is, for a process that only talks to it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from dialer.settings import Settings

# The twin's well-known account; it exists on loopback only.
AUTH_ID = "MADIALERTWIN00000001"
AUTH_TOKEN = "dialertwinmaintokendialertwinmaintoken01"


def at_twin(settings: Settings, url: str) -> Settings:
    """Return the settings with every vendor at the twin."""
    return replace(
        settings,
        plivo_auth_id=AUTH_ID,
        plivo_auth_token=AUTH_TOKEN,
        plivo_api_url=f"{url}/v1",
        deepgram_url=url,
        openai_base_url=f"{url}/v1",
        cartesia_url=url,
        elevenlabs_url=url,
    )


def noted_url(data_dir: Path) -> str | None:
    """Return the URL of the twin noted in the data folder, or None."""
    try:
        return str(json.loads((data_dir / "twin.json").read_text())["url"])
    except (OSError, ValueError, KeyError):
        return None
