"""A campaign file is understood whole, or refused by path, found and allowed."""

from __future__ import annotations

import copy
import tomllib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.attempt import Outcome
from dialer.domain.definition import Definition, fill, placeholders, to_tables
from dialer.domain.definition_parse import parse_tables, parse_toml
from dialer.errors import InvalidInput

NOTIFY = """
[campaign]
name = "Diwali"
kind = "notification"
category = "service"
rule_packs = ["in"]

[dialing]
caller_ids = ["+911601200001"]
hours = ["10:00-13:00", "20:00-24:00"]
days = ["mon", "fri"]
starts_at = 2026-11-23T10:00:00+05:30
ends_at = 2026-11-30T10:00:00+05:30

[retry]
max_attempts = 3
delays = { busy = ["PT30M", "PT2H"], no_answer = ["P1DT2H"] }

[notification]
message = "Hello {first_name}, from {clinic name}."
keys = { 1 = "confirmed", 9 = "opted_out" }
replies = { confirmed = "Until {date}." }
"""
TALK = """
[campaign]
name = "Homes"
kind = "qualification"
category = "promotional"
rule_packs = ["in"]

[dialing]
caller_ids = ["+911402000001"]

[transfer]
to = "sip:desk@example.com"

[agent]
opening = "Hello {first_name}."
disclosure = "I am a computer."
models = { reply = "fast" }
questions = [
  { id = "owns", ask = "Do you own your home?", type = "yes_no" },
  { id = "area", ask = "Which part of {city}?", type = "choice", choices = ["north", "south"] },
]
qualified_when = [{ question = "owns", op = "==", value = false }]
"""


def changed(text: str, path: str, value: object) -> dict[str, Any]:
    """The tables of ``text`` with one value set; `KeyError` (the type) removes it."""
    tables = tomllib.loads(text)
    *above, last = path.split("/")
    place: Any = tables
    for step in above:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    if value is KeyError:
        del place[last]
    elif isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return tables


def refused(tables: dict[str, Any]) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse_tables(tables, source="c.toml")
    return caught.value


