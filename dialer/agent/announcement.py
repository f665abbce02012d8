"""The mind of a notification spoken over the stream: a message, then keys or words for an answer.

It asks no model: everything it understands is found locally.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from dialer.agent.appointment import OpensAt, always, appoint
from dialer.agent.intents import (
    Intent,
    asks_for_another_date,
    asks_for_callback,
    find_intent,
)
from dialer.agent.moves import HandOver, HangUp, Move, Moves, OptOut, Say, Settle, ToolCall
from dialer.agent.numbers import read_number
from dialer.agent.script import Line, line
from dialer.agent.sentences import in_language
from dialer.agent.unclear import Unclear
from dialer.agent.words import words_of
from dialer.agent.yes_no import read_yes_no
from dialer.domain.attempt import Disposition
from dialer.domain.definition import (
    DEFAULT_GOODBYE,
    DISPOSITION_OF_KEY,
    Definition,
    KeyMeaning,
    NotificationSection,
)

TELLINGS: Final = 2  # of the message, as over XML
MOST_TURNS: Final = 6  # of the callee; who asks for the message again may hear it so often
_PATIENCE_WITHOUT_KEYS_S = 2.0  # nothing is asked; who wants no more calls can still say so
_CONFIRMING = frozenset(
    words_of("confirm confirmed confirming pakka pakki पक्का पक्की कन्फर्म मंजूर attending coming")
)


class Announcement:
    """See `dialer.agent.moves.Mind`."""

    def __init__(
        self,
        definition: Definition,
        *,
        values: Mapping[str, object],
        zone: ZoneInfo,
        language: str | None = None,
        is_recorded: bool | None = None,
        opens_at: OpensAt = always,
    ) -> None:
        """``values``: what placeholders stand for; ``zone``: the lead's;
        ``opens_at``: when the law allows calls."""
        assert definition.notification is not None  # the kind of campaign this mind is for
        section = definition.notification
        recorded = definition.is_recorded if is_recorded is None else is_recorded
        self._opens_at = opens_at
        self._words = in_language(language or definition.campaign.language)
        self._zone = zone
        self._keys = section.keys
        self._message = line(section.message, values)
        self._announcement = Line(self._words.call_is_recorded, is_fixed=True) if recorded else None
        self._replies = {
            meaning: line(section.replies.get(meaning, self._words.key_replies[meaning]), values)
            for meaning in DISPOSITION_OF_KEY
        }
        self._goodbye = line(self._goodbye_of(section), values)
        when = definition.transfer.when if definition.transfer is not None else ()
        self._may_transfer = "asked" in when
        self._patience_s = (
            float(section.key_timeout_s) if section.keys else _PATIENCE_WITHOUT_KEYS_S
        )
        self._tellings = self._turns = 0
        self._has_ended = False

    def _goodbye_of(self, section: NotificationSection) -> str:
        is_own = section.goodbye != DEFAULT_GOODBYE
        return section.goodbye if is_own else self._words.announcement_goodbye

    @property
    def patience_s(self) -> float:
        return self._patience_s

    @property
    def most_keys(self) -> int:
        return 1

    @property
    def fixed_texts(self) -> Sequence[str]:
        lines = [self._message, self._goodbye, *self._replies.values()]
        told = [self._words.apology, *(each.text for each in lines if each.is_fixed)]
        return tuple(dict.fromkeys(told))

    def begin(self) -> Moves:
        told = [self._announcement.say()] if self._announcement is not None else []
        return [*told, *self._tell()]

    def hear(self, text: str, now: datetime) -> Moves:
        if self._has_ended:  # but who asks for no more calls is heard until the line is gone
            return [OptOut()] if find_intent(text) is Intent.OPT_OUT else ()
        self._turns += 1
        intent = find_intent(text)
        if intent is Intent.OPT_OUT:
            return self._mean("opted_out")
        if intent is Intent.HUMAN:
            return self._hand_over()
        if asks_for_another_date(text) and self._offers("reschedule"):
            return self._mean("reschedule")
        if asks_for_callback(text):
            return self._call_back(text, now)
        if self._turns > MOST_TURNS:
            return self._say_goodbye()
        if intent is Intent.ROBOT:
            return [Say(self._words.i_am_automated, is_fixed=True), self._message.say()]
        if intent is Intent.REPEAT:
            return [self._message.say()]
        if (meaning := self._meaning_of(text)) is not None:
            return self._mean(meaning)
        return self._tell_again()

    def press(self, keys: str, now: datetime) -> Moves:
        if self._has_ended:
            return ()
        meaning = next((self._keys[key] for key in keys if key in self._keys), None)
        return self._tell_again() if meaning is None else self._mean(meaning)

    def use_tool(self, call: ToolCall, now: datetime) -> Moves:
        return ()  # no model is asked

    def replied(self, text: str, now: datetime) -> Moves:
        return ()

    def said(self, heard: str, *, is_cut: bool) -> None:
        """Nothing follows from it: who spoke into the message is answered as if at its end."""

    def silence(self, now: datetime) -> Moves:
        return () if self._has_ended else self._tell_again()

    def fail(self, now: datetime) -> Moves:
        if self._has_ended:
            return ()
        self._has_ended = True
        apology = Say(self._words.apology, is_fixed=True, may_interrupt=False)
        return [Settle(Disposition.CALLBACK), apology, HangUp()]

    def time_is_up(self, now: datetime) -> Moves:
        return () if self._has_ended else self._say_goodbye()

    def _offers(self, meaning: KeyMeaning) -> bool:
        return meaning in self._keys.values()

    def _meaning_of(self, text: str) -> KeyMeaning | None:
        """``one``, ``press nine``; yes confirms where there is something to confirm."""
        number = read_number(text)
        if not isinstance(number, Unclear) and len(words_of(text)) <= 3:
            return self._keys.get(str(number))
        is_yes = read_yes_no(text)
        if is_yes is False or not self._offers("confirmed"):
            return None
        is_confirmed = is_yes is True or bool(_CONFIRMING & set(words_of(text)))
        return "confirmed" if is_confirmed else None

    def _tell(self) -> list[Move]:
        self._tellings += 1
        return [self._message.say()]

    def _tell_again(self) -> list[Move]:
        if self._keys and self._tellings < TELLINGS:
            return self._tell()
        return self._say_goodbye()

    def _say_goodbye(self) -> list[Move]:
        self._has_ended = True
        return [self._goodbye.say(), HangUp()]

    def _mean(self, meaning: KeyMeaning) -> list[Move]:
        self._has_ended = True
        is_opt_out = meaning == "opted_out"
        fact = OptOut() if is_opt_out else Settle(DISPOSITION_OF_KEY[meaning])
        return [fact, self._replies[meaning].say(), HangUp()]

    def _hand_over(self) -> list[Move]:
        self._has_ended = True
        if self._may_transfer:
            return [Say(self._words.connecting, is_fixed=True), HandOver("asked")]
        promise = Say(self._words.colleague_calls, is_fixed=True)
        return [Settle(Disposition.CALLBACK), promise, HangUp()]

    def _call_back(self, text: str, now: datetime) -> list[Move]:
        """At the time they named, said back to them; without one, some time."""
        now_local = now.astimezone(self._zone)
        found = appoint(text, now_local, self._zone, self._words, self._opens_at)
        if isinstance(found, Unclear):
            return self._mean("callback")
        self._has_ended = True
        return [Settle(Disposition.CALLBACK, found.at), Say(found.sentence), HangUp()]
