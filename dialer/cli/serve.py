"""`dialer up`, `web`, `worker`, `twin`: the processes that stay."""

from __future__ import annotations

import argparse
import socket

from dialer.app.children import serve_by_children, stop_with_parent
from dialer.app.runtime import Runtime, open_runtime
from dialer.app.serve import Stop, bind, on_signals, run_until_stopped
from dialer.cli.parser import HELP
from dialer.cli.shared import Commands, command, print_json, say
from dialer.errors import UsageError
from dialer.settings import Settings, at_port, own_url


def add_commands(commands: Commands) -> None:
    command(commands, "up", _up)
    web = command(commands, "web", _web)
    web.add_argument("--processes", type=int, default=1, help="one event loop each (default 1)")
    web.add_argument("--socket", type=int, help=argparse.SUPPRESS)  # given to its children
    command(commands, "worker", _worker)
    # Listed here; `__main__` becomes the twin before any argument of it is read.
    commands.add_parser("twin", help=HELP["twin"])


async def _up(args: argparse.Namespace, settings: Settings) -> int:
    sock = bind(settings.host, settings.port)
    settings = at_port(settings, sock.getsockname()[1])
    stop = Stop()
    with sock, on_signals(stop):
        async with open_runtime(settings) as runtime:
            await run_until_stopped(
                runtime,
                sock=sock,
                dials=True,
                stop=stop,
                on_ready=lambda: _announce(args, runtime),
            )
    return 0


def _announce(args: argparse.Namespace, runtime: Runtime) -> None:
    settings, context = runtime.settings, runtime.context
    url = own_url(settings.host, settings.port)
    if args.json:
        print_json(
            {
                "event": "ready",
                "url": url,
                "api_key": context.api_key,
                "carrier": settings.carrier,
            }
        )
        return
    carrier = "the twin (nothing rings outside this machine)" if settings.uses_twin else "Plivo"
    say(f"dialer is up at {url} with {carrier}.")
    say(f"API key: {settings.data_dir / 'api_key'}   OpenAPI: {url}/schema   Ctrl-C stops.")


async def _web(args: argparse.Namespace, settings: Settings) -> int:
    if args.processes < 1:
        raise UsageError(f"--processes: found {args.processes}; use 1 or more")
    inherited = args.socket is not None
    sock = socket.socket(fileno=args.socket) if inherited else bind(settings.host, settings.port)
    settings = at_port(settings, sock.getsockname()[1])
    stop = Stop()
    with sock, on_signals(stop):
        if args.processes > 1:
            return await serve_by_children(args.processes, sock, stop)
        async with open_runtime(settings, migrate=False) as runtime:
            if inherited:
                runtime.context.background.spawn(stop_with_parent(stop))
            await run_until_stopped(
                runtime,
                sock=sock,
                dials=False,
                stop=stop,
                on_ready=lambda: None if inherited else _announce(args, runtime),
            )
    return 0


async def _worker(args: argparse.Namespace, settings: Settings) -> int:
    stop = Stop()
    with on_signals(stop):
        async with open_runtime(settings, migrate=False, talks=False) as runtime:
            await run_until_stopped(
                runtime, sock=None, dials=True, stop=stop, on_ready=lambda: _at_work(args)
            )
    return 0


def _at_work(args: argparse.Namespace) -> None:
    if args.json:
        print_json({"event": "ready"})
    else:
        say("worker is dialing. Ctrl-C stops.")
