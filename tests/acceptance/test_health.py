"""What a balancer is told."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.line import running_line


async def test_a_process_that_ends_wants_no_more_calls(database_url: str, tmp_path: Path) -> None:
    async with running_line(database_url, tmp_path) as line:
        ready = await line.client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        line.runtime.drain.is_on = True
        ending = await line.client.get("/health/ready")
        assert (ending.status_code, ending.json()) == (503, {"status": "draining"})
        live = await line.client.get("/health/live")
        assert live.status_code == 200, "its calls go on"
