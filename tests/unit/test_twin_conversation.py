"""What scripted people do in a talk, frame by frame and without a clock."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialer.twin.callee import Line, Reaction, Script, convert
from dialer.twin.conversation import Person, texts_of
from dialer.twin.ear import FRAME_BYTES, Ear
from dialer.twin.errors import TwinError
from dialer.twin.line_noise import LineNoise
from dialer.twin.mulaw import SILENCE
from dialer.twin.people import TALKERS, TALKING_MIX
from dialer.twin.playback import Playback
from dialer.twin.population import PRESETS, check_mix
from dialer.twin.recognition import Library
from dialer.twin.speech import make_recording


class Call:
    """An agent and a person on a line whose time is counted in frames."""

    def __init__(self, script: Script) -> None:
        self.library = Library()
        self.ear = Ear(self.library)
        sounds = {text: make_recording(text, "en-IN", "callee").audio for text in texts_of(script)}
        self.person = Person(script, self.ear, LineNoise("a"), sounds)
        self.playback = Playback()
        self.frames = 0
        self.has_hung_up = False

    @property
    def now_s(self) -> float:
        return self.frames * 0.02

    @property
    def said(self) -> list[str]:
        return [each.text for each in self.person.mouth.said]

    @property
    def keys(self) -> str:
        return "".join(key for key, _ in self.person.mouth.keys)

    def says(self, text: str, *, known: bool = True) -> float:
        """The agent says it; how long it takes."""
        recording = make_recording(text, "en-IN", "agent")
        if known:
            self.library.add(recording)
        assert self.playback.add(recording.audio)
        return recording.seconds

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            audio, _ = self.playback.take(FRAME_BYTES)
            frame = audio + SILENCE * (FRAME_BYTES - len(audio))
            words = self.ear.hear(frame, self.now_s)
            emitted = self.person.tick(self.now_s, frame, words)
            assert len(emitted.frame) == FRAME_BYTES
            self.has_hung_up |= emitted.hangs_up
            self.frames += 1

    def hears(self, text: str, *, known: bool = True) -> None:
        """The agent says it, the person reacts."""
        self.run(self.says(text, known=known) + 4)


def test_a_person_waits_until_the_agent_has_ended_and_answers_what_was_asked() -> None:
    call = Call(
        Script(
            greets="Hello?",
            talk=(
                Line(hears="your bill", says="Four thousand.", after_ms=700),
                Line(hears="own", says="Yes.", times=None),
            ),
        )
    )
    call.run(2)
    assert call.said == ["Hello?"]
    asked_s = call.now_s
    spoken_s = call.says("Good morning, do you own your home, sir?")
    call.run(3 + spoken_s)
    assert call.said == ["Hello?", "Yes."]
    yes = call.person.mouth.said[1]
    assert 0.35 < yes.starts_s - asked_s - spoken_s < 0.5
    call.hears("And how much is your bill?")
    call.hears("Do you own it?")
    call.hears("Thank you.")
    assert call.said == ["Hello?", "Yes.", "Four thousand.", "Yes."]


def test_the_first_line_that_is_not_used_up_and_matches_decides() -> None:
    call = Call(
        Script(talk=(Line(says="One."), Line(hears="two", says="Two."), Line(says="Three.")))
    )
    for _ in range(4):
        call.hears("Do say two, please.")
    assert call.said == ["One.", "Two.", "Three."]


def test_an_interruption_is_counted_from_the_sound_or_from_the_words() -> None:
    text = "This is a very long sentence about the sun, and it goes on and on without an end."
    call = Call(Script(talk=(Line(interrupts_after_ms=1000, says="Stop."),)))
    call.hears(text)
    assert 0.95 < call.person.mouth.said[0].starts_s < 1.1
    call = Call(Script(talk=(Line(hears="the sun", interrupts_after_ms=200, says="Ah."),)))
    call.hears(text)
    recording = make_recording(text, "en-IN", "agent")
    sun_s = next(word.end_s for word in recording.words if word.text == "sun,")
    assert 0.15 < call.person.mouth.said[0].starts_s - sun_s < 0.3


def test_an_interruption_that_came_too_late_is_said_at_the_end_only_if_its_words_fell() -> None:
    call = Call(
        Script(
            talk=(
                Line(interrupts_after_ms=5000, says="Any."),
                Line(hears="sun", interrupts_after_ms=5000, says="The sun?"),
            )
        )
    )
    call.hears("It is the sun.")
    assert call.said == ["The sun?"]


def test_the_tail_of_what_was_talked_over_is_not_answered_again() -> None:
    call = Call(Script(talk=(Line(interrupts_after_ms=500, says="Wait."), Line(says="Go on."))))
    call.says("This is a very long sentence about the sun that goes on and on.")
    call.run(0.8)  # talks over it; the agent notices late
    call.playback.clear()
    call.run(4)
    assert call.said == ["Wait."]
    call.hears("Shall I?")
    assert call.said == ["Wait.", "Go on."]


def test_what_follows_a_clear_is_another_talkspurt_however_soon() -> None:
    call = Call(Script())
    call.says("Hello Asha, this is Surya Homes.")
    call.run(0.8)
    call.playback.clear()
    call.ear.cut()
    call.run(0.1)
    call.says("Hello Asha, this is Surya Homes.")
    call.run(3)
    cut, whole = call.ear.spurts
    assert cut.was_cleared and cut.words == ["Hello", "Asha,"]
    assert not whole.was_cleared and " ".join(whole.words) == "Hello Asha, this is Surya Homes."


def test_an_agent_that_is_not_recognised_is_answered_all_the_same() -> None:
    call = Call(Script(talk=(Line(hears="own", says="Yes."), Line(says="What?"))))
    call.hears("Do you own it?", known=False)
    assert call.said == ["What?"]


def test_a_pause_inside_a_recording_is_not_its_end() -> None:
    call = Call(Script(patience_ms=100, talk=(Line(says="Yes.", after_ms=0),)))
    spoken_s = call.says("Well, then. Tell me. Is it so?")
    call.run(spoken_s + 2)
    assert call.person.mouth.said[0].starts_s > spoken_s


def test_words_come_first_then_keys_then_the_hang_up() -> None:
    call = Call(Script(talk=(Line(says="One moment.", keys="12#", hang_up=True),)))
    call.run(call.says("Press.") + 0.6)
    assert call.said == ["One moment."] and not call.keys and not call.has_hung_up
    call.run(3)
    assert call.keys == "12#" and call.has_hung_up


def test_silence_and_noise_move_nobody() -> None:
    call = Call(Script(talk=(Line(says="Yes.", times=None),)))
    noise = LineNoise("b")
    call.playback.add(noise.take(16000) + SILENCE * 8000)
    call.run(5)
    assert call.said == []


def test_reactions_to_prompts_serve_as_a_talk() -> None:
    call = Call(Script(reactions=(Reaction(keys="7"), Reaction(keys="1"))))
    for _ in range(3):
        call.hears("Press a key.")
    assert call.keys == "711"
    cut_off = Call(Script(reactions=(Reaction(hang_up=True, after_s=1.5),)))
    cut_off.says("A message that is a good deal longer than this person cares to listen.")
    cut_off.run(1.4)
    assert not cut_off.has_hung_up
    cut_off.run(0.3)
    assert cut_off.has_hung_up
    late = Call(Script(reactions=(Reaction(keys="1", after_s=90),)))
    late.hears("Press a key.")
    assert late.keys == ""


@pytest.mark.parametrize(
    "wrong", [{"hears": "("}, {"keys": "12x"}, {"hear": "x"}, {"after_ms": "soon"}]
)
def test_a_wrong_line_is_refused_with_its_place(wrong: dict[str, Any]) -> None:
    with pytest.raises(TwinError, match=r"callees\.x"):
        convert({"talk": [wrong]}, Script, where="callees.x")


QUESTIONS = {
    "Do you own the house you live in?": ("Yes, I do.", "No, I do not."),
    "How much is your electricity bill in a month, in rupees?": (
        "Four thousand five hundred.",
        "About two hundred.",
    ),
    "Thank you. Is your roof concrete, tin or tiled?": ("Concrete.", "It is tin."),
    "All right. Would you like it in the morning or in the evening?": (
        "The first one.",
        "The last one.",
    ),
    "On which day may our engineer visit you?": ("On Saturday.", "On Monday."),
    "Which city are you in?": ("Pune.", "Nagpur."),
    "Sorry, a yes or a no, please.": ("Yes, I do.", "No, I do not."),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_people_answer_whatever_question_names_its_topic(question: str) -> None:
    for name, wanted in zip(("answers_well", "answers_badly"), QUESTIONS[question], strict=True):
        call = Call(TALKERS[name])
        call.run(1.5)
        call.hears(question)
        call.hears(question)
        assert call.said == ["Hello?", wanted, wanted]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("क्या आप जिस घर में रहते हैं वह आपका है?", "जी हाँ।"),
        ("आपका बिजली का बिल कितना है, रुपये में?", "चार हज़ार पाँच सौ।"),
        ("आपकी छत कंक्रीट, टिन या टाइल की है?", "कंक्रीट।"),
        ("हमारे इंजीनियर किस दिन आएँ?", "शनिवार को।"),
        ("Do you own the house you live in?", "जी हाँ।"),
    ],
)
def test_a_hindi_speaker_understands_and_speaks_hindi(question: str, answer: str) -> None:
    call = Call(TALKERS["hindi_speaker"])
    call.run(1.5)
    call.hears(question)
    assert call.said == ["नमस्ते।", answer]


@pytest.mark.parametrize("name", TALKERS)
def test_every_preset_goes_over_the_admin_route_and_reacts_as_its_name_says(name: str) -> None:
    script = TALKERS[name]
    assert PRESETS[name] is script
    assert convert(msgspec.to_builtins(script), Script, where=name) == script
    if script.is_machine:
        return
    call = Call(script)
    call.run(1.5)
    call.hears("Hello, this is a long and friendly greeting. Do you own the house you live in?")
    call.hears("And how much do you pay, in rupees?")
    reacts = len(call.said) > 1 or call.keys or call.has_hung_up
    assert bool(reacts) is (name != "silent_listener")


def test_the_mix_of_talkers_names_presets_only() -> None:
    check_mix(TALKING_MIX, PRESETS)
