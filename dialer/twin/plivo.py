"""Plivo's side of the twin, put together: REST, callbacks, the switchboard and XML."""

from __future__ import annotations

import aiohttp
from aiohttp import web

from dialer.twin.clock import Clock
from dialer.twin.config import TwinConfig
from dialer.twin.courier import Courier
from dialer.twin.dial import dial
from dialer.twin.directory import Directory
from dialer.twin.exchange import Exchange
from dialer.twin.faults import Faults
from dialer.twin.inputs import get_digits, get_input
from dialer.twin.interpreter import Run
from dialer.twin.ledger import Ledger
from dialer.twin.phone import Phone
from dialer.twin.prompts import hang_up, pre_answer, redirect, send_tones, speak, wait
from dialer.twin.record import record
from dialer.twin.rest import gate
from dialer.twin.rest_account import AccountRoutes
from dialer.twin.rest_calls import CallRoutes
from dialer.twin.rest_live import LiveRoutes
from dialer.twin.rest_streams import StreamRoutes
from dialer.twin.stream import stream

VOCABULARY: dict[str, Run] = {
    "Speak": speak,
    "Play": speak,
    "GetInput": get_input,
    "GetDigits": get_digits,
    "Dial": dial,
    "Record": record,
    "Hangup": hang_up,
    "Redirect": redirect,
    "Wait": wait,
    "DTMF": send_tones,
    "PreAnswer": pre_answer,
    "Stream": stream,
}


def new_exchange(
    config: TwinConfig, http: aiohttp.ClientSession, ledger: Ledger, clock: Clock
) -> Exchange:
    """A switchboard with nobody on the line; its `start` begins to place what is accepted."""
    faults = Faults(lambda fault, phone: ledger.write("fault", kind=fault.kind, to=phone))
    return Exchange(
        config,
        clock=clock,
        ledger=ledger,
        faults=faults,
        directory=Directory(config.seed, faults),
        courier=Courier(http, config, clock, ledger, faults),
        http=http,
        live_through=Phone(VOCABULARY).live_through,
    )


def rest_application(exchange: Exchange) -> web.Application:
    """``/v1/Account/…``, to be mounted there."""
    app = web.Application(middlewares=[gate(exchange.config, exchange.ledger)])
    for kind in (CallRoutes, LiveRoutes, StreamRoutes, AccountRoutes):
        app.add_routes(kind(exchange).routes())
    return app
