"""Runs Plivo XML on one answered call, from the answer document to the last element.

Elements are functions ``(interpreter, element)``; they wait, press on, or raise `HangUp`, `Jump`
or `Moved`. Whoever ends the call from outside cancels the whole run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from dialer.twin.calls import Call, Page
from dialer.twin.causes import END_OF_XML, LOOP, End, Origin
from dialer.twin.courier import Reply
from dialer.twin.document import Element, read_document
from dialer.twin.errors import BadDocument
from dialer.twin.exchange import Exchange
from dialer.twin.make_call import is_http_url
from dialer.twin.params import Params
from dialer.twin.tasks import race

Elements = tuple[Element, ...]
Run = Callable[["Interpreter", Element], Awaitable[None]]

MAX_JUMPS = 200  # redirects and actions of one call; beyond it the document loops


class HangUp(Exception):
    """The document ends the call."""

    def __init__(self, end: End) -> None:
        super().__init__(end.name)
        self.end = end


class Jump(Exception):
    """Go on with another document; the rest of this one is not run."""

    def __init__(self, elements: Elements) -> None:
        super().__init__()
        self.elements = elements


class Moved(Exception):
    """A transfer was waiting for this element to yield."""


class Interpreter:
    """One call's document runner. ``vocabulary`` maps element names to what they do."""

    def __init__(self, exchange: Exchange, call: Call, vocabulary: Mapping[str, Run]) -> None:
        self.exchange = exchange
        self.call = call
        self._vocabulary = vocabulary

    def on(self, call: Call) -> Interpreter:
        """The same for another call."""
        return Interpreter(self.exchange, call, self._vocabulary)

    async def run(self, elements: Elements) -> End:
        """Run documents until one comes to its end; `HangUp` when one ends the call itself."""
        for _ in range(MAX_JUMPS):
            try:
                await race(self.execute(elements), self.call.moved)
            except Jump as jump:
                elements = jump.elements
                continue
            except Moved:
                elements = await self._transferred()
                continue
            if self.call.moved_to is None:
                return END_OF_XML
            elements = await self._transferred()
        raise HangUp(LOOP)

    async def execute(self, elements: Sequence[Element]) -> None:
        """Run elements top to bottom; also used for the children of PreAnswer."""
        for element in elements:
            await self._vocabulary[element.name](self, element)

    async def answer_document(self) -> Elements:
        """The answer_url's document, or the fallback_url's when that fails; 7011 or 8011."""
        request = self.call.request
        assert request is not None  # only A-legs have an answer_url
        params = self.exchange.wording.in_call(self.call)
        reply = await self.exchange.courier.deliver("answer", self.call, request.answer, params)
        if (reply is None or not reply.is_ok) and request.fallback is not None:
            params = self.exchange.wording.in_call(self.call)
            reply = await self.exchange.courier.deliver(
                "fallback", self.call, request.fallback, params
            )
        return self._read(Origin.ANSWER, reply)

    async def fetch(
        self, kind: str, origin: Origin, url: str, method: str, extra: Mapping[str, str]
    ) -> Elements:
        """Fetch and read the next document; `HangUp` with the code of what went wrong."""
        page = self._page(origin, url, method)
        return self._read(origin, await self._post(kind, page, extra))

    async def act(self, kind: str, element: Element, extra: Mapping[str, str]) -> None:
        """Call the element's ``action``. With redirect (the default) its document replaces this
        one; without, the reply does not matter and the next element runs."""
        if not element.get("action"):
            return
        url, method = element.get("action"), element.get("method", "POST")
        extra = {"Event": element.name, **extra}
        if element.flag("redirect", True):
            raise Jump(await self.fetch(kind, Origin.ACTION, url, method, extra))
        await self._post(kind, self._page(Origin.ACTION, url, method), extra)

    async def notify(self, kind: str, url: str, method: str, extra: Mapping[str, str]) -> None:
        """A callback whose reply is ignored; a URL that is no URL is noted, not called."""
        if not is_http_url(url):
            self.note(f"{kind} callback URL is not http(s)")
            return
        await self._post(kind, Page(url, method.upper()), extra)

    def note(self, text: str) -> None:
        self.exchange.ledger.write("note", call_uuid=self.call.call_uuid, text=text)

    async def _transferred(self) -> Elements:
        page = self.call.moved_to
        assert page is not None  # set by whoever raised or set `moved`
        self.call.moved_to = None
        self.call.moved.clear()
        return await self.fetch("transfer", Origin.TRANSFER, page.url, page.method, {})

    def _page(self, origin: Origin, url: str, method: str) -> Page:
        if not is_http_url(url):
            raise HangUp(origin.bad_url())
        if method.upper() not in ("GET", "POST"):
            raise HangUp(origin.bad_method())
        return Page(url, method.upper())

    async def _post(self, kind: str, page: Page, extra: Mapping[str, str]) -> Reply | None:
        """``extra`` names its Event; a redirect and a transfer are both "Redirect"."""
        params: Params = {**self.exchange.wording.in_call(self.call, "Redirect"), **extra}
        return await self.exchange.courier.deliver(kind, self.call, page, params)

    def _read(self, origin: Origin, reply: Reply | None) -> Elements:
        if reply is None or not reply.is_ok:
            raise HangUp(origin.unreachable())
        strict = self.exchange.config.strict_content_type
        try:
            return read_document(reply.body, reply.content_type, strict_type=strict)
        except BadDocument as error:
            self.note(str(error))
            raise HangUp(origin.bad_document()) from error
