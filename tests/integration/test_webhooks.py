"""What happens is told: at least once, with one id, signed, whatever the receiver does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from dialer.dialing.lifecycle import change_state
from dialer.domain.campaign import CampaignState
from dialer.domain.webhook import GIVEN_UP_AFTER, Reply, delay_s
from dialer.store import retention, webhooks
from dialer.store.engine import Database, Tx
from dialer.store.outbox import tell
from dialer.store.tables import deliveries, outbox, webhook_endpoints
from dialer.webhooks.deliver import Deliveries, delivering
from dialer.webhooks.sign import new_secret, shown_secret
from tests.integration.dialing_floor import ASHA, Floor
from tests.integration.webhook_receiver import Receiver, event_of, is_signed, receiving

LEASE_S = webhooks.LEASE.total_seconds()
ALL = ("campaign.state_changed", "call.ended", "list.imported")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def sending(floor: Floor) -> AsyncIterator[Deliveries]:
    async with delivering(floor.db) as made:
        yield made


async def add(db: Database, url: str, *types: str) -> tuple[UUID, str]:
    """Add an endpoint; return its id and secret."""
    secret = new_secret()
    row = await db.run(
        lambda tx: webhooks.add_endpoint(tx, url=url, types=types or ALL, secret=secret)
    )
    return row.id, shown_secret(secret)


async def happen(db: Database, count: int = 1, kind: str = "call.ended") -> None:
    async def work(tx: Tx) -> None:
        for number in range(count):
            await tell(tx, event_of(kind, number))

    await db.run(work)


async def send(sending: Deliveries) -> None:
    await sending.tick()
    await sending.idle()


async def rows(db: Database) -> list[Any]:
    async with db.begin() as tx:
        return list(await tx.all(select(deliveries).order_by(deliveries.c.event_id)))


async def states(db: Database) -> list[str]:
    return [row.state for row in await rows(db)]


@asynccontextmanager
async def another(floor: Floor) -> AsyncIterator[Deliveries]:
    """Another process on the same database: it rests after no failure of the first."""
    async with delivering(floor.db) as made:
        yield made


async def test_what_happens_is_told_signed_and_told_once(
    floor: Floor, sending: Deliveries, receiver: Receiver
) -> None:
    _, secret = await add(floor.db, receiver.url)
    await happen(floor.db, 45)  # more than go at once
    await send(sending)
    await send(sending)
    async with floor.db.begin() as tx:
        told = {str(row.id): row.payload for row in await tx.all(select(outbox))}
    assert {key: [body] for key, body in told.items()} == dict(receiver.heard)
    assert len(receiver.requests) == 45
    for headers, body in receiver.requests:
        assert headers["content-type"] == "application/json"
        assert is_signed(secret, headers, body)
        assert not is_signed(secret, headers, body + b" ")
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert {row.last_status for row in await rows(floor.db)} == {200}
    assert set(await states(floor.db)) == {"delivered"}


async def test_each_move_of_a_campaign_is_told(
    floor: Floor, sending: Deliveries, receiver: Receiver
) -> None:
    await add(floor.db, receiver.url, "campaign.state_changed")
    campaign_id = await floor.launch([ASHA])
    await floor.db.run(lambda tx: change_state(tx, campaign_id, CampaignState.PAUSED, actor="api"))
    await send(sending)
    told = [body["data"] for (body,) in receiver.heard.values()]
    moves = {(data["from"], data["to"], data["actor"]) for data in told}
    assert moves >= {("draft", "running", "test"), ("running", "paused", "api")}
    assert {data["campaign_id"] for data in told} == {str(campaign_id)}


async def test_each_endpoint_is_told_what_it_asked_for_and_nothing_older(
    floor: Floor, sending: Deliveries, receiver: Receiver
) -> None:
    await happen(floor.db)
    await floor.later(1)
    await add(floor.db, receiver.url, "list.imported")
    await happen(floor.db)
    await happen(floor.db, kind="list.imported")
    await send(sending)
    assert receiver.types() == ["list.imported"]


async def test_what_is_not_taken_is_sent_again_by_its_plan_with_the_same_id(
    floor: Floor, sending: Deliveries, receiver: Receiver
) -> None:
    await add(floor.db, receiver.url)
    await happen(floor.db)
    receiver.status = 500
    await send(sending)
    await send(sending)
    (row,) = await rows(floor.db)
    assert (row.state, row.tries, row.last_status, len(receiver.requests)) == ("due", 1, 500, 1)
    receiver.status = 204
    await floor.later(4)
    async with another(floor) as other:
        await send(other)
        assert len(receiver.requests) == 1
        await floor.later(2)
        await send(other)
    assert await states(floor.db) == ["delivered"]
    assert [len(bodies) for bodies in receiver.heard.values()] == [2]


async def test_a_receiver_that_takes_nothing_is_given_up_after_ten_tries(
    floor: Floor, receiver: Receiver
) -> None:
    await add(floor.db, receiver.url)
    await happen(floor.db)
    receiver.status = 302  # not followed: a redirect is no yes
    receiver.headers = {"location": receiver.url}
    for tries in range(1, 11):
        assert await states(floor.db) in ([], ["due"])
        async with another(floor) as process:
            await send(process)
        assert len(receiver.requests) == tries
        await floor.later((delay_s(tries, Reply(302), 1.0) or 86_400) + 1)
    async with another(floor) as process:
        await send(process)
    assert (await states(floor.db), len(receiver.requests)) == (["failed"], 10)


async def test_what_is_four_days_old_is_not_told_to_one_that_is_back(
    floor: Floor, sending: Deliveries, receiver: Receiver
) -> None:
    await add(floor.db, receiver.url)
    await happen(floor.db)
    await floor.db.run(webhooks.spread)
    await floor.later(GIVEN_UP_AFTER.total_seconds() + 1)
    await happen(floor.db, kind="list.imported")
    await send(sending)
    assert receiver.types() == ["list.imported"]
    assert await states(floor.db) == ["failed", "delivered"]
    old = (await rows(floor.db))[0]
    await floor.db.run(lambda tx: webhooks.send_again(tx, old.endpoint_id, old.event_id))
    await send(sending)
    assert await states(floor.db) == ["delivered", "delivered"], "unless somebody asks for it"


async def test_one_that_is_gone_is_told_nothing_more_until_somebody_says_so(
    floor: Floor, sending: Deliveries, receiver: Receiver
) -> None:
    endpoint_id, _ = await add(floor.db, receiver.url)
    await happen(floor.db)
    receiver.status = 410
    await send(sending)
    await happen(floor.db)
    receiver.status = 200
    await floor.later(3600)
    async with another(floor) as process:
        await send(process)
        assert len(receiver.requests) == 1
        async with floor.db.begin() as tx:
            row = await webhooks.get_endpoint(tx, endpoint_id)
            assert (row.is_enabled, row.disabled_reason) == (
                False,
                "the receiver answered 410 Gone",
            )
            await webhooks.change_endpoint(tx, endpoint_id, is_enabled=True, disabled_reason=None)
        await send(process)
    assert await states(floor.db) == ["delivered"]  # what happened while it was off is not told


async def test_a_process_that_is_killed_after_sending_has_it_sent_again(
    floor: Floor, receiver: Receiver
) -> None:
    await add(floor.db, receiver.url)
    await happen(floor.db)
    async with another(floor) as killed:
        receiver.is_open.clear()
        await killed.tick()
        await receiver.asked()
    receiver.is_open.set()
    async with another(floor) as process:
        await send(process)
        assert len(receiver.requests) == 1  # it may still be under way
        await floor.later(LEASE_S + 1)
        await send(process)
    assert await states(floor.db) == ["delivered"]
    assert [len(bodies) for bodies in receiver.heard.values()] == [2]


async def test_two_processes_share_what_is_due(floor: Floor, receiver: Receiver) -> None:
    await add(floor.db, receiver.url)
    await happen(floor.db, 100)
    async with another(floor) as one, another(floor) as two:
        await asyncio.gather(one.tick(), two.tick())
        await asyncio.gather(one.idle(), two.idle())
    assert set(await states(floor.db)) == {"delivered"}
    assert [len(bodies) for bodies in receiver.heard.values()] == [1] * 100


async def test_a_receiver_that_is_silent_delays_nobody(
    floor: Floor, sending: Deliveries, receiver: Receiver
) -> None:
    async with receiving() as silent:
        silent.is_open.clear()
        await add(floor.db, silent.url)
        await add(floor.db, receiver.url)
        await happen(floor.db, 30)
        async with asyncio.timeout(10):  # one silent try alone takes 15 s
            while len(receiver.heard) < 30:
                await sending.tick()
                await asyncio.sleep(0.01)
        assert len(silent.requests) <= 20


async def test_nobody_is_there(floor: Floor, sending: Deliveries) -> None:
    async with receiving() as gone:
        await add(floor.db, gone.url)
    await happen(floor.db)
    await send(sending)
    (row,) = await rows(floor.db)
    assert (row.state, row.last_status, row.last_error) == ("due", None, "ClientConnectorError")


async def test_what_comes_late_does_not_undo_what_was_taken(
    floor: Floor, receiver: Receiver
) -> None:
    """Our lease was over, another process sent it, and only then did our try fail."""
    endpoint_id, _ = await add(floor.db, receiver.url)
    await happen(floor.db)
    async with floor.db.begin() as tx:
        await webhooks.spread(tx)
        (ours,) = await webhooks.take(tx, endpoint_id, 1)
    await floor.later(LEASE_S + 1)
    async with floor.db.begin() as tx:
        (theirs,) = await webhooks.take(tx, endpoint_id, 1)
    assert theirs.tries == 2

    async def fails(tx: Tx) -> None:
        await webhooks.not_delivered(tx, endpoint_id, ours, Reply(500), 5.0)

    due_at = (await rows(floor.db))[0].due_at
    await floor.db.run(fails)
    assert (await rows(floor.db))[0].due_at == due_at
    await floor.db.run(lambda tx: webhooks.delivered(tx, endpoint_id, {theirs.event_id: 200}))
    await floor.db.run(fails)
    assert await states(floor.db) == ["delivered"]


async def test_an_endpoint_may_be_deleted_while_it_is_told(
    floor: Floor, sending: Deliveries, receiver: Receiver
) -> None:
    endpoint_id, _ = await add(floor.db, receiver.url)
    await happen(floor.db)
    receiver.is_open.clear()
    await sending.tick()
    await receiver.asked()
    await floor.db.run(lambda tx: webhooks.delete_endpoint(tx, endpoint_id))
    receiver.is_open.set()
    await sending.idle()
    assert await rows(floor.db) == []


async def test_a_process_ends_at_once_whatever_it_is_sending(
    floor: Floor, receiver: Receiver
) -> None:
    await add(floor.db, receiver.url)
    await happen(floor.db)
    receiver.is_open.clear()
    async with asyncio.timeout(10), another(floor) as process:
        await process.tick()  # what it began has not run yet


async def test_many_events_are_spread_in_one_tick(
    floor: Floor, sending: Deliveries, receiver: Receiver
) -> None:
    await happen(floor.db, 1201)
    await floor.later(1)
    await add(floor.db, receiver.url)
    await sending.tick()
    async with floor.db.begin() as tx:
        left = await tx.all(select(outbox.c.id).where(outbox.c.spread_at.is_(None)))
    assert left == []


@pytest.mark.parametrize("is_enabled", [True, False])
async def test_events_are_kept_while_they_are_still_to_be_told(
    floor: Floor, receiver: Receiver, is_enabled: bool
) -> None:
    await add(floor.db, receiver.url)
    await happen(floor.db)

    async def work(tx: Tx) -> None:
        await webhooks.spread(tx)
        await tx.execute(update(webhook_endpoints).values(is_enabled=is_enabled))

    await floor.db.run(work)
    await floor.later(1)
    gone = await floor.db.run(lambda tx: retention.forget_block(tx, "events", timedelta(0)))
    assert (gone, len(await rows(floor.db))) == ((0, 1) if is_enabled else (1, 0))
