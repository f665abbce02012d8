"""The qualification agent: asks in order, takes what is valid, decides by rule, ends politely."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from dialer.agent.answer_sheet import MOST_ASKS, MOST_UNCLEAR
from dialer.agent.moves import HandOver, HangUp, Mind, OptOut, Record, Say, Settle, Think, ToolCall
from dialer.agent.qualification import MOST_IDLE, MOST_SILENCES, Qualification
from dialer.domain.attempt import Disposition
from tests.unit.agent_talk import DISCLOSURE, INDIA, NOW, QUESTIONS, Talk, qualification

OWNS, BILL, ROOF = (each["ask"] for each in QUESTIONS)


def start(**options: Any) -> Talk:
    return Talk(qualification(**options))


def at_bill(**options: Any) -> Talk:
    return start(**options).answer("owns", "yes")


def test_the_opening_names_business_and_machine_and_recording_and_the_way_out_then_asks() -> None:
    said = start().said
    assert said == ["Hello Asha, this is Bright Roof Solar.", DISCLOSURE, OWNS]


def test_what_the_campaign_leaves_out_of_its_disclosure_is_added() -> None:
    said = start(disclosure="This is about your enquiry.").said
    assert said[2:5] == [
        "I am an automated assistant.",
        "This call is recorded.",
        "If you do not want our calls, just say stop calling.",
    ]
    assert "This call is recorded." not in start(disclosure="Hello.", record=False).said
    assert start(disclosure="Hello.", language="hi-IN").said[2] == "मैं एक स्वचालित सहायक हूँ।"


def test_only_words_without_a_leads_data_are_kept_for_other_calls() -> None:
    opening, disclosure, first = (move for move in start().moves if isinstance(move, Say))
    assert (opening.is_fixed, disclosure.is_fixed, first.is_fixed) == (False, True, True)
    questions = [{"id": "city", "ask": "Is {city} right?", "type": "yes_no"}]
    talk = Talk(qualification(questions=questions, rules=[]), city="Pune")
    assert talk.moves[-1] == Say("Is Pune right?", is_fixed=False)


def test_answers_are_written_as_given_and_the_rule_decides_before_the_goodbye() -> None:
    talk = start().answer("owns", "haan ji")
    assert talk.moves == [Record("owns", True), Say(BILL, is_fixed=True)]
    talk.answer("bill", "dhai hazaar")
    assert talk.moves[:2] == [Record("bill", 2500), Settle(Disposition.QUALIFIED)]
    assert talk.said == [ROOF]
    talk.answer("roof", "sheets")
    assert talk.answers == {"owns": True, "bill": 2500, "roof": "tin sheets"}
    assert talk.settled == Settle(Disposition.QUALIFIED) and isinstance(talk.moves[-1], HangUp)


def test_all_answered_ends_with_the_campaigns_goodbye() -> None:
    talk = at_bill(goodbye="Bye now, {first_name}.").answer("bill", "900")
    talk.answer("roof", "concrete")
    assert talk.said == ["Bye now, Asha."] and isinstance(talk.moves[-1], HangUp)
    assert talk.settled == Settle(Disposition.NOT_QUALIFIED)


def test_the_models_opinion_never_qualifies() -> None:
    talk = at_bill().answer("bill", "900", text="Great, you are qualified!")
    talk.answer("roof", "concrete").model(("transfer", {"reason": "qualified"}))
    assert talk.settled == Settle(Disposition.NOT_QUALIFIED)
    talk = at_bill(transfer=["qualified"])
    talk.done().hear("2500")
    talk.model(("transfer", {"reason": "qualified"}), text="Connecting you.")
    assert not talk.has_ended and talk.said == [BILL]


def test_the_qualified_are_handed_over_where_the_campaign_says_so() -> None:
    talk = at_bill(transfer=["qualified"]).answer("bill", "2500").answer("roof", "concrete")
    assert talk.settled == Settle(Disposition.QUALIFIED)
    assert talk.moves[-1] == HandOver("qualified") and len(talk.said) == 1


def test_an_answer_to_another_open_question_is_taken_too() -> None:
    talk = start().done().hear("my bill is 3000")
    talk.model(("record_answer", {"question_id": "bill", "value": "3000"}), text="Noted.")
    assert talk.answers == {"bill": 3000} and talk.said == [OWNS]
    talk.answer("owns", "yes")
    assert talk.settled == Settle(Disposition.QUALIFIED) and talk.said == [ROOF]


def test_an_answer_can_be_corrected() -> None:
    talk = at_bill().answer("bill", "5000").answer("bill", "no, 500")
    assert talk.answers["bill"] == 500
    assert talk.settled == Settle(Disposition.NOT_QUALIFIED)


def test_an_unclear_answer_is_followed_up_twice_then_left_and_the_end_is_incomplete() -> None:
    talk = at_bill()
    for _ in range(MOST_UNCLEAR):
        talk.answer("bill", "four to five thousand", text="")
        assert talk.said == ["One number, please.", BILL]
    talk.answer("bill", "four to five thousand", text="")
    assert talk.said == ["All right, let us go on.", ROOF]
    talk.answer("roof", "concrete")
    assert talk.settled == Settle(Disposition.INCOMPLETE) and talk.has_ended


def test_an_optional_question_is_left_after_one_unclear_answer() -> None:
    talk = at_bill().answer("bill", "2500").answer("roof", "slate", text="")
    assert talk.has_ended and talk.settled == Settle(Disposition.QUALIFIED)


def test_who_will_not_tell_is_not_asked_again() -> None:
    talk = at_bill().done().hear("that is private")
    talk.model(("record_answer", {"question_id": "bill", "value": "unknown"}), text="Sure.")
    assert talk.said == [ROOF] and "bill" not in talk.answers
    assert talk.answer("roof", "tin sheets").settled == Settle(Disposition.INCOMPLETE)


def test_after_an_objection_the_open_question_is_asked_again_until_it_is_enough() -> None:
    talk = at_bill()
    for said in ([BILL], [BILL], *[["One number, please.", BILL]] * (MOST_ASKS - 3)):
        talk.done().hear("why do you want to know").model(text="To size the plant.")
        assert talk.said == said
    talk.done().hear("why though").model(text="To size the plant.")
    assert talk.said == [ROOF]


@pytest.mark.parametrize("text", ["stop calling me", "मुझे कॉल मत करना", "phone mat karna"])
def test_an_opt_out_is_written_before_the_goodbye_without_a_model(text: str) -> None:
    talk = start().cut("Hello").hear(text)
    assert isinstance(talk.moves[0], OptOut) and isinstance(talk.moves[-1], HangUp)
    assert len(talk.said) == 1


def test_who_asks_for_no_more_calls_during_the_goodbye_gets_none() -> None:
    talk = start(rules=[]).silence().done().silence().done().silence()
    assert talk.has_ended
    assert talk.hear("okay").moves == []
    assert talk.hear("and stop calling me").moves == [OptOut()]


def test_the_model_may_find_an_opt_out_too() -> None:
    talk = start().done().hear("I am on a register for this").model(("opt_out", ""))
    assert isinstance(talk.moves[0], OptOut) and isinstance(talk.moves[-1], HangUp)


def test_a_human_is_connected_or_promised() -> None:
    talk = start().done().hear("a human please")
    assert talk.moves[-1] == HandOver("asked") and "connecting" in talk.said[0]
    for transfer in ((), ("qualified",)):
        talk = start(transfer=transfer).done().hear("a human please")
        assert talk.settled == Settle(Disposition.CALLBACK) and isinstance(talk.moves[-1], HangUp)


def test_frustration_is_handed_over_only_where_the_campaign_says_so() -> None:
    use = ("transfer", {"reason": "frustrated"})
    assert start().done().hear("rubbish").model(use).moves[-1] == HandOver("frustrated")
    talk = start(transfer=["asked"]).done().hear("rubbish").model(use, text="I am sorry.")
    assert talk.said == [OWNS]


def test_a_callback_is_said_back_in_the_leads_time() -> None:
    talk = start().done().hear("call me tomorrow at six")
    talk.model(("schedule_callback", {"at": "2026-11-24T18:00"}), text="Sure.")
    at = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
    assert talk.moves[0] == Settle(Disposition.CALLBACK, at)
    assert talk.said == ["All right, we will call you tomorrow at 6 pm. Goodbye."]


def test_a_time_at_which_no_call_is_allowed_becomes_the_next_at_which_one_is() -> None:
    tomorrow_at_ten = datetime(2026, 11, 24, 4, 30, tzinfo=UTC)

    def mind(opens_at: Any) -> Qualification:
        values = {"first_name": "Asha"}
        made = Qualification(qualification(), values=values, zone=INDIA, opens_at=opens_at)
        made.begin()
        made.said("", is_cut=True)
        made.hear("call me tonight at eleven", NOW)
        return made

    call = ToolCall("1", "schedule_callback", '{"at": "2026-11-23T23:00"}')
    moves = mind(lambda at: max(at, tomorrow_at_ten)).use_tool(call, NOW)
    assert Settle(Disposition.CALLBACK, tomorrow_at_ten) in moves
    (said,) = [move.text for move in moves if isinstance(move, Say)]
    assert said.startswith("At that time we may not call. We will call you tomorrow at 10 am.")
    refused = mind(lambda at: None)
    assert not [m for m in refused.use_tool(call, NOW) if isinstance(m, Settle)]
    (asked,) = [m.text for m in refused.replied("", NOW) if isinstance(m, Say)]
    assert "When may we call" in asked


def test_a_callback_without_a_time_is_asked_for_one_once() -> None:
    talk = start().done().hear("I am busy").model(("schedule_callback", {"at": ""}))
    assert talk.said == ["When may we call you? Please tell me a day and a time."]
    talk.done().hear("later").model(("schedule_callback", {}))
    assert talk.settled == Settle(Disposition.CALLBACK) and talk.has_ended


@pytest.mark.parametrize(
    ("reason", "disposition"),
    [
        ("not_interested", Disposition.NOT_QUALIFIED),
        ("wrong_person", Disposition.INCOMPLETE),
    ],
)
def test_who_declines_or_is_another_is_let_go(reason: str, disposition: Disposition) -> None:
    talk = start().done().hear("no").model(("end_call", {"reason": reason}))
    assert talk.settled == Settle(disposition) and isinstance(talk.moves[-1], HangUp)


def test_a_model_that_finishes_early_is_asked_to_go_on_once() -> None:
    talk = start().done().hear("bye").model(("end_call", {"reason": "finished"}))
    talk.model(text="")
    assert not talk.has_ended
    talk.done().hear("bye").model(("end_call", {"reason": "finished"}))
    assert talk.settled == Settle(Disposition.INCOMPLETE) and talk.has_ended


def test_keys_answer_the_question_that_was_asked() -> None:
    talk = start()
    assert talk.mind.most_keys == 1
    assert talk.done().press("1").moves == [Record("owns", True), Say(BILL, is_fixed=True)]
    assert talk.done().press("2500#").answers["bill"] == 2500
    talk.done().press("9")
    assert talk.has_ended  # an optional question, and no ninth choice


def test_keys_pressed_before_the_question_answer_nothing() -> None:
    talk = start().cut("Hello Asha, this is").press("1")
    assert talk.answers == {} and talk.said[-1] == OWNS
    assert talk.done().press("*").answers == {}


def test_an_opening_cut_short_is_said_again_and_at_last_to_its_end() -> None:
    talk = start().cut("Hello Asha, this is Bright Roof Solar. I am an").hear("hello who is this")
    assert talk.said == [DISCLOSURE, OWNS]  # the name was heard
    talk.cut("I am an AI").hear("yes")
    assert talk.said == [DISCLOSURE, OWNS]
    assert [m.may_interrupt for m in talk.moves if isinstance(m, Say)] == [False, True]
    talk.done().hear("what is this about").model(text="Solar.")
    assert talk.said[-1] == OWNS and DISCLOSURE not in talk.said


def test_a_yes_into_the_opening_answers_no_question() -> None:
    talk = start().cut("Hello Asha").hear("yes tell me quickly about it")
    assert "Now asking: nothing" in talk.think.messages[-1].text
    talk.model(text="It is about solar. Is that fine?")
    assert talk.said[-2:] == [DISCLOSURE, OWNS]  # owed, whatever the model asked


def test_a_question_counts_as_asked_once_it_was_begun() -> None:
    talk = at_bill().cut("Thank you. How much").hear("three thousand")
    assert "Now asking: bill" in talk.think.messages[-1].text
    talk = at_bill().cut("Thank you.").hear("three thousand")
    assert "Now asking: nothing" in talk.think.messages[-1].text


def test_silence_is_asked_about_twice_and_then_ended() -> None:
    talk = start()
    for _ in range(MOST_SILENCES):
        assert talk.done().silence().said == ["Are you still there?", OWNS]
    talk.done().silence()
    assert talk.settled == Settle(Disposition.INCOMPLETE) and talk.has_ended
    assert talk.silence().moves == []


def test_who_speaks_again_is_given_their_silences_anew() -> None:
    talk = start()
    for _ in range(MOST_SILENCES):
        talk.done().silence().done().hear("hm, let me see").model(text="Take your time?")
    assert not talk.done().silence().has_ended


def test_a_mumble_is_told_and_the_question_asked_again() -> None:
    talk = start().done().hear("")
    assert talk.said == ["Sorry, I did not hear you well.", OWNS]
    for _ in range(3):
        talk.done().hear("...")
    assert talk.settled == Settle(Disposition.INCOMPLETE) and talk.has_ended


def test_who_did_not_hear_gets_the_words_of_whoever_spoke_last() -> None:
    assert start().done().hear("pardon?").said == [OWNS]
    assert at_bill().done().hear("hello?").said == [BILL]
    talk = start().done().hear("what does it cost").model(text="A visit is free of charge.")
    assert isinstance(talk.done().hear("pardon?").moves[0], Think)
    assert talk.model().said == [OWNS]  # a model that has nothing to explain


def test_who_asks_for_the_machine_is_told_the_truth_without_a_model() -> None:
    assert start().done().hear("are you human?").said == ["I am an automated assistant.", OWNS]


def test_a_talk_that_leads_nowhere_ends() -> None:
    talk = start()
    for _ in range(MOST_IDLE):
        talk.done().hear("let me think").model(text="Take your time, shall I wait?")
        assert not talk.has_ended
    talk.done().hear("let me think")
    assert talk.settled == Settle(Disposition.INCOMPLETE) and talk.has_ended


def test_a_failure_is_apologised_for_to_its_end_with_a_callback() -> None:
    settle, apology, end = at_bill().mind.fail(NOW)
    assert settle == Settle(Disposition.CALLBACK) and isinstance(end, HangUp)
    assert isinstance(apology, Say) and apology.is_fixed and not apology.may_interrupt
    assert apology.text in at_bill().mind.fixed_texts


def test_when_time_is_up_what_is_known_decides() -> None:
    moves = at_bill().mind.time_is_up(NOW)
    assert moves[0] == Settle(Disposition.INCOMPLETE) and isinstance(moves[-1], HangUp)
    talk = at_bill().answer("bill", "2500")
    talk._play(talk.mind.time_is_up(NOW))
    assert talk.settled == Settle(Disposition.QUALIFIED) and len(talk.said) == 1


def everything(mind: Mind) -> list[Any]:
    use = ToolCall("c", "opt_out", "{}")
    return [
        mind.hear("stop calling me", NOW), mind.press("1", NOW), mind.use_tool(use, NOW),
        mind.replied("hello", NOW), mind.silence(NOW), mind.fail(NOW), mind.time_is_up(NOW),
    ]  # fmt: skip


def test_after_the_end_nothing_is_said_any_more() -> None:
    for talk in (
        start().done().hear("stop calling me"),
        start().done().hear("operator"),
        start().done().hear("bye").model(("end_call", {"reason": "wrong_person"})),
    ):
        assert talk.has_ended and all(
            list(moves) in ([], [OptOut()]) for moves in everything(talk.mind)
        )


def test_what_was_answered_before_the_stream_broke_is_not_asked_again() -> None:
    mind = Qualification(
        qualification(),
        values={"first_name": "Asha"},
        zone=INDIA,
        known={"owns": True, "roof": "tin sheets"},
    )
    said = [move.text for move in mind.begin() if isinstance(move, Say)]
    assert said[-1] == BILL and OWNS not in said
    mind.said(" ".join(said), is_cut=False)
    mind.hear("three thousand", NOW)
    call = ToolCall("1", "record_answer", '{"question_id": "bill", "value": "three thousand"}')
    moves = [*mind.use_tool(call, NOW), *mind.replied("", NOW)]
    assert moves[0] == Record("bill", 3000) and isinstance(moves[-1], HangUp)
    assert Settle(Disposition.QUALIFIED) in moves


def test_a_copy_goes_its_own_way() -> None:
    talk = start().done()
    before = copy.deepcopy(talk.mind)
    talk.hear("stop calling me")
    assert isinstance(before.hear("yes", NOW)[0], Think)


def test_hindi_has_its_own_sentences() -> None:
    talk = start(language="hi-IN").done().hear("")
    assert talk.said[0] == "माफ़ कीजिए, आपकी आवाज़ ठीक से नहीं आई।"
    talk.done().hear("कल शाम छह बजे कॉल करना")
    talk.model(("schedule_callback", {"at": "kal shaam chhe baje"}))
    assert talk.said == ["ठीक है, हम आपको कल शाम 6 बजे कॉल करेंगे। नमस्ते।"]


def test_a_campaign_without_questions_talks_and_qualifies_nobody() -> None:
    talk = start(questions=[], rules=[])
    assert talk.said[-1] == DISCLOSURE
    assert talk.done().hear("what is it").model(text="Solar.").moves == []
    talk.done().hear("bye").model(("end_call", {"reason": "finished"}))
    assert talk.settled == Settle(Disposition.INCOMPLETE) and talk.has_ended
    talk = start(questions=[], rules=[]).done().hear("what is it")
    talk.model(text="It is about solar power.").done().hear("pardon?").model(text="")
    assert len(talk.said) == 1  # never nothing
