"""The documents we answer Plivo with (plivo.md §3), built by the SDK's plivoxml.

Every function returns one complete ``<Response>`` to be sent as ``application/xml``. lxml does
the escaping, so URLs are passed raw (a bare ``&`` would end the call with 8011, §7 no. 2).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from plivo import plivoxml

from dialer.errors import InvalidInput
from dialer.providers.plivo_values import tuned

MAX_DOCUMENT_BYTES = 100_000
MAX_STREAM_URL_CHARS = 2048

# §3.2. The plain voices speak these and no other: WOMAN with hi-IN makes the whole document
# invalid and drops the call on answer (§7 no. 9).
# fmt: off
PLAIN_LANGUAGES = frozenset({
    "da-DK", "de-DE", "en-AU", "en-GB", "en-US", "es-ES", "es-US", "fr-CA",
    "fr-FR", "it-IT", "nl-NL", "pl-PL", "pt-BR", "pt-PT", "ru-RU", "sv-SE",
})
# fmt: on
POLLY_VOICES = {"en-IN": "Polly.Raveena", "hi-IN": "Polly.Aditi"}
SPOKEN_LANGUAGES = PLAIN_LANGUAGES | POLLY_VOICES.keys()
_USUAL_REGION = {"en": "en-US", "hi": "hi-IN", "es": "es-ES", "fr": "fr-FR", "pt": "pt-BR"}

_PLAIN_VOICES = ("WOMAN", "MAN")
_MAX_SPOKEN_CHARS = 3000  # of one <Speak> with a Polly voice
# What XML 1.0 cannot carry at all, escaped or not; lxml refuses it with a ValueError.
_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def prompt(
    message: str,
    *,
    input_urls: Sequence[str],
    language: str,
    voice: str | None = None,
    goodbye: str | None = None,
    key_wait_s: int = 7,
) -> str:
    """Ask for one key, once for each of ``input_urls``, then say ``goodbye`` and hang up.

    A key posts the URL of the prompt it was pressed at, and the reply continues the call; without
    one Plivo goes on to the next element. One URL a prompt, because two presses of one key would
    otherwise be the same request twice. ``key_wait_s`` counts from the end of the message, 5-60.
    """
    root = plivoxml.ResponseElement()
    for input_url in input_urls:
        question = plivoxml.GetInputElement(
            action=tuned(input_url),
            method="POST",
            input_type="dtmf",
            num_digits=1,
            execution_timeout=min(60, max(5, key_wait_s)),
            redirect=True,
        )
        root.add(_say(question, message, language, voice))
    if goodbye:
        _say(root, goodbye, language, voice)
    return _document(root.add_hangup())


def say_and_hang_up(message: str, *, language: str, voice: str | None = None) -> str:
    """Say one thing and end the call."""
    return _document(_say(plivoxml.ResponseElement(), message, language, voice).add_hangup())


def voicemail_message(
    message: str, *, language: str, voice: str | None = None, beep_wait_s: int = 30
) -> str:
    """Wait for the machine's beep (at most ``beep_wait_s``), leave the message, hang up."""
    root = plivoxml.ResponseElement().add_wait(length=beep_wait_s, beep=True)
    return _document(_say(root, message, language, voice).add_hangup())


def dial(
    to: str,
    *,
    caller_id: str,
    action_url: str,
    callback_url: str | None = None,
    ring_timeout_s: int = 30,
    time_limit_s: int | None = None,
    before: str | None = None,
    language: str = "en-US",
    voice: str | None = None,
) -> str:
    """Connect the callee to ``to``: an E.164 number or a ``sip:user@host`` address.

    ``action_url`` is posted when that leg ends and its reply continues the call;
    ``callback_url`` hears of the leg's answer and end. ``before`` is said first.
    """
    root = plivoxml.ResponseElement()
    if before:
        _say(root, before, language, voice)
    leg = plivoxml.DialElement(
        action=tuned(action_url),
        method="POST",
        caller_id=caller_id,
        timeout=ring_timeout_s,
        time_limit=time_limit_s,
        callback_url=tuned(callback_url) if callback_url else None,
        callback_method="POST" if callback_url else None,
        redirect=True,
    )
    if to.startswith("sip:"):
        # A plus sign in the user part has broken dialling (§3.2).
        leg.add(plivoxml.UserElement("sip:" + to.removeprefix("sip:").lstrip("+")))
    else:
        leg.add(plivoxml.NumberElement(to))
    return _document(root.add(leg))


def stream(url: str, *, status_url: str, then_url: str) -> str:
    """Hand the call's audio to the WebSocket at ``url``; when the stream has ended and the call
    has not, the document at ``then_url`` goes on with it.

    Every attribute with two documented defaults is set (§7 no. 10); streamTimeout keeps its
    default of a day, as a shorter one ends calls (§7 no. 11).
    """
    if len(url) > MAX_STREAM_URL_CHARS:
        raise InvalidInput(
            f"the stream URL has {len(url)} characters, Plivo takes {MAX_STREAM_URL_CHARS}:"
            " shorten DIALER_PUBLIC_URL"
        )
    element = plivoxml.StreamElement(
        url,
        bidirectional=True,
        keepCallAlive=True,
        audioTrack="inbound",
        contentType="audio/x-mulaw;rate=8000",
        # Stream status callbacks do not know the `#ct=…` fragment (§2.5).
        statusCallbackUrl=status_url,
        statusCallbackMethod="POST",
    )
    root = plivoxml.ResponseElement().add(element)
    return _document(root.add_redirect(tuned(then_url), method="POST"))


def hang_up() -> str:
    """End the call without a word."""
    return _document(plivoxml.ResponseElement().add_hangup())


def empty() -> str:
    """Nothing (more) to do: ends a live call, and is the answer to every notification."""
    return _document(plivoxml.ResponseElement())


def voice_for(language: str, voice: str | None = None) -> tuple[str, str]:
    """Return (voice, language) as Plivo accepts them; `InvalidInput` names what it speaks.

    ``language`` is a tag such as ``en-IN``, ``hi_in`` or ``hi``.
    """
    main, _, region = language.strip().replace("_", "-").partition("-")
    tag = f"{main.lower()}-{region.upper()}" if region else _USUAL_REGION.get(main.lower(), main)
    chosen = voice or POLLY_VOICES.get(tag) or _PLAIN_VOICES[0]
    if chosen in _PLAIN_VOICES and tag not in PLAIN_LANGUAGES:
        known = ", ".join(sorted(PLAIN_LANGUAGES if voice else SPOKEN_LANGUAGES))
        raise InvalidInput(f"language {language!r} has no voice {chosen}; choose one of {known}")
    return chosen, tag


def _say(parent: Any, message: str, language: str, voice: str | None) -> Any:
    chosen, tag = voice_for(language, voice)
    spoken = textwrap.wrap(_UNSPEAKABLE.sub(" ", message), _MAX_SPOKEN_CHARS)
    if not spoken:
        raise InvalidInput("the message to be spoken is empty: give it some words")
    for piece in spoken:
        parent.add_speak(piece, voice=chosen, language=tag)
    return parent


def _document(root: Any) -> str:
    written = str(root.to_string(pretty=False))
    size = len(written.encode())
    if size > MAX_DOCUMENT_BYTES:
        raise InvalidInput(
            f"the call document has {size} bytes, Plivo takes {MAX_DOCUMENT_BYTES}:"
            " shorten the message"
        )
    return written
