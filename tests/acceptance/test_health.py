"""What a balancer is told."""

from __future__ import annotations

from tests.acceptance.line import Line


async def test_a_process_that_ends_wants_no_more_calls(line: Line) -> None:
    ready = await line.client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    line.runtime.drain.is_on = True
    ending = await line.client.get("/health/ready")
    assert (ending.status_code, ending.json()) == (503, {"status": "draining"})
    assert (await line.client.get("/health/live")).status_code == 200, "its calls go on"
