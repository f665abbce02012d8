"""The web application: every route, wired to one context."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

import dialer
from dialer.store.engine import Tx
from dialer.web import carrier, health, stream
from dialer.web.context import Context
from dialer.web.document import DocumentPlugin
from dialer.web.problems import HANDLERS
from dialer.web.routes import ROUTES as API_ROUTES
from dialer.web.transaction import API_PREFIX, MAX_BODY_BYTES, transactions


def get_tx(request: Request[Any, Any, Any]) -> Tx:
    """Return the transaction of this request."""
    tx: Tx = request.scope["state"]["tx"]
    return tx


def build_web(context: Context) -> Litestar:
    """Return the ASGI application. It starts and stops nothing itself."""
    api = Router(
        API_PREFIX,
        route_handlers=API_ROUTES,
        dependencies={"tx": Provide(get_tx, sync_to_thread=False)},
        security=[{"bearer": []}],
    )
    return Litestar(
        route_handlers=[api, *carrier.ROUTES, *stream.ROUTES, *health.ROUTES],
        middleware=[transactions],
        exception_handlers=HANDLERS,
        state=State({"context": context}),
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="dialer",
            version=dialer.__version__,
            path="/schema",
            render_plugins=[DocumentPlugin()],
            use_handler_docstrings=True,
            components=Components(
                security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")}
            ),
        ),
    )
