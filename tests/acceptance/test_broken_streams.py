"""A stream that never comes about: the callee hears an apology, the lead is called again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.line import DEFINITION, phone, running_line

REFUSED = {"kind": "stream_refused", "times": 3}
TALKS = DEFINITION["notification"] | {"delivery": "stream"}


@pytest.mark.parametrize(
    ("script", "outcome", "disposition"),
    [
        ({"faults": [REFUSED]}, "completed", "callback"),
        ({"behaviour": "voicemail", "faults": [REFUSED]}, "machine", "voicemail_left"),
    ],
)
async def test_a_call_without_a_stream_ends_in_words(
    database_url: str, tmp_path: Path, script: dict[str, Any], outcome: str, disposition: str
) -> None:
    voicemail = {"action": "leave_message", "message": "Please call back.", "detection": "sync"}
    async with running_line(database_url, tmp_path) as line:
        await line.launch({phone(1): script}, notification=TALKS, voicemail=voicemail)
        async with asyncio.timeout(60):
            while True:
                found = await line.attempts()
                if found and found[0].state == "ended":
                    break
                await asyncio.sleep(0.05)
        (attempt,) = found
        assert (attempt.outcome, attempt.disposition) == (outcome, disposition)
        lead = await line.lead(phone(1))
        if disposition == "callback":
            assert lead.state == "waiting"
            assert attempt.answered_at < lead.due_at < attempt.ended_at + timedelta(minutes=30)
        else:
            assert (lead.state, lead.disposition) == ("done", disposition)
        assert (await line.compare()).disagreements == 0
