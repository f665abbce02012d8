"""Errors as RFC 9457 problem details. HTTP status codes are chosen here and nowhere else."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dialer.errors import (
    DatabaseAway,
    DialerError,
    FieldError,
    Forbidden,
    IllegalTransition,
    InvalidInput,
    NotFound,
    ProviderError,
    RuleViolation,
    Unavailable,
    UsageError,
)
from dialer.store.failures import is_gone, must_rerun
from dialer.web.fields import explain

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RERUN = "dialer_rerun"  # set on the request's state: the transaction should be run again

_UNREADABLE = "The input cannot be taken as it is"
_STATUS: tuple[tuple[type[DialerError], int, str], ...] = (
    (InvalidInput, 400, _UNREADABLE),
    (UsageError, 400, "The request makes no sense"),
    (NotFound, 404, "Not found"),
    (Forbidden, 403, "Not allowed with this key"),
    (RuleViolation, 409, "Not possible now"),
    (Unavailable, 503, "Something we need is not there"),
    (ProviderError, 502, "A provider failed"),
)

_SEND_AS_TOLD = "send it whole, as the content type that the OpenAPI document has for this route"
_NO_TEXT = (
    400,
    _UNREADABLE,
    "a value has the character U+0000, which is no text; leave it out",
)
_OVERTAKEN = (409, "Not possible now", "another request was faster with the same; look and retry")
# By SQLSTATE: no such character, and not in JSON either; unique and foreign keys.
_TOLD = {"22021": _NO_TEXT, "22P05": _NO_TEXT, "23505": _OVERTAKEN, "23503": _OVERTAKEN}


def problem(status: int, title: str, detail: str, **members: Any) -> tuple[int, dict[str, Any]]:
    """Return (status, body) of one problem."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return status, body | members


def of_error(error: DialerError) -> tuple[int, dict[str, Any]]:
    """Return the problem an error of ours is."""
    status, title = next(
        ((code, text) for kind, code, text in _STATUS if isinstance(error, kind)),
        (500, "Internal error"),
    )
    members: dict[str, Any] = {}
    if isinstance(error, InvalidInput) and error.fields:
        members["errors"] = [_field(field) for field in error.fields]
    if isinstance(error, IllegalTransition):
        members["legal"] = list(error.legal)
    return problem(status, title, str(error), **members)


def _field(error: FieldError) -> dict[str, Any]:
    return {"path": error.path, "message": error.message, "found": error.found}


def response(status: int, body: dict[str, Any]) -> Response[bytes]:
    return Response(
        content=msgspec.json.encode(body, enc_hook=str), status_code=status, media_type=MEDIA_TYPE
    )


def on_dialer_error(request: Request[Any, Any, Any], error: DialerError) -> Response[bytes]:
    return response(*of_error(error))


def on_validation(request: Request[Any, Any, Any], error: ValidationException) -> Response[bytes]:
    """A body or parameter that does not fit its type; names each field's path."""
    extra = error.extra if isinstance(error.extra, list) else []
    found = [explain(request, item) for item in extra if isinstance(item, dict)]
    fields = [{"path": path, "message": message, "found": None} for path, message in found]
    detail = "; ".join(f"{path}: {message}" for path, message in found) or str(error.detail)
    return response(*problem(400, _UNREADABLE, detail, errors=fields))


def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    title, detail = HTTPStatus(error.status_code).phrase, str(error.detail)
    if error.status_code == 400:  # of Litestar itself: the body did not parse
        detail = f"the body cannot be read: {detail.rstrip('.')}; {_SEND_AS_TOLD}"
    return response(*problem(error.status_code, title, detail))


def on_deep_body(request: Request[Any, Any, Any], error: RecursionError) -> Response[bytes]:
    """Nothing of ours recurses but the reading of a body."""
    return response(*problem(400, _UNREADABLE, "the body is nested too deep; flatten it"))


def on_form_text(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar decodes the texts of a form by what their parts declare, and catches nothing."""
    is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
    if not is_form or isinstance(error, KeyError | IndexError):
        return on_crash(request, error)
    return response(*problem(400, _UNREADABLE, "a text of the form is not UTF-8; send it as UTF-8"))


def on_database(request: Request[Any, Any, Any], error: DBAPIError) -> Response[bytes]:
    """A deadlock asks for another run of the request; what no check of ours can rule out is said;
    anything else is our defect."""
    if must_rerun(error):
        request.scope["state"][RERUN] = True
        return response(*problem(503, "Busy", "try again"))
    if is_gone(error):
        return on_no_database(request, error)
    told = _TOLD.get(getattr(error.orig, "sqlstate", ""))
    if told is not None:
        return response(*problem(*told))
    return on_crash(request, error)


def on_no_database(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The server cannot be reached, or all connections to it are busy for too long. The log has
    it from `Database`, once."""
    error_of_ours = DatabaseAway("the database does not answer; start it, then try again")
    return response(*of_error(error_of_ours))


def on_crash(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.error("request_failed", extra={"path": request.url.path}, exc_info=error)
    return response(*problem(500, "Internal error", "this is our fault; the log has the details"))


HANDLERS: Any = {
    DialerError: on_dialer_error,
    ValidationException: on_validation,
    HTTPException: on_http,
    DBAPIError: on_database,
    ConnectionError: on_no_database,  # of asyncpg; a carrier's are `ProviderError` already
    PoolTimeout: on_no_database,
    RecursionError: on_deep_body,
    UnicodeDecodeError: on_form_text,
    LookupError: on_form_text,  # a charset that nobody knows
    Exception: on_crash,
}
