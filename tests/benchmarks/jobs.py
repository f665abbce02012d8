"""No-op jobs a second in procrastinate, the job queue on Postgres that dialers are built on."""

from __future__ import annotations

import time
from urllib.parse import urlsplit, urlunsplit

import procrastinate

JOBS = 1000


async def per_second(url: str, concurrency: int) -> float:
    """Defer `JOBS` jobs, then run them all in one worker; its database is the one of ``url``."""
    conninfo = urlunsplit(urlsplit(url)._replace(scheme="postgresql"))
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=conninfo))

    @app.task(queue="bench")
    async def nothing(number: int) -> None:
        return None

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await nothing.batch_defer_async(*({"number": number} for number in range(JOBS)))
        started = time.perf_counter()
        await app.run_worker_async(
            queues=["bench"],
            wait=False,
            concurrency=concurrency,
            listen_notify=False,
            install_signal_handlers=False,
        )
        return JOBS / (time.perf_counter() - started)