@pytest.mark.parametrize(
    ("text", "at", "value", "path", "message"),
    [
        (NOTIFY, "campaign/name", "", "campaign.name", "found ''; allowed: text of 1 to 80"),
        (NOTIFY, "campaign/name", 5, "campaign.name", "found 5; allowed: text"),
        (NOTIFY, "campaign/name", KeyError, "campaign.name", "missing"),
        (NOTIFY, "campaign", KeyError, "campaign", "missing"),
        (NOTIFY, "campaign", "x", "campaign", "found 'x'; allowed: a table"),
        (NOTIFY, "campaign/colour", "red", "campaign.colour", "allowed: name, kind, category"),
        (NOTIFY, "colour", {}, "colour", "unknown key; allowed: campaign, dialing, retry"),
        (NOTIFY, "campaign/kind", "poll", "campaign.kind", "allowed: notification, qualification"),
        (NOTIFY, "campaign/entity", "bank", "campaign.entity", "found 'bank'; allowed: bfsi, gov"),
        (NOTIFY, "campaign/sector", 9, "campaign.sector", "a whole number from 1 up to 8"),
        (NOTIFY, "campaign/language", "Hindi", "campaign.language", "such as en-IN or hi-IN"),
        (NOTIFY, "campaign/rule_packs", [], "campaign.rule_packs", "a list of 1 entry or more"),
        (NOTIFY, "campaign/rule_packs", ["in", ""], "campaign.rule_packs[1]", "found ''"),
        (NOTIFY, "dialing/caller_ids", ["0987"], "dialing.caller_ids[0]", "in E.164 form"),
        (NOTIFY, "dialing/max_cps", 0, "dialing.max_cps", "a number from 0.001 up to 1000"),
        (NOTIFY, "dialing/weight", 1e-320, "dialing.weight", "a number from 0.001 up to 1000"),
        (NOTIFY, "dialing/max_concurrent", 10**20, "dialing.max_concurrent", "1 up to 100000"),
        (NOTIFY, "dialing/max_cps", float("inf"), "dialing.max_cps", "found inf"),
        (NOTIFY, "dialing/weight", float("nan"), "dialing.weight", "found nan"),
        (NOTIFY, "dialing/hours", ["9-12"], "dialing.hours[0]", "found '9-12'; allowed: HH:MM"),
        (NOTIFY, "dialing/hours", ["13:00-10:00"], "dialing.hours[0]", "start before the end"),
        (NOTIFY, "dialing/days", ["mon", "tues"], "dialing.days[1]", "found 'tues'"),
        (NOTIFY, "dialing/starts_at", "soon", "dialing.starts_at", "found 'soon'; allowed: a time"),
        (NOTIFY, "dialing/starts_at", datetime(2026, 1, 1), "dialing.starts_at", "an offset"),
        (NOTIFY, "dialing/starts_at", "0001-01-01T00:00:00+14:00", "dialing.starts_at", "a year"),
        (NOTIFY, "dialing/ends_at", "9999-12-31T23:59:59-14:00", "dialing.ends_at", "a year"),
        (NOTIFY, "dialing/ends_at", datetime(2026, 1, 1, tzinfo=UTC), "dialing.ends_at", "after"),
        (NOTIFY, "dialing/ring_timeout_s", True, "dialing.ring_timeout_s", "found True"),
        (NOTIFY, "retry/max_attempts", 0, "retry.max_attempts", "from 1 up to 20"),
        (NOTIFY, "retry/delays/busy", ["1h"], "retry.delays.busy[0]", "found '1h'; allowed: an"),
        (NOTIFY, "retry/delays/busy", ["P1M"], "retry.delays.busy[0]", "ISO duration"),
        (NOTIFY, "retry/delays/busy", "PT1H", "retry.delays.busy", "found 'PT1H'; allowed: a list"),
        (NOTIFY, "retry/delays/busy", [30], "retry.delays.busy[0]", "found 30; allowed: text"),
        (NOTIFY, "retry/delays/engaged", [], "retry.delays.engaged", "allowed: completed, machine"),
        (NOTIFY, "voicemail/action", "sing", "voicemail.action", "hang_up, leave_message"),
        (NOTIFY, "voicemail/action", "leave_message", "voicemail.message", "missing"),
        (NOTIFY, "notification", KeyError, "notification", "missing"),
        (NOTIFY, "notification/message", "", "notification.message", "text of 1 to 3000"),
        (NOTIFY, "notification/message", "{}", "notification.message", "lead column"),
        (NOTIFY, "notification/message", "{name", "notification.message", "a lone {"),
        (NOTIFY, "notification/message", "{{name}}", "notification.message", "a lone {"),
        (NOTIFY, "notification/message", "a\0b", "notification.message", "U+0000"),
        (NOTIFY, "notification/delivery", "fax", "notification.delivery", "phlo, sip, stream"),
        (NOTIFY, "notification/delivery", "sip", "notification.sip_uri", "missing"),
        (NOTIFY, "notification/delivery", "phlo", "notification.phlo_id", "missing"),
        (NOTIFY, "notification/keys/12", "confirmed", "notification.keys.12", "one keypad key"),
        (NOTIFY, "notification/keys/1", "ok", "notification.keys.1", "found 'ok'; allowed: callb"),
        (NOTIFY, "notification/replies/ok", "x", "notification.replies.ok", "allowed: callback"),
        (NOTIFY, "notification/replies/confirmed", "", "notification.replies.confirmed", "''"),
        (NOTIFY, "notification/key_timeout_s", 2, "notification.key_timeout_s", "from 5 up to 60"),
        (TALK, "agent", KeyError, "agent", "missing"),
        (TALK, "agent/questions/0/ask", KeyError, "agent.questions[0].ask", "missing"),
        (TALK, "agent/questions/0/id", "Own it", "agent.questions[0].id", "lower-case letters"),
        (TALK, "agent/questions/1/id", "owns", "agent.questions[1].id", "used twice"),
        (TALK, "agent/questions/1/type", "x", "agent.questions[1].type", "choice, date, number"),
        (TALK, "agent/questions/1/choices", ["a"], "agent.questions[1].choices", "two or more"),
        (TALK, "agent/qualified_when/0/question", "q", "agent.qualified_when[0].question", "owns"),
        (TALK, "agent/qualified_when/0/op", ">", "agent.qualified_when[0].op", "found '>'"),
        (TALK, "agent/qualified_when/0/value", [True], "agent.qualified_when[0].value[0]", "True"),
        (TALK, "agent/qualified_when/0/value", {}, "agent.qualified_when[0].value", "or a list"),
        (TALK, "agent/questions/1/choices", ["a", " A"], "agent.questions[1].choices[1]", "twice"),
        (TALK, "agent/questions/1/choices", ["a", "b|c"], "agent.questions[1].choices[1]", "|"),
        (TALK, "agent/questions/0/choices", ["a"], "agent.questions[0].choices", "not allowed"),
        (TALK, "agent/questions/0/id", "nothing", "agent.questions[0].id", "any other word"),
        (TALK, "agent/qualified_when/0/op", ">=", "agent.qualified_when[0].op", "yes_no question"),
        (TALK, "agent/qualified_when/0/op", "in", "agent.qualified_when[0].op", "==, !="),
        (TALK, "agent/qualified_when/0/value", 1, "agent.qualified_when[0].value", "true or false"),
        (TALK, "agent/qualified_when/0/value", ["a"], "agent.qualified_when[0].value", "one value"),
        (TALK, "agent/models/reply", 1, "agent.models.reply", "found 1; allowed: text"),
        (
            TALK,
            "agent/models/gpt.4",
            "x",
            "agent.models.gpt.4",
            "found 'gpt.4'; allowed: llm, recogniser, reply, stt, tts, voice",
        ),
        (TALK, "agent/voices/Hindi", "x", "agent.voices.Hindi", "a language tag such as en-IN"),
        (TALK, "agent/goodbye", "", "agent.goodbye", "text of 1 character"),
        (TALK, "agent/record", "yes", "agent.record", "true or false"),
        (TALK, "transfer/to", "098", "transfer.to", "an E.164 number or sip:user@host"),
        (TALK, "transfer/when", [], "transfer.when", "one or more of asked, frustrated"),
        (TALK, "transfer/when", ["bored"], "transfer.when[0]", "asked, frustrated, qualified"),
        (TALK, "transfer/operators", 0, "transfer.operators", "a whole number from 1 up to 10000"),
        (TALK, "transfer/operators", 2.5, "transfer.operators", "found 2.5"),
        (TALK, "notification", {"message": "x"}, "notification", "not allowed"),
    ],
)
def test_an_error_names_path_found_and_allowed(
    text: str, at: str, value: object, path: str, message: str
) -> None:
    error = refused(changed(text, at, value))
    assert path in [field.path for field in error.fields]
    assert message in str(error)
    assert str(error).startswith("c.toml: ") and "\n" not in str(error)


