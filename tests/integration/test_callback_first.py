"""An agreed callback is made at its minute, before everybody who merely waits; retries spread."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from dialer.domain.retry import CALLBACK_PRIORITY
from dialer.store.carrier import save_carrier
from tests.integration.dialing_floor import ASHA, Floor

BUSY = {"HangupCauseCode": "3010", "CallStatus": "busy", "Duration": "0"}
TALKED = {"HangupCauseCode": "4000", "Duration": "9"}
INDIA = ZoneInfo("Asia/Kolkata")


async def ring_next(floor: Floor) -> str:
    """Call whoever is next, who is busy; return the phone."""
    (intent,) = await floor.claim()
    await floor.change(intent.attempt_id, valid_until=intent.place_at + timedelta(minutes=1))
    await floor.place(intent.attempt_id)
    await floor.hear(intent.attempt_id, "hangup", CallUUID=intent.phone, **BUSY)
    return intent.phone


async def test_ten_thousand_who_are_due_wait_for_an_agreed_callback(floor: Floor) -> None:
    await floor.launch([f"+91987{number:07d}" for number in range(10_000)])
    await floor.db.run(lambda tx: save_carrier(tx, cap=1))
    (intent,) = await floor.claim()
    await floor.change(intent.attempt_id, valid_until=intent.place_at + timedelta(minutes=1))
    await floor.place(intent.attempt_id)
    async with floor.db.begin() as tx:
        agreed_at = tx.now + timedelta(minutes=30)
    await floor.change(intent.attempt_id, disposition="callback", callback_at=agreed_at)
    await floor.hear(intent.attempt_id, "hangup", CallUUID="c", **TALKED)
    lead = await floor.lead(intent.phone)
    assert (lead.due_at, lead.priority) == (agreed_at, CALLBACK_PRIORITY)
    assert await ring_next(floor) != intent.phone
    await floor.later(25 * 60)
    assert await ring_next(floor) != intent.phone, "before its minute it is nobody's turn"
    await floor.later(5 * 60)
    assert await ring_next(floor) == intent.phone
    lead = await floor.lead(intent.phone)
    assert (lead.state, lead.priority, lead.disposition) == ("waiting", 0, None), "it was made"


async def test_a_retry_falls_into_another_part_of_the_day(floor: Floor) -> None:
    spread = {"max_attempts": 4, "delays": {"busy": ["PT10M"]}, "spread": "dayparts"}
    await floor.launch([ASHA], retry=spread)  # a Tuesday noon
    hours = []
    for _ in range(3):
        assert await ring_next(floor) == ASHA
        due_at = (await floor.lead(ASHA)).due_at
        hours.append((due_at.astimezone(INDIA).day, due_at.astimezone(INDIA).hour))
        async with floor.db.begin() as tx:
            wait_s = (due_at - tx.now).total_seconds()
        await floor.later(wait_s + 1)
    assert hours == [(1, 17), (2, 9), (2, 12)]
