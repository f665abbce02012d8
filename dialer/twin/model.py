"""The twin's language model: a pure function of messages and tools. The same input always gives
the same output.

It does what a small real model does with the prompt it is given: acknowledges an answer and
records it, answers a question from what it was told, follows a wish with the tool that is offered.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dialer.twin import model_words as words
from dialer.twin.model_numbers import has_date, has_number
from dialer.twin.model_prompt import Prompt, Question, Tool, read_prompt
from dialer.twin.model_time import callback_time
from dialer.twin.model_words import flat


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One tool call; ``arguments`` is JSON."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ModelReply:
    """``seed`` is a number of the input, for ids."""

    text: str
    calls: tuple[ModelCall, ...] = ()
    seed: int = 0


_DEVANAGARI = re.compile(r"[\u0900-\u097f]")
_CLAUSE = re.compile(r"(?<=[?.!।])\s+|\s*[,;]?\s+(?:but|lekin|magar|लेकिन|मगर)\s+", re.IGNORECASE)
_FILLER = r"(?:u+m+|u+h+|e+r+m?|a+h+|h+m+|oh|well|so|actually|you see|let me see|matlab|अम्म|हम्म)"
_LEAD_IN = (
    r"(?:yes|yeah|yep|ya|ok|okay|sure|right|alright|it is|it's|its|that is|that's|i think|i guess|"
    r"i would say|it would be|haan ji|haan|han|haanji|ji|achha|accha|हाँ जी|हां जी|हाँ|हां|जी|अच्छा)"
)
_BEFORE = {
    "yes_no": re.compile(rf"^(?:{_FILLER}[\s,.…-]+)+", re.IGNORECASE),
    "text": re.compile(rf"^(?:{_FILLER}[\s,.…-]+)+", re.IGNORECASE),
}
_BEFORE_VALUE = re.compile(rf"^(?:(?:{_FILLER}|{_LEAD_IN})[\s,.…-]+)+", re.IGNORECASE)
_FAILED = re.compile(r"error|invalid|unknown|unclear|not |cannot|failed|wrong", re.IGNORECASE)
_STOPWORDS = {
    "what", "whats", "that", "this", "your", "with", "have", "does", "will", "from", "about",
    "there", "they", "them", "then", "when", "where", "which", "would", "could", "should",
    "much", "many", "please", "tell", "know", "want", "like", "just", "some", "more", "than",
    "into", "also", "call", "calling", "phone", "number", "you", "are", "the", "and", "for",
    "how", "who", "why", "did", "get", "got", "can", "any", "our",
}  # fmt: skip

_THANKS = ("Thank you.", "Got it.", "Alright.")
_THANKS_HI = ("धन्यवाद।", "समझ गई।", "ठीक है।")
_UNKNOWN = "I do not know that, but a colleague can tell you."
_UNKNOWN_HI = "यह मुझे नहीं पता, लेकिन हमारे सहयोगी आपको बता सकते हैं।"
_SORRY = "Sorry, I did not get that."
_SORRY_HI = "माफ़ कीजिए, मैं समझ नहीं पाई।"
_REGRET = "I am sorry about that."
_REGRET_HI = "मुझे इसके लिए खेद है।"
_WHEN = "Of course. When should we call you?"
_WHEN_HI = "ज़रूर। हम आपको कब फोन करें?"


def answer(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> ModelReply:
    """Reply to the last user message as the system messages ask."""
    prompt = read_prompt(messages, tools)
    said = prompt.said
    seed = zlib.crc32(f"{said}|{len(messages)}".encode())
    if said is None:
        return ModelReply("", seed=seed)
    if prompt.results:
        return ModelReply(_after_tools(prompt, said), seed=seed)
    text, calls = _wish(prompt, said) or _conversation(prompt, said)
    return ModelReply(text, tuple(calls), seed)


Decision = tuple[str, list[ModelCall]]


def _wish(prompt: Prompt, said: str) -> Decision | None:
    """What the callee wants of us, if it is one of the things there is a tool for."""
    heard = flat(said)
    if words.STOP_CALLING.search(heard) and not words.NOT_NOW.search(heard):
        return _use(prompt, "opt_out", {}) or (_thanks(said), [])
    about_robot = words.topic_of(said)[0] == "robot"
    if words.HUMAN_PLEASE.search(heard) and not about_robot:
        return _choose(prompt, "transfer", "asked") or (_unknown(said), [])
    if words.ANNOYED.search(heard):
        regret = _either(said, _REGRET, _REGRET_HI)
        return _choose(prompt, "transfer", "frustrated") or (regret, [])
    return _later(prompt, said, heard) or _end(prompt, heard)


def _later(prompt: Prompt, said: str, heard: str) -> Decision | None:
    wants_call = bool(words.CALL_ME.search(heard) or words.BUSY.search(heard))
    was_asked = bool(words.ASKED_WHEN.search(flat(prompt.before)))
    if not wants_call and not was_asked:
        return None
    at = callback_time(said, prompt.now) if prompt.now is not None else None
    if at is not None:
        return _use(prompt, "schedule_callback", {"at": at.strftime("%Y-%m-%dT%H:%M")})
    is_later = words.LATER.search(heard) or (was_asked and words.UNSURE.search(heard))
    if words.BUSY.search(heard) or is_later:
        return _ask_when(prompt, said)
    return None


def _ask_when(prompt: Prompt, said: str) -> Decision | None:
    """No time was named: left empty where the tool says that it may be, else asked for."""
    tool = prompt.tools.get("schedule_callback")
    if tool is None:
        return None
    told = (str(schema.get("description") or "") for schema in tool.parameters.values())
    if any("empty" in each for each in told):
        return _use(prompt, tool.name, {"at": ""})
    return _either(said, _WHEN, _WHEN_HI), []


def _end(prompt: Prompt, heard: str) -> Decision | None:
    # To "Do you want a visit?" a "no, I don't want it" is an answer and no goodbye.
    is_yes_no = prompt.asking is not None and prompt.asking.type == "yes_no"
    is_refusal = words.NO_NEED.search(heard) is not None and not is_yes_no
    if words.WRONG_PERSON.search(heard):
        return _end_call(prompt, "wrong_person")
    if words.NOT_INTERESTED.search(heard) or is_refusal:
        return _end_call(prompt, "not_interested")
    if words.GOODBYE.search(heard):
        return _end_call(prompt, "finished")
    return None


def _conversation(prompt: Prompt, said: str) -> Decision:
    """Questions answered, answers recorded; both, when both were said in one turn."""
    clauses = [part for part in _CLAUSE.split(said) if part and part.strip()]
    questions = [part for part in clauses if words.asks(part)]
    if not questions and words.SAY_AGAIN.search(flat(said)):
        return "", []  # the script's own words are said again by whoever owns them
    if words.HELLO_ONLY.match(flat(said)):
        return "", []
    rest = " ".join(part for part in clauses if part not in questions).strip()
    record = _record(prompt, rest) if rest else None
    if questions:
        if words.SAY_AGAIN.search(flat(questions[0])) and not words.topic_of(questions[0])[0]:
            return "", [record] if record else []
        return _explain(prompt, questions[0]), [record] if record else []
    if record is not None:
        return _thanks(said), [record]
    if prompt.asking is None and flat(said).strip() and not _is_blank(said):
        return _thanks(said), []
    return _sorry(said), []


def _record(prompt: Prompt, said: str) -> ModelCall | None:
    question, tool = prompt.asking, prompt.tools.get("record_answer")
    if question is None or tool is None:
        return None
    value = _value(question, said)
    key = _parameter(tool, question.id)
    others = [name for name in tool.parameters if name != key]
    if value is None or key is None or not others:
        return None
    return _call(tool.name, {key: question.id, others[0]: value})


def _value(question: Question, said: str) -> str | None:
    """The callee's own words for the answer, or None if they are none to this question."""
    heard = flat(said)
    if _is_blank(said) or (question.type != "text" and _is_unsure(question, said)):
        return None
    bare = _BEFORE.get(question.type, _BEFORE_VALUE).sub("", said.strip()).strip(" ,") or said
    match question.type:
        case "yes_no":
            is_clear = words.YES.search(heard) or words.NO.search(heard)
            return (words.plain_side(bare) or bare) if is_clear else None
        case "number":
            return bare if has_number(said) else None
        case "date":
            return bare if has_date(said) else None
        case "choice":
            named = words.named_choices(said, question.choices)
            if len(named) != 1:
                return None
            return bare if flat(named[0]) in heard else named[0]
        case _:
            return None if set(words.UNSURE.sub("", heard).split()) <= words.BLANK else bare