def test_an_error_stays_one_short_line_whatever_was_found() -> None:
    assert len(str(refused(changed(NOTIFY, "campaign/name", "x" * 5000)))) < 200


def test_all_semantic_errors_are_told_at_once() -> None:
    tables = changed(NOTIFY, "dialing/hours", ["9-12", "10:00-13:00", "13:00-12:00"])
    tables["retry"]["delays"]["busy"] = ["soon"]
    paths = [field.path for field in refused(tables).fields]
    assert paths == ["dialing.hours[0]", "dialing.hours[2]", "retry.delays.busy[0]"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = = 3", "not valid TOML"),
        ("", "campaign: missing"),
        ("[campaign", "not valid TOML"),
        ("a = " + "9" * 5000, "not valid TOML: a number"),
        ("a" + ".a" * 200_000 + " = 1", "a key or a value is nested"),
        ("'a'" + ' . "a"' * 100 + " = 1", "a key or a value is nested"),
        ("a = " + "[" * 100_000, "a key or a value is nested"),
        ("a = " + "{a=" * 100_000, "a key or a value is nested"),
        ("#" * 500_001, "longer than 500,000 characters"),
    ],
    ids=lambda value: value[:20],
)
def test_a_file_that_is_no_campaign_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^diwali.toml: {message}"):
        parse_toml(text, source="diwali.toml")


def test_a_file_saved_on_windows_is_read() -> None:
    text = "\ufeff" + NOTIFY.replace("\n", "\r\n")
    assert parse_toml(text, source="c.toml") == parse_toml(NOTIFY, source="c.toml")


@pytest.mark.parametrize("text", [NOTIFY, TALK])
def test_a_stored_definition_is_read_back_as_it_was(text: str) -> None:
    definition = parse_toml(text, source="c.toml")
    assert parse_tables(to_tables(definition), source="stored") == definition


def test_what_follows_from_a_file() -> None:
    definition = parse_toml(NOTIFY, source="c.toml")
    assert (definition.mode, definition.is_streamed) == ("auto_pre", False)
    assert definition.spans == (("10:00", "13:00"), ("20:00", "24:00"))
    plan = definition.retry_plan
    assert plan.delay_after(Outcome.BUSY, 2) == timedelta(hours=2)
    assert plan.delay_after(Outcome.NO_ANSWER, 1) == timedelta(days=1, hours=2)


