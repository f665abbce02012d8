"""What the callee hears when a call goes on after its stream, as documents for the carrier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dialer.call.notification import voicemail_document
from dialer.domain.after_stream import Next
from dialer.domain.definition import Definition
from dialer.providers import plivo_xml

#: A leg to a person may talk this long; the agent's own limit is `dialing.max_call_s`.
TRANSFER_LIMIT_S = 3600


@dataclass(frozen=True, slots=True)
class Words:
    """``apology`` is followed by ``promise`` if somebody will call back, then by ``goodbye``."""

    apology: str
    nobody_free: str
    promise: str
    goodbye: str


_ENGLISH = Words(
    apology="Sorry, something is wrong on our side of the line.",
    nobody_free="Sorry, none of my colleagues is free at this moment.",
    promise="We will call you back.",
    goodbye="Goodbye.",
)
_HINDI = Words(
    apology="माफ़ कीजिए, हमारी लाइन में कुछ ख़राबी है।",
    nobody_free="माफ़ कीजिए, इस समय मेरे कोई सहकर्मी ख़ाली नहीं हैं।",
    promise="हम आपको फिर से फ़ोन करेंगे।",
    goodbye="नमस्ते।",
)


@dataclass(frozen=True, slots=True)
class TransferUrls:
    """Where the carrier posts that the transfer ended, and what happens to its leg."""

    action_url: str
    leg_url: str


def document_after_stream(
    goes_on: Next,
    definition: Definition,
    values: Mapping[str, object],
    *,
    caller_id: str,
    urls: TransferUrls,
    is_promised: bool,
) -> str:
    """Return the document for what `domain.after_stream` decided.

    is_promised: the lead will be called back, by us or by a person.
    """
    if goes_on == "voicemail":
        return voicemail_document(definition, values)
    if goes_on == "dial" and definition.transfer is not None:
        return plivo_xml.dial(
            definition.transfer.to,
            caller_id=caller_id,
            action_url=urls.action_url,
            callback_url=urls.leg_url,
            time_limit_s=TRANSFER_LIMIT_S,
        )
    if goes_on == "hang_up":
        return plivo_xml.hang_up()
    return _say(definition, lambda words: words.apology, is_promised=is_promised)


def document_after_dial(definition: Definition, *, was_connected: bool, is_promised: bool) -> str:
    """Return what follows a transfer: nothing more, or that nobody is free."""
    if was_connected:
        return plivo_xml.hang_up()
    return _say(definition, lambda words: words.nobody_free, is_promised=is_promised)


def _say(definition: Definition, which: Callable[[Words], str], *, is_promised: bool) -> str:
    """Say it in Hindi to who is spoken to in Hindi, else in English."""
    language = definition.campaign.language
    words, language = (
        (_HINDI, "hi-IN")
        if language.startswith("hi")
        else (_ENGLISH, language if language.startswith("en") else "en-IN")
    )
    spoken = [which(words), words.promise if is_promised else "", words.goodbye]
    return plivo_xml.say_and_hang_up(" ".join(filter(None, spoken)), language=language)