def _is_unsure(question: Question, said: str) -> bool:
    """ "I don't know" and the like, unless a number, a date or a choice is named all the same."""
    heard = flat(said)
    if not words.UNSURE.search(heard):
        return False
    match question.type:
        case "number":
            return not has_number(said)
        case "date":
            return not has_date(said)
        case "choice":
            return not words.named_choices(said, question.choices)
        case _:
            sure = words.YES.search(heard)
            return sure is None or words.NO.search(heard) is not None


def _is_blank(said: str) -> bool:
    return set(flat(said).split()) <= words.BLANK


def _explain(prompt: Prompt, question: str) -> str:
    topic, hints = words.topic_of(question)
    if topic == "robot":
        return _either(question, "I am an AI assistant, not a person.", "मैं एक एआई सहायक हूँ।")
    known = _known(prompt.knowledge, f"{question} {hints}" if hints else question)
    if known:
        return known
    if topic == "who" and prompt.business:
        return f"I am an AI assistant calling for {prompt.business}."
    return _unknown(question)


def _known(knowledge: Sequence[str], asked: str) -> str:
    """The sentence that shares most words with what is asked, and the next if it does too."""
    wanted = _stems(asked)
    scores = [len(wanted & _stems(sentence)) for sentence in knowledge]
    if not any(scores):
        return ""
    best = scores.index(max(scores))
    following = knowledge[best + 1 : best + 2] if scores[best + 1 : best + 2] > [0] else []
    return " ".join([knowledge[best], *following])