@pytest.mark.parametrize(
    "tables", [tomllib.loads(TALK), changed(NOTIFY, "notification/delivery", "stream")]
)
def test_a_streamed_voice_counts_as_a_robo_call(tables: dict[str, Any]) -> None:
    definition = parse_tables(tables, source="c.toml")
    assert (definition.mode, definition.is_streamed) == ("robo", True)


@pytest.mark.parametrize(
    ("question", "op", "good", "bad"),
    [
        ({"type": "number"}, ">=", 2.5, "2"),
        ({"type": "number"}, "in", [1, 2], [1, "2"]),
        ({"type": "number"}, "<=", 10, float("nan")),
        ({"type": "date"}, "<=", "2026-11-30", "30/11/2026"),
        ({"type": "choice", "choices": ["north", "south"]}, "==", "south", "South"),
        ({"type": "choice", "choices": ["north", "south"]}, "in", ["south"], ["south", "east"]),
        ({"type": "text"}, "!=", "Pune", 5),
    ],
)
def test_a_rule_compares_with_what_its_question_can_bring(
    question: dict[str, Any], op: str, good: object, bad: object
) -> None:
    def tables(value: object) -> dict[str, Any]:
        changed_tables = changed(TALK, "agent/questions/1", {"id": "x", "ask": "x?", **question})
        rule = {"question": "x", "op": op, "value": value}
        changed_tables["agent"]["qualified_when"] = [rule]
        return changed_tables

    parse_tables(tables(good), source="c.toml")
    assert refused(tables(bad)).fields[0].path.startswith("agent.qualified_when[0].value")


def test_a_voice_is_found_by_language_then_by_default() -> None:
    voices = {"hi": "h", "en-IN": "e", "default": "d"}
    definition = parse_tables(changed(TALK, "agent/voices", voices), source="c.toml")
    found = [definition.voice_id(language) for language in ("hi-IN", "en-IN", "en-GB", "ta")]
    assert found == ["h", "e", "d", "d"]
    assert parse_toml(NOTIFY, source="c.toml").voice_id("en-IN") == ""


@pytest.mark.parametrize(
    ("tables", "is_recorded"),
    [
        (tomllib.loads(TALK), True),
        (changed(TALK, "agent/record", False), False),
        (changed(NOTIFY, "notification/record", True), False),  # XML: nothing is streamed
        (changed(NOTIFY, "notification/delivery", "stream"), False),
    ],
)
def test_only_a_streamed_call_is_recorded(tables: dict[str, Any], is_recorded: bool) -> None:
    assert parse_tables(tables, source="c.toml").is_recorded is is_recorded


def test_placeholders_are_found_in_every_text_a_lead_hears() -> None:
    talk = parse_toml(TALK, source="c.toml")
    assert placeholders(talk) == {
        "agent.opening": {"first_name"},
        "agent.questions[1].ask": {"city"},
    }
    tables = changed(NOTIFY, "voicemail/message", "Call {clinic name}.")
    assert placeholders(parse_tables(tables, source="c.toml")) == {
        "notification.message": {"first_name", "clinic name"},
        "notification.replies.confirmed": {"date"},
        "voicemail.message": {"clinic name"},
    }


def test_filling_puts_values_and_never_reads_them_as_placeholders() -> None:
    values = {"first_name": "{city}", "city": "Pune"}
    assert fill("{first_name} of { city }, {nothing}.", values) == "{city} of Pune, ."


_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(),
    st.sampled_from(["", "x", "\0", "{", "PT1H", "10:00-11:00", "+911601200001"]),
    st.just([]),
    st.just({}),
    st.just([{}]),
    st.just({"x.y[0]": 1}),
    st.just({"a": ["b", 2]}),
    st.just([["x"]]),
)


def _places(tables: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = tables.items() if isinstance(tables, dict) else enumerate(tables)
    found = [path]
    for key, value in items:
        nested = isinstance(value, dict | list)
        found += _places(value, (*path, key)) if nested else [(*path, key)]
    return found[1:] if path == () else found


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_damage_is_refused_by_name_and_never_crashes(data: st.DataObject) -> None:
    tables = copy.deepcopy(tomllib.loads(data.draw(st.sampled_from([NOTIFY, TALK]))))
    for _ in range(data.draw(st.integers(1, 2))):
        *above, last = data.draw(st.sampled_from(_places(tables)))
        place: Any = tables
        for step in above:
            place = place[step]
        place[last] = copy.deepcopy(data.draw(_ODD))  # else a later damage would change it
    try:
        assert isinstance(parse_tables(tables, source="c.toml"), Definition)
    except InvalidInput as error:
        assert error.fields and "\n" not in str(error)
        assert all(field.path for field in error.fields)
