"""A callback without a valid signature and mac changes nothing, a replay no row (invariant 8)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from litestar import Litestar
from plivo.utils.signature_v3 import construct_post_url, get_signature_v3
from sqlalchemy import text

from dialer.store.carrier import live_by_campaign
from dialer.store.engine import Database
from dialer.store.tables import carrier_events, metadata
from dialer.web.server import build_web
from tests.acceptance.conftest import Service
from tests.acceptance.line import Line, phone, running_line

FORGERIES = 10_000
NONCE = "31627761595286130198"
Request = tuple[str, bytes, dict[str, str]]


async def test_ten_thousand_forged_or_replayed_callbacks_change_no_row(
    database_url: str, tmp_path: Path
) -> None:
    async with running_line(database_url, tmp_path) as line:
        people = {phone(1): "confirms", phone(2): "opts_out", phone(3): "busy"}
        await line.finished(await line.launch(people))
        genuine = await _kept_callbacks(line)
    assert {kind for _, kind, _ in genuine} >= {"answer", "ring", "input", "hangup"}
    async with running_line(database_url, tmp_path, dials=False) as line:
        app = build_web(line.runtime.context)
        before = await _fingerprint(line.runtime.db)
        statuses = await _send_all(app, _forgeries(line, genuine))
        assert statuses == {403: 3 * FORGERIES // 4, 200: FORGERIES // 4}
        assert await _fingerprint(line.runtime.db) == before


async def test_only_a_signed_inbound_call_is_counted(service: Service) -> None:
    form = {"CallUUID": str(uuid4()), "Direction": "inbound", "CallStatus": "ringing"}

    async def post(token: str) -> int:
        url = service.context.urls.public_url
        path, body, headers = _request(url, "/plivo/inbound", form, token)
        reply = await service.client.post(f"http://dialer{path}", content=body, headers=headers)
        return reply.status_code

    async def live() -> int:
        async with service.db.begin() as tx:
            return (await live_by_campaign(tx))[1].inbound

    assert await post("not the token of anyone") == 403
    assert await live() == 0
    assert await post(service.context.carrier_token) == 200
    assert await live() == 1


async def _kept_callbacks(line: Line) -> list[tuple[UUID, str, dict[str, Any]]]:
    async with line.runtime.db.begin() as tx:
        rows = await tx.all(carrier_events.select())
    return [(row.attempt_id, row.kind, row.body) for row in rows]


def _forgeries(line: Line, genuine: list[tuple[UUID, str, dict[str, Any]]]) -> Iterator[Request]:
    """Four ways to lie, in turn; the last is an old body, truly signed."""
    keys, token = line.runtime.context.keys, line.runtime.context.carrier_token
    for number in range(FORGERIES // 4):
        attempt_id, kind, body = genuine[number % len(genuine)]
        other_id = next(a for a, _, _ in genuine if a != attempt_id)
        prompt = "?prompt=1" if kind == "input" else ""
        own, other = keys.mac_of(attempt_id), keys.mac_of(other_id)
        path = f"/plivo/{attempt_id}/{own}/{kind}{prompt}"
        fresh = body | {"CallUUID": str(uuid4())}
        yield _request(line.url, path, fresh, "not the token of anyone")
        yield _request(line.url, f"/plivo/{attempt_id}/{own[::-1]}/{kind}{prompt}", fresh, token)
        yield _request(line.url, f"/plivo/{attempt_id}/{other}/{kind}{prompt}", fresh, token)
        yield _request(line.url, path, body, token)


def _request(url: str, path: str, form: dict[str, Any], token: str) -> Request:
    """Sign with the SDK's own functions, over the public URL."""
    signed = construct_post_url(f"{url}{path}", form).decode()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-plivo-signature-v3": get_signature_v3(token.encode(), signed, NONCE).decode(),
        "x-plivo-signature-v3-nonce": NONCE,
    }
    return path, urlencode(form).encode(), headers


async def _send_all(app: Litestar, requests: Iterator[Request]) -> dict[int, int]:
    """Post every request to the app itself, some at a time; count the statuses."""
    counts: Counter[int] = Counter()

    async def worker() -> None:
        for path, body, headers in requests:
            counts[await _post(app, path, body, headers)] += 1

    async with asyncio.TaskGroup() as workers:
        for _ in range(16):
            workers.create_task(worker())
    return dict(counts)


async def _post(app: Litestar, path: str, body: bytes, headers: dict[str, str]) -> int:
    plain, _, query = path.partition("?")
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": plain,
        "raw_path": plain.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    status = 0

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


async def _fingerprint(db: Database) -> dict[str, str]:
    """A digest of every row of every table."""
    async with db.begin() as tx:
        digests = {}
        for table in metadata.tables:
            rows = f"SELECT coalesce(string_agg(t::text, '|' ORDER BY t::text), '') FROM {table} t"
            digests[table] = await tx.scalar(text(f"SELECT md5(({rows}))"))
        return digests