def _stems(text: str) -> set[str]:
    return {word[:5] for word in flat(text).split() if len(word) > 2 and word not in _STOPWORDS}


def _after_tools(prompt: Prompt, said: str) -> str:
    """The tools have answered; what failed is asked for again."""
    return _sorry(said) if any(_FAILED.search(each) for each in prompt.results) else ""


def _use(prompt: Prompt, name: str, values: Mapping[str, str]) -> Decision | None:
    """Use a tool if it is offered; the values take its parameters' names, in their order."""
    tool = prompt.tools.get(name)
    if tool is None:
        return None
    given = dict(zip(tool.parameters, values.values(), strict=False))
    return "", [_call(name, given)]


def _choose(prompt: Prompt, name: str, reason: str) -> Decision | None:
    """Use a tool that takes this reason, or None."""
    tool = prompt.tools.get(name)
    key = _parameter(tool, reason) if tool is not None else None
    return ("", [_call(name, {key: reason})]) if key is not None else None


def _end_call(prompt: Prompt, reason: str) -> Decision | None:
    """End for this reason, or for the first the tool knows: who leaves must not be held."""
    tool = prompt.tools.get("end_call")
    if tool is None or (known := _choose(prompt, tool.name, reason)):
        return known if tool is not None else None
    key, schema = next(iter(tool.parameters.items()), ("", {}))
    return "", [_call(tool.name, {key: str(schema["enum"][0])} if schema.get("enum") else {})]


def _parameter(tool: Tool, value: str) -> str | None:
    """The parameter whose enum holds the value."""
    return next(
        (
            name
            for name, schema in tool.parameters.items()
            if isinstance(schema.get("enum"), list) and value in schema["enum"]
        ),
        None,
    )


def _call(name: str, arguments: Mapping[str, str]) -> ModelCall:
    return ModelCall(name, json.dumps(arguments, ensure_ascii=False))


def _either(said: str, english: str, hindi: str) -> str:
    return hindi if _DEVANAGARI.search(said) else english


def _thanks(said: str) -> str:
    at = zlib.crc32(said.encode()) % len(_THANKS)
    return _either(said, _THANKS[at], _THANKS_HI[at])


def _sorry(said: str) -> str:
    return _either(said, _SORRY, _SORRY_HI)


def _unknown(said: str) -> str:
    return _either(said, _UNKNOWN, _UNKNOWN_HI)
