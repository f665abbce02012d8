"""OpenAI's chat completions, streamed, as the `LanguageModel` of a call.

Nothing of the SDK's defaults is left: 600 s and two retries are no use to somebody who is waiting
on a telephone (providers.md §10). Errors carry a status and a code, never a text: OpenAI's quote
what it was sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import httpx2
import openai
from openai import AsyncAPIResponse, AsyncOpenAI, DefaultAsyncHttpxClient

from dialer.agent.moves import Message, Tool
from dialer.errors import ProviderRejected, ProviderUnavailable
from dialer.providers.openai_reply import PROVIDER, RUNAWAY, ReplyReader, safe_code
from dialer.providers.speech import ModelEvent
from dialer.providers.tls import tls_context

DEFAULT_MODEL = "gpt-6-luna"  # dated: see the shutdown dates of providers.md §3.6

DRAIN_S = 0.2  # for the few bytes after the end, so that the connection can be used again
CHARACTERS_PER_TOKEN = 8  # twice what a token holds on average: more is a model that never stops

# A turn comes every ten seconds or so: the default of 5 s would mean a TLS handshake each time.
_LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=60)
_RETRYABLE = (408, 409, 429)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a callee may be kept waiting, in seconds (providers.md §10)."""

    connect_s: float = 1.0
    read_s: float = 3.0  # silence on the socket
    first_s: float = 8.0  # from the request to the reply's head, whatever trickles in
    whole_s: float = 20.0  # from the request to the last word
    usage_s: float = 1.0  # from the last word to the token counts that follow it


log = logging.getLogger(__name__)
# At DEBUG the SDK logs whole prompts, and so what callees said.
logging.getLogger("openai").setLevel(logging.INFO)


class OpenAIModel:
    """One model behind one client; share it among the calls of a process and `aclose` it.

    ``base_url`` ends in ``/v1``. ``tier``: OpenAI's service_tier such as ``priority``; None is the
    account's own.
    """

    def __init__(
        self,
        *,
        api_key: str | None,
        base_url: str,
        model: str = DEFAULT_MODEL,
        tier: str | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._deadlines = wait = deadlines or Deadlines()
        timeout = httpx2.Timeout(wait.first_s, connect=wait.connect_s, read=wait.read_s)
        self._client = AsyncOpenAI(
            # A base URL that is not OpenAI's needs no key, but the SDK wants one.
            api_key=api_key or "none",
            base_url=base_url,
            max_retries=0,
            timeout=timeout,
            http_client=DefaultAsyncHttpxClient(
                timeout=timeout,
                limits=_LIMITS,
                verify=tls_context(),
                follow_redirects=False,
                trust_env=False,  # a proxy of the environment would also get what goes to loopback
            ),
        )
        self._model = model
        self._tier = tier
        self.skipped = 0  #: chunks nobody could read, so far

    @property
    def name(self) -> str:
        return self._model

    @asynccontextmanager
    async def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool],
        *,
        max_tokens: int,
        cache_key: str,
        options: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[AsyncIterator[ModelEvent]]:
        """As `LanguageModel.reply`. ``options`` are further fields of the request, and win.

        A reply longer than ``max_tokens`` allows, or than `Deadlines.whole_s`, ends with reason
        ``runaway``.
        """
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [_message(each) for each in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_completion_tokens": max_tokens,
            "reasoning_effort": "none",  # with any other, GPT-6 refuses tools here
            "prompt_cache_key": cache_key,
        }
        if tools:
            body["tools"] = [_tool(each) for each in tools]
        if self._tier is not None:
            body["service_tier"] = self._tier
        reader = ReplyReader(max_tokens * CHARACTERS_PER_TOKEN)
        deadline = asyncio.get_running_loop().time() + self._deadlines.whole_s
        async with AsyncExitStack() as stack:
            with _our_errors():
                async with asyncio.timeout(self._deadlines.first_s):
                    response = await stack.enter_async_context(
                        self._client.chat.completions.with_streaming_response.create(
                            **body, extra_body=dict(options or {})
                        )
                    )
            stack.callback(self._count, reader)
            raw = cast(AsyncAPIResponse[Any], response).iter_bytes()
            chunks = await stack.enter_async_context(
                aclosing(cast(AsyncGenerator[bytes, None], raw))
            )
            events = _events(chunks, reader, deadline, self._deadlines.usage_s)
            yield await stack.enter_async_context(aclosing(events))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.close()

    def _count(self, reader: ReplyReader) -> None:
        if reader.skipped:
            self.skipped += reader.skipped
            log.warning("model_chunks_skipped", extra={"chunks": reader.skipped})


async def _events(
    chunks: AsyncIterator[bytes], reader: ReplyReader, deadline: float, usage_s: float
) -> AsyncGenerator[ModelEvent, None]:
    with _our_errors():
        while not reader.is_over:
            if reader.reason is not None:
                deadline = min(deadline, asyncio.get_running_loop().time() + usage_s)
            data = await _next(chunks, reader, deadline)
            if data is None:
                break
            for event in reader.feed(data):
                yield event
        if reader.reason != RUNAWAY:
            await _drain(chunks)
        yield reader.ended()


async def _next(chunks: AsyncIterator[bytes], reader: ReplyReader, deadline: float) -> bytes | None:
    """The next bytes, or None when no more are to be waited for.

    Once the model said why it stopped all its words are there: then a broken or silent socket
    costs us the token counts, not the reply.
    """
    is_finished = reader.reason is not None
    try:
        async with asyncio.timeout_at(deadline):
            return await anext(chunks, None)
    except (TimeoutError, httpx2.HTTPError) as error:
        is_late = isinstance(error, TimeoutError) and reader.has_said
        if not is_finished and not is_late:
            raise
        reader.run_away()
        return None


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    with suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(DRAIN_S):
            await anext(chunks, None)


@contextmanager
def _our_errors() -> Iterator[None]:
    """Raise what the SDK and its HTTP raise as ours, without the chain: it quotes the prompt."""
    try:
        yield
    except openai.APIStatusError as error:
        status = error.status_code
        message = f"HTTP {status} ({safe_code(error.code or error.type)})"
        if status in _RETRYABLE or status >= 500:
            raise ProviderUnavailable(PROVIDER, message, status=status) from None
        raise ProviderRejected(PROVIDER, message, status=status) from None
    except (openai.APITimeoutError, httpx2.TimeoutException, TimeoutError):
        raise ProviderUnavailable(PROVIDER, "did not answer in time") from None
    except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError) as error:
        raise ProviderUnavailable(PROVIDER, f"connection lost ({type(error).__name__})") from None


def _message(message: Message) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": _sendable(message.text)}
    if message.tool_calls:
        wire["content"] = wire["content"] or None
        wire["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": _sendable(call.name), "arguments": _sendable(call.arguments)},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        wire["tool_call_id"] = message.tool_call_id
    return wire


def _sendable(text: str) -> str:
    """Without lone surrogates: JSON may bring them in, UTF-8 cannot carry them out."""
    return text.encode("utf-8", "replace").decode()


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        },
    }
