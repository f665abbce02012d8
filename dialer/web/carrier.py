"""The carrier's routes: prove who calls, hand over, answer with a document (design §8).

A bad signature or mac gets 403 before any query. Every notification gets an empty 200; the
answer, input, transfer and fallback routes get XML.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.params import FromPath

from dialer.call.after_stream import TransferUrls, document_after_dial, document_after_stream
from dialer.call.notification import answer_document, voicemail_document
from dialer.dialing.callbacks import KINDS, Heard, receive
from dialer.dialing.inbound import hear_inbound
from dialer.domain.attempt import AttemptState, Disposition
from dialer.errors import ProviderError
from dialer.providers import plivo_callbacks, plivo_xml
from dialer.providers.plivo_signature import is_signed
from dialer.providers.plivo_values import Form
from dialer.web.context import MARKER, Context

log = logging.getLogger(__name__)

XML = "application/xml"
_MARKED = {MARKER[0]: MARKER[1]}
_FORBIDDEN = 403
_DATABASE_WITHIN_S = 3.5  # of the 5 s that our callback URLs ask for (rt=5000)
_MAX_CALLBACK_BYTES = 256 * 1024  # a callback has some dozens of short fields


def _forbidden() -> Response[bytes]:
    return Response(b"", status_code=_FORBIDDEN, headers=_MARKED)


def _document(xml: str) -> Response[bytes]:
    return Response(xml.encode(), status_code=200, media_type=XML)


def read_form(body: bytes) -> dict[str, Any]:
    """Return form fields; a repeated key becomes a list, as the signature wants it."""
    form: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        if name not in form:
            form[name] = value
        elif isinstance(form[name], list):
            form[name].append(value)
        else:
            form[name] = [form[name], value]
    return form


def _target(request: Request[Any, Any, Any]) -> str:
    """Return path and query exactly as they were requested."""
    path: str = request.scope.get("raw_path", b"").decode("ascii", "replace") or request.url.path
    query = request.scope.get("query_string", b"").decode("ascii", "replace")
    path = path.partition("?")[0]
    return f"{path}?{query}" if query else path


def _is_authentic(context: Context, request: Request[Any, Any, Any], form: Form) -> bool:
    """The signature is over the public URL, whatever proxy stands before us."""
    url = f"{context.urls.public_url}{_target(request)}"
    return is_signed("POST", url, form, request.headers, context.carrier_token)


@post(
    "/plivo/{attempt:str}/{mac:str}/{kind:str}",
    status_code=200,
    include_in_schema=False,
    request_max_body_size=_MAX_CALLBACK_BYTES,
)
async def on_callback(
    request: Request[Any, Any, Any],
    state: State,
    attempt: FromPath[str],
    mac: FromPath[str],
    kind: FromPath[str],
) -> Response[bytes]:
    """One callback of one attempt."""
    context: Context = state.context
    attempt_id = _uuid(attempt)
    if attempt_id is None or kind not in KINDS or not context.keys.is_mac_of(attempt_id, mac):
        return _forbidden()
    form = read_form(await request.body())
    if not _is_authentic(context, request, form):
        return _forbidden()
    target = _target(request)
    prompt = request.query_params.get("prompt", "1")
    after = request.query_params.get("after", "")

    def input_url(number: int) -> str:
        return f"{context.urls.of(attempt_id, 'input')}?prompt={number}"

    heard = await context.db.run(
        lambda tx: receive(
            tx,
            attempt_id=attempt_id,
            kind=kind,
            path=target,
            form=form,
            prompt=int(prompt) if prompt.isdecimal() else 1,
            after=after,
            input_url=input_url,
        ),
        # Inside the carrier's own patience; it sends what fails again.
        patience_s=_DATABASE_WITHIN_S,
    )
    if heard is None:
        return Response(b"", status_code=404)
    context.end_calls_later(heard.to_end)
    return _document(_reply(context, heard, kind, form, input_url))


def _reply(context: Context, heard: Heard, kind: str, form: Form, input_url: Any) -> str:
    """Return the document a callback is answered with; notifications get an empty one."""
    is_over = heard.attempt.state == AttemptState.ENDED
    if kind in ("answer", "fallback"):
        if is_over or plivo_callbacks.read_answer(form).is_over:
            return plivo_xml.empty()
        return _first(context, heard, input_url)
    if kind == "input" and heard.key is not None:
        return heard.key.document
    if kind == "transfer":
        return plivo_xml.empty() if is_over else _further(context, heard, form)
    if kind == "machine" and heard.is_new and heard.attempt.is_machine and not is_over:
        context.background.spawn(_leave_or_hang_up(context, heard))
    return plivo_xml.empty()


def _first(context: Context, heard: Heard, input_url: Any) -> str:
    """Return what an answered call begins with."""
    attempt = heard.attempt
    if attempt.is_machine and heard.goes_on == "voicemail":  # the carrier told us with the answer
        return voicemail_document(heard.definition, heard.values)
    if heard.definition.is_streamed:
        return plivo_xml.stream(
            context.urls.stream_of(attempt.id),
            status_url=context.urls.of(attempt.id, "stream-status"),
            then_url=context.urls.after(attempt.id, "stream"),
        )
    return answer_document(
        heard.definition, heard.values, caller_id=attempt.caller_id, input_url=input_url
    )


def _further(context: Context, heard: Heard, form: Form) -> str:
    """Return what a call goes on with after its stream, after its transfer, or after its beep."""
    attempt, definition = heard.attempt, heard.definition
    if heard.after == "leg" or plivo_callbacks.read_answer(form).is_over:
        return plivo_xml.empty()
    is_promised = attempt.disposition == Disposition.CALLBACK
    if heard.after == "dial":
        was_connected = plivo_callbacks.read_dial_end(form).was_connected
        return document_after_dial(definition, was_connected=was_connected, is_promised=is_promised)
    if heard.after != "stream":
        return voicemail_document(definition, heard.values)
    urls = TransferUrls(
        context.urls.after(attempt.id, "dial"), context.urls.after(attempt.id, "leg")
    )
    return document_after_stream(
        heard.goes_on,
        definition,
        heard.values,
        caller_id=attempt.caller_id,
        urls=urls,
        is_promised=is_promised,
    )


async def _leave_or_hang_up(context: Context, heard: Heard) -> None:
    """A machine answered: leave the message after its beep, or end the call."""
    attempt = heard.attempt
    try:
        if heard.definition.voicemail.action != "leave_message":
            await context.carrier.hang_up(attempt.call_uuid)
        elif not heard.definition.is_streamed:
            await context.carrier.transfer(
                attempt.call_uuid, context.urls.of(attempt.id, "transfer")
            )
        # A streamed call comes to the message by the redirect behind its stream: the session
        # closes that once it sees the machine. A transfer beside it would leave it twice.
    except ProviderError as error:
        log.warning("machine_not_ended", extra={"attempt_id": attempt.id, "detail": str(error)})


@post(
    "/plivo/inbound",
    status_code=200,
    include_in_schema=False,
    request_max_body_size=_MAX_CALLBACK_BYTES,
)
async def on_inbound(request: Request[Any, Any, Any], state: State) -> Response[bytes]:
    """A call to one of our numbers, or a hangup without a better address: nothing to say.

    While it is up it is counted: it uses the account's cap.
    """
    context: Context = state.context
    form = read_form(await request.body())
    if not _is_authentic(context, request, form):
        return _forbidden()
    await hear_inbound(context.db, form)
    return _document(plivo_xml.empty())


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


ROUTES = [on_callback, on_inbound]
