"""A campaign that hands calls to people keeps no more up than they can take."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import update

from dialer.store.carrier import save_carrier
from dialer.store.tables import attempts
from tests.integration.dialing_floor import Floor

PHONES = [f"+9198765{n:05d}" for n in range(60)]
TO = "+912240000001"
NOTICE = {"notification": {"message": "Hello {name}.", "delivery": "stream"}}


async def _launch(floor: Floor, phones: list[str], name: str = "floor", **transfer: Any) -> UUID:
    return await floor.launch(phones, name=name, transfer={"to": TO, **transfer}, **NOTICE)


async def _change(floor: Floor, ids: list[UUID], **values: Any) -> None:
    query = update(attempts).where(attempts.c.id.in_(ids)).values(**values)
    await floor.db.run(lambda tx: tx.execute(query))


async def test_calls_wait_while_everybody_at_the_transfer_number_is_busy(floor: Floor) -> None:
    await _launch(floor, PHONES, operators=1)
    first = [one.attempt_id for one in await floor.claim()]
    assert 1 <= len(first) <= 5
    assert await floor.claim() == []  # those may still come
    handed = {"state": "in_call", "after_stream": "hand_over", "disposition": "transferred"}
    await _change(floor, first[:1], **handed)
    await _change(floor, first[1:], state="ended")
    assert await floor.claim() == []  # handed over, about to ring there
    await _change(floor, first[:1], has_transfer_leg=True)
    assert await floor.claim() == []
    await _change(floor, first[:1], state="ended", has_transfer_leg=False)
    assert await floor.claim() != []


async def test_a_campaigns_own_calls_say_how_many_are_handed_over(floor: Floor) -> None:
    await _launch(floor, PHONES, operators=3)
    first = [one.attempt_id for one in await floor.claim()]
    # Nobody wanted a person: more calls may be up at once now.
    await _change(floor, first, state="ended", answered_at=attempts.c.created_at)
    assert len(await floor.claim()) > len(first)


async def test_campaigns_that_share_a_number_share_its_people(floor: Floor) -> None:
    await _launch(floor, PHONES[:30], operators=2)
    alone = len(await floor.claim())
    await _launch(floor, PHONES[30:], name="second", operators=2)
    assert await floor.claim() == []
    assert alone > 0


async def test_without_a_number_of_people_only_lines_for_their_legs_are_kept(floor: Floor) -> None:
    await floor.db.run(lambda tx: save_carrier(tx, cap=40))
    await _launch(floor, PHONES)
    up = 0
    for _ in range(4):
        up += len(await floor.claim())
    assert 30 <= up < 40
