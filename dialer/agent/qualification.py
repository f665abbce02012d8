"""The qualification agent's mind: asks its questions in order, takes answers, decides by rule.

The model understands the callee and answers objections; everything it claims comes through
`use_tool` and is judged here. What must be said is said in the campaign's own words by `_next`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from dialer.agent.answer_sheet import AnswerSheet
from dialer.agent.answers import most_keys, read_answer, read_keys
from dialer.agent.appointment import Appointment, OpensAt, always, appoint
from dialer.agent.history import History
from dialer.agent.intents import Intent, find_intent, is_only_a_greeting
from dialer.agent.moves import (
    Answer,
    HandOver,
    HangUp,
    Message,
    Move,
    Moves,
    OptOut,
    Record,
    Say,
    Settle,
    Think,
    ToolCall,
)
from dialer.agent.prompt import NO_ANSWER, situation
from dialer.agent.script import Line, script_for
from dialer.agent.spoken import Spoken
from dialer.agent.tool_use import Done, read_arguments, spoken_value
from dialer.agent.unclear import Unclear
from dialer.agent.words import words_of
from dialer.domain.attempt import Disposition
from dialer.domain.definition import Definition

PATIENCE_S: Final = 6.0  # of quiet before the callee is asked whether they are there
MOST_SILENCES: Final = 2  # in a row; the next ends the call
MOST_MUMBLES: Final = 3  # in a row
MOST_IDLE: Final = 12  # turns of the callee in a row that bring no new answer
MOST_USES: Final = 8  # of tools in one reply
_MOST_THANKS = 4  # words a model says beside an answer; more is an explanation


class Qualification:
    """See `dialer.agent.moves.Mind`. Plain values only: a call copies its mind to go back."""

    def __init__(
        self,
        definition: Definition,
        *,
        values: Mapping[str, object],
        zone: ZoneInfo,
        language: str | None = None,
        is_recorded: bool | None = None,
        known: Mapping[str, Answer] | None = None,
        opens_at: OpensAt = always,
    ) -> None:
        """``values``: what placeholders stand for; ``zone``: the lead's. Language and recording
        are the campaign's unless the call's differ. ``known``: answers that this call has given
        already, before its stream broke and came again; ``opens_at``: when the law allows calls."""
        self._script = script_for(
            definition,
            values,
            language=language or definition.campaign.language,
            is_recorded=definition.is_recorded if is_recorded is None else is_recorded,
        )
        self._words = self._script.sentences
        self._zone, self._opens_at = zone, opens_at
        self._history = History()
        questions = tuple(self._script.questions.values())
        self._sheet = AnswerSheet(questions, self._script.rules, known or {})
        self._spoken = Spoken(self._script.opening)
        self._idle = self._silences = self._mumbles = self._callback_tries = 0
        self._has_ended = self._wants_to_finish = False
        self._settled: Disposition | None = None
        self._is_thinking = self._has_explained = self._wants_repeat = False
        self._begin_reply(rethinks=0)

    @property
    def patience_s(self) -> float:
        return PATIENCE_S

    @property
    def most_keys(self) -> int:
        current = self._sheet.current
        return most_keys(current) if current is not None else 1

    @property
    def fixed_texts(self) -> Sequence[str]:
        return self._script.fixed_texts

    def begin(self) -> Moves:
        return self._next()

    def hear(self, text: str, now: datetime) -> Moves:
        if self._has_ended:  # but who asks for no more calls is heard until the line is gone
            return [OptOut()] if find_intent(text) is Intent.OPT_OUT else ()
        self._callee_turn()
        self._silences = 0
        if not words_of(text):
            return self._mumbled()
        self._mumbles = 0
        self._history.callee_said(text)
        intent = find_intent(text)
        if intent is Intent.OPT_OUT:
            return self._opt_out()
        if intent is Intent.HUMAN:
            return self._transfer("asked")
        if self._idle > MOST_IDLE:
            return self._end(self._sheet.verdict(), self._script.goodbye)
        if intent is Intent.ROBOT:
            return self._next_after(self._words.i_am_automated)
        # What the model explained only the model can explain again.
        self._wants_repeat = intent is Intent.REPEAT
        if self._wants_repeat and not self._has_explained:
            return self._next()
        is_at_opening = self._spoken.is_opening_owed and self._spoken.asked is None
        if is_at_opening and is_only_a_greeting(text):
            return self._next()
        self._begin_reply(rethinks=0)
        return self._think(now)

    def press(self, keys: str, now: datetime) -> Moves:
        if self._has_ended:
            return ()
        self._callee_turn()
        self._silences = 0
        self._history.callee_said(f"(pressed {keys[:20]})")
        if self._idle > MOST_IDLE:
            return self._end(self._sheet.verdict(), self._script.goodbye)
        current, digits = self._sheet.current, keys.removesuffix("#")
        if current is None or self._spoken.asked != current.id or not digits or "*" in digits:
            return self._next()
        answer = read_keys(current, digits)
        if isinstance(answer, Unclear):
            return self._follow_up(is_asked_back=False)
        return [*self._take(current.id, answer), *self._next()]

    def use_tool(self, call: ToolCall, now: datetime) -> Moves:
        if self._has_ended:
            return ()
        self._uses += 1
        if self._uses > MOST_USES:
            if self._uses == MOST_USES + 1:
                self._history.tool_was_used(call, "{}", "not done: too many tools in one reply")
            return ()
        arguments, as_json = read_arguments(call.arguments)
        if arguments is None:
            done = Done("not done: the arguments are not one JSON object")
        else:
            done = self._use(call.name, arguments, now)
        self._history.tool_was_used(call, as_json, done.result)
        self._has_worked |= done.is_ok
        return done.moves

    def replied(self, text: str, now: datetime) -> Moves:
        if self._has_ended or not self._is_thinking:
            return ()
        self._is_thinking = False
        spoken = words_of(text)
        self._has_explained = len(spoken) > _MOST_THANKS
        is_question = text.rstrip(" \"'”’)*").endswith(("?", "？"))
        if self._wants_time:
            return () if is_question else [_fixed(self._words.ask_when)]
        if self._is_unclear:
            return self._follow_up(is_asked_back=is_question)
        if self._has_worked:
            return self._next()
        if not spoken and not self._wants_repeat:  # nothing, or tools that failed
            if self._rethinks:
                return [_fixed(self._words.say_again)]
            self._begin_reply(rethinks=1)
            return self._think(now)
        has_nothing_to_ask = is_question or not self._script.questions
        if spoken and has_nothing_to_ask and not self._spoken.is_opening_owed:
            return ()
        return self._ask_again()

    def said(self, heard: str, *, is_cut: bool) -> None:
        self._history.agent_was_heard(heard, is_cut=is_cut)
        self._spoken.heard(heard, is_cut=is_cut)

    def silence(self, now: datetime) -> Moves:
        if self._has_ended:
            return ()
        self._callee_turn()
        self._silences += 1
        if self._silences > MOST_SILENCES or self._idle > MOST_IDLE:
            return self._end(self._sheet.verdict(), _line(self._words.nobody_there))
        return self._next_after(self._words.still_there)

    def fail(self, now: datetime) -> Moves:
        if self._has_ended:
            return ()
        self._has_ended = True
        apology = Say(self._words.apology, is_fixed=True, may_interrupt=False)
        return [Settle(Disposition.CALLBACK), apology, HangUp()]

    def time_is_up(self, now: datetime) -> Moves:
        if self._has_ended:
            return ()
        return self._end(self._sheet.verdict(), _line(self._words.time_is_up))

    def _callee_turn(self) -> None:
        self._idle += 1
        self._wants_repeat = False
        self._spoken.heard("", is_cut=False)  # a go whose end nobody told was not interrupted
        self._is_thinking = False

    def _mumbled(self) -> Moves:
        self._mumbles += 1
        if self._mumbles > MOST_MUMBLES or self._idle > MOST_IDLE:
            return self._end(self._sheet.verdict(), _line(self._words.nobody_there))
        return self._next_after(self._words.not_heard)

    def _next(self) -> list[Move]:
        """Say what is owed of the opening, then the open question; without one, end by rule."""
        question = self._sheet.ask_next()
        if question is None and self._script.questions:
            return self._finish()
        moves: list[Move] = [*self._spoken.tell_opening()]
        if question is not None:
            moves.append(self._spoken.ask(question.id, self._script.asks[question.id]))
        return moves or [_fixed(self._words.say_again)]

    def _next_after(self, words: str) -> list[Move]:
        """Say ``words`` before what comes next, unless that is the end."""
        following = self._next()
        return following if self._has_ended else [_fixed(words), *following]

    def _ask_again(self) -> list[Move]:
        """After an objection: the same question, in time with what an answer should be."""
        before = self._sheet.current
        is_often = before is not None and self._sheet.was_asked_often(before.id)
        following = self._next()
        if before is None or not is_often or before != self._sheet.current:
            return following
        return [self._script.expects(before.id).say(), *following]

    def _follow_up(self, *, is_asked_back: bool) -> Moves:
        """An answer was unclear: say what is expected, or leave the question."""
        current = self._sheet.current
        if not self._sheet.was_unclear() or current is None:
            return self._next_after(self._words.let_us_go_on)
        return () if is_asked_back else self._next_after(self._script.expects(current.id).text)

    def _finish(self) -> list[Move]:
        """All was asked."""
        verdict = self._sheet.verdict()
        if verdict is Disposition.QUALIFIED and "qualified" in self._script.transfers_when:
            self._has_ended = True
            connecting = _fixed(self._words.connecting_qualified)
            return [*self._settle(verdict), connecting, HandOver("qualified")]
        return self._end(verdict, self._script.goodbye)

    def _end(
        self, disposition: Disposition, last_words: Line, *, at: datetime | None = None
    ) -> list[Move]:
        self._has_ended = True
        return [*self._settle(disposition, at), last_words.say(), HangUp()]

    def _settle(self, disposition: Disposition, at: datetime | None = None) -> list[Settle]:
        """Write down what was established, unless that already stands there."""
        if self._settled is disposition and at is None:
            return []
        self._settled = disposition
        return [Settle(disposition, at)]

    def _opt_out(self) -> list[Move]:
        self._has_ended = True
        return [OptOut(), _fixed(self._words.opted_out), HangUp()]

    def _transfer(self, reason: Literal["asked", "frustrated"]) -> list[Move]:
        if reason not in self._script.transfers_when:
            return self._end(Disposition.CALLBACK, _line(self._words.colleague_calls))
        self._has_ended = True
        return [_fixed(self._words.connecting), HandOver(reason)]

    def _begin_reply(self, *, rethinks: int) -> None:
        self._rethinks = rethinks
        self._uses = 0
        self._has_worked = self._is_unclear = self._wants_time = False

    def _think(self, now: datetime) -> Moves:
        self._is_thinking = True
        current = self._sheet.current
        is_asked = current is not None and self._spoken.asked == current.id
        told = situation(
            now_local=now.astimezone(self._zone),
            zone=self._zone.key,
            asking=self._spoken.asked if is_asked else None,
            still_open=self._sheet.open,
            answers=self._sheet.answers,
            lead=self._script.lead,
        )
        messages = (
            Message("system", self._script.prompt),
            *self._history.messages,
            Message("system", told),
        )
        return [Think(messages, self._script.tools)]

    def _use(self, name: str, arguments: Mapping[str, object], now: datetime) -> Done:
        now_local, reason = now.astimezone(self._zone), arguments.get("reason")
        match name:
            case "record_answer":
                return self._record(arguments, now_local)
            case "opt_out":
                return Done("done", self._opt_out(), is_ok=True)
            case "schedule_callback":
                return self._schedule(arguments, now_local)
            case "transfer":
                return self._transfer_as(reason)
            case "end_call":
                return self._end_as(reason)
        return Done("not done: there is no such tool")

    def _record(self, arguments: Mapping[str, object], now_local: datetime) -> Done:
        question_id, value = arguments.get("question_id"), spoken_value(arguments.get("value"))
        question = self._script.questions.get(str(question_id))
        if question is None or value is None:
            return Done("not recorded: no such question, or the value is not text")
        if value.strip().casefold() == NO_ANSWER:
            self._sheet.give_up(question.id)
            return Done("noted: no answer", is_ok=True)
        answer = read_answer(question, value, now_local)
        if isinstance(answer, Unclear):
            self._is_unclear |= question == self._sheet.current
            return Done(f"not recorded: {answer.reason}")
        self._is_unclear &= question != self._sheet.current  # the model tried again, and well
        return Done("recorded", self._take(question.id, answer), is_ok=True)

    def _take(self, question_id: str, answer: Answer) -> list[Move]:
        """Keep an answer. Once nothing required is open the call is decided, should the callee
        hang up before its end."""
        if self._sheet.take(question_id, answer):
            self._idle = 0
        moves: list[Move] = [Record(question_id, answer)]
        if not self._sheet.has_required_open:
            moves += self._settle(self._sheet.verdict())
        return moves

    def _schedule(self, arguments: Mapping[str, object], now_local: datetime) -> Done:
        text = spoken_value(arguments.get("at")) or ""
        found = appoint(text, now_local, self._zone, self._words, self._opens_at)
        if isinstance(found, Appointment):
            line = Line(found.sentence, is_fixed=False)
            return Done("done", self._end(Disposition.CALLBACK, line, at=found.at), is_ok=True)
        self._callback_tries += 1
        if self._callback_tries > 1:
            moves = self._end(Disposition.CALLBACK, _line(self._words.will_call))
            return Done("done", moves, is_ok=True)
        self._wants_time = True
        return Done(f"not done: {found.reason}; the person is asked for a day and a time")

    def _transfer_as(self, reason: object) -> Done:
        if reason == "asked":
            return Done("done", self._transfer("asked"), is_ok=True)
        if reason == "frustrated" and reason in self._script.transfers_when:
            return Done("done", self._transfer("frustrated"), is_ok=True)
        return Done("not done: no transfer for this reason")

    def _end_as(self, reason: object) -> Done:
        match reason:
            case "not_interested":
                line = _line(self._words.not_interested)
                return Done("done", self._end(Disposition.NOT_QUALIFIED, line), is_ok=True)
            case "wrong_person":
                line = _line(self._words.wrong_person)
                return Done("done", self._end(Disposition.INCOMPLETE, line), is_ok=True)
            case "finished" if not self._sheet.has_required_open or self._wants_to_finish:
                return Done("done", self._finish(), is_ok=True)
            case "finished":
                self._wants_to_finish = True
                return Done("not done: questions are still open")
        return Done("not done: no such reason")


def _line(text: str) -> Line:
    return Line(text, is_fixed=True)


def _fixed(text: str) -> Say:
    return Say(text, is_fixed=True)
