"""``python -m dialer.twin``: the far end of the dialer's sockets, on loopback."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dialer.twin.config import (
    DEFAULT_AUTH_ID,
    DEFAULT_AUTH_TOKEN,
    DEFAULT_NUMBERS,
    INDIA_CALLS_PER_CPS,
    OwnedNumber,
    TwinConfig,
)
from dialer.twin.errors import TwinError
from dialer.twin.server import RunningTwin, start_twin

# The rest of the name of `TwinConfig`'s fields; medians, and how far they spread.
_DELAYS = (
    *("stt-final", "stt-final-p95", "llm-first-token", "llm-first-token-p95", "llm-token"),
    *("tts-first-audio", "tts-first-audio-iqr"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal or, with --owned, until nobody owns it; 0, or 1 with one clear line."""
    args = parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="twin: %(levelname)s %(message)s")
    try:
        asyncio.run(_serve(config_from(args), args.callees, as_json=args.json))
    except TwinError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the signal handlers stood
        return 0
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dialer twin", description=__doc__)
    add = parser.add_argument
    add("--bind", type=_bind, default=("127.0.0.1", 8900), metavar="HOST:PORT", help="port 0: any")
    add("--auth-id", type=_auth_id, default=DEFAULT_AUTH_ID)
    add("--auth-token", default=DEFAULT_AUTH_TOKEN)
    add("--cap", type=_positive(int), default=50, help="calls queued or up (India mode)")
    add("--cps", type=_positive(float), help="calls started per second; default 2, India: cap ÷ 25")
    add("--india", action=argparse.BooleanOptionalAction, default=True)
    add("--seed", type=int, default=1, help="which people the unscripted numbers are")
    add("--ledger", type=Path, metavar="FILE", help="append every event as a JSON line")
    add("--clock-offset-us", type=int, default=0, help="product time minus real time")
    add("--time-scale", type=_positive(float), default=1.0, help="0.1: ten times faster people")
    add(
        "--jitter-ms", type=_positive(float), help="a stream's frames are up to so late; 80 at most"
    )
    add(
        "--delay",
        type=_delay,
        action="append",
        default=[],
        metavar="NAME=MS",
        help=f"how long a vendor takes, repeatable; names: {', '.join(_DELAYS)}; 0: at once",
    )
    add("--callees", type=Path, metavar="FILE", help="scripts and population, JSON or TOML")
    add("--numbers", nargs="+", type=_phone, metavar="+91…", help="caller ids of the account")
    add("--owned", action="store_true", help="exit 60 s after the last owner is gone")
    add("--json", action="store_true", help="say in one JSON line when it listens")
    return parser


def config_from(args: argparse.Namespace) -> TwinConfig:
    host, port = args.bind
    default_cps = args.cap / INDIA_CALLS_PER_CPS if args.india else 2.0
    return TwinConfig(
        host=host,
        port=port,
        auth_id=args.auth_id,
        auth_token=args.auth_token,
        numbers=tuple(map(OwnedNumber, args.numbers)) if args.numbers else DEFAULT_NUMBERS,
        india=args.india,
        cap=args.cap,
        cps=args.cps or default_cps,
        seed=args.seed,
        ledger_path=args.ledger,
        clock_offset_us=args.clock_offset_us,
        time_scale=args.time_scale,
        jitter_ms=min(args.jitter_ms or 0.0, 80.0),
        owned=args.owned,
        **dict(args.delay),
    )


async def _serve(config: TwinConfig, callees_path: Path | None, *, as_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    twin = await start_twin(config, callees_path=callees_path)
    try:
        _announce(twin, as_json=as_json)
        await _until_over(twin, stop)
    finally:
        await twin.stop()


def _announce(twin: RunningTwin, *, as_json: bool) -> None:
    if as_json:
        line = json.dumps({"event": "ready", "url": twin.url, "pid": os.getpid()})
    else:
        line = f"twin listens on {twin.url} (PLIVO_API_URL={twin.api_url})"
    print(line, flush=True)


async def _until_over(twin: RunningTwin, stop: asyncio.Event) -> None:
    config = twin.exchange.config
    waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(stop.wait())]
    if config.owned:
        waits.append(asyncio.ensure_future(twin.owners.abandoned(config.owner_grace_s)))
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for each in waits:
        each.cancel()


def _delay(raw: str) -> tuple[str, float]:
    name, _, value = raw.partition("=")
    if name not in _DELAYS:
        raise argparse.ArgumentTypeError(f"no delay {name!r}; there are {', '.join(_DELAYS)}")
    try:
        ms = float(value)
    except ValueError:
        ms = -1.0
    if not 0.0 <= ms <= 60_000.0:
        raise argparse.ArgumentTypeError(f"expected {name}=0 to 60000 milliseconds, found {raw!r}")
    return f"{name.replace('-', '_')}_ms", ms


def _bind(raw: str) -> tuple[str, int]:
    host, _, port = raw.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, found {raw!r}")
    return host.strip("[]"), int(port)


def _auth_id(raw: str) -> str:
    if not re.fullmatch(r"MA[A-Z0-9]{18}", raw):
        raise argparse.ArgumentTypeError("expected MA and 18 of A-Z and 0-9")
    return raw


def _phone(raw: str) -> str:
    if not re.fullmatch(r"\+[1-9]\d{5,14}", raw):
        raise argparse.ArgumentTypeError(f"expected a number like +911601200001, found {raw!r}")
    return raw


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    def read(raw: str) -> float:
        value = kind(raw)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"expected more than 0, found {raw}")
        return value

    return read


if __name__ == "__main__":
    sys.exit(main())
