"""The keypad conversation of an XML notification, as a pure step function.

The message is said, a key is awaited, no key or a wrong one repeats it once, then goodbye.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dialer.domain.attempt import Disposition
from dialer.domain.definition import (
    DEFAULT_REPLIES,
    DISPOSITION_OF_KEY,
    Definition,
    NotificationSection,
    fill,
)
from dialer.providers import plivo_xml

PROMPTS = 2  # the message is said at most this often
InputUrl = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class KeyStep:
    """What a pressed key means, and the document that answers it."""

    disposition: Disposition | None
    document: str


def lead_values(lead: Any) -> dict[str, object]:
    """Return what ``{placeholders}`` stand for: the lead's columns and attributes.

    ``first_name`` is the first word of the name where the list has no such column.
    """
    name = lead.name or ""
    values: dict[str, object] = dict(lead.attributes)
    values.update(
        {
            "phone": lead.phone,
            "name": name,
            "first_name": lead.first_name or name.split(" ")[0],
            "external_id": lead.external_id or "",
            "language": lead.language or "",
            "timezone": lead.timezone or "",
        }
    )
    return values


def answer_document(
    definition: Definition, values: Mapping[str, object], *, caller_id: str, input_url: InputUrl
) -> str:
    """Return what an answered phone hears first of a notification that the carrier speaks."""
    notification = _notification(definition)
    language = definition.campaign.language
    if notification.delivery == "sip" and notification.sip_uri:
        return plivo_xml.dial(
            notification.sip_uri, caller_id=caller_id, action_url=input_url(PROMPTS)
        )
    message = fill(notification.message, values)
    if not notification.keys:
        return plivo_xml.say_and_hang_up(message, language=language)
    return plivo_xml.prompt(
        message,
        input_urls=[input_url(number) for number in range(1, PROMPTS + 1)],
        language=language,
        goodbye=fill(notification.goodbye, values),
        key_wait_s=notification.key_timeout_s,
    )


def on_key(
    definition: Definition,
    values: Mapping[str, object],
    *,
    digits: str | None,
    prompt: int,
    input_url: InputUrl,
) -> KeyStep:
    """Decide after a key at the ``prompt``-th prompt (1 is the first)."""
    notification = _notification(definition)
    language = definition.campaign.language
    meaning = notification.keys.get((digits or "")[:1])
    if meaning is not None:
        reply = notification.replies.get(meaning, DEFAULT_REPLIES[meaning])
        document = plivo_xml.say_and_hang_up(fill(reply, values), language=language)
        return KeyStep(DISPOSITION_OF_KEY[meaning], document)
    goodbye = fill(notification.goodbye, values)
    if prompt >= PROMPTS:
        return KeyStep(None, plivo_xml.say_and_hang_up(goodbye, language=language))
    document = plivo_xml.prompt(
        fill(notification.message, values),
        input_urls=[input_url(number) for number in range(prompt + 1, PROMPTS + 1)],
        language=language,
        goodbye=goodbye,
        key_wait_s=notification.key_timeout_s,
    )
    return KeyStep(None, document)


def voicemail_document(definition: Definition, values: Mapping[str, object]) -> str:
    """Return what a machine hears after its beep; nothing if the campaign leaves no message."""
    message = definition.voicemail.message
    if definition.voicemail.action != "leave_message" or not message:
        return plivo_xml.empty()
    return plivo_xml.voicemail_message(fill(message, values), language=definition.campaign.language)


def _notification(definition: Definition) -> NotificationSection:
    assert definition.notification is not None  # the routes ask only for notifications
    return definition.notification
