"""The people of the twin: seeded, scripted, configurable."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from dialer.twin.callee import Behaviour, Reaction, Script
from dialer.twin.directory import Directory
from dialer.twin.errors import TwinError
from dialer.twin.faults import Fault, FaultKind, Faults
from dialer.twin.people import TALKERS
from dialer.twin.population import DEFAULT_MIX, PRESETS, person

PHONES = [f"+9198{n:08d}" for n in range(2000)]


def directory(seed: int = 7) -> Directory:
    return Directory(seed, Faults())


def test_a_number_meets_the_same_person_whatever_the_order() -> None:
    forwards = {phone: directory().script_of(phone) for phone in PHONES[:200]}
    one = directory()
    backwards = {phone: one.script_of(phone) for phone in reversed(PHONES[:200])}
    assert forwards == backwards
    assert forwards != {phone: directory(8).script_of(phone) for phone in PHONES[:200]}


def test_the_population_follows_its_shares() -> None:
    names = Counter(person(7, phone, DEFAULT_MIX, PRESETS).name for phone in PHONES)
    assert sum(DEFAULT_MIX.values()) == pytest.approx(1)
    assert set(names) == set(DEFAULT_MIX) == set(PRESETS) - set(TALKERS)
    for name, share in DEFAULT_MIX.items():
        assert names[name] / len(PHONES) == pytest.approx(share, abs=0.03)


def test_people_of_the_population_are_quick_enough_for_a_demo() -> None:
    scripts = [person(1, phone, DEFAULT_MIX, PRESETS) for phone in PHONES]
    assert all(0.5 <= each.ring_s <= 2 and 1 <= each.answer_after_s <= 4 for each in scripts)


def test_a_scripted_number_overrules_the_population() -> None:
    book = directory()
    book.set_scripts({"919800000000": {"behaviour": "busy"}, "+919800000001": "silent"})
    assert book.script_of("+919800000000").behaviour is Behaviour.BUSY
    assert book.script_of("919800000001") == PRESETS["silent"]
    book.set_scripts([{"phone": "+919800000001", "reactions": [{"keys": "1", "after_s": 2}]}])
    assert book.script_of("+919800000001").reactions == (Reaction(keys="1", after_s=2.0),)


def test_attempts_follow_each_other_and_the_last_repeats() -> None:
    book = directory()
    book.set_scripts(
        {"+91900000000": {"attempts": [{"behaviour": "busy"}, {"behaviour": "answer"}]}}
    )
    rung = [book.ring("+91900000000").behaviour for _ in range(3)]
    assert rung == [Behaviour.BUSY, Behaviour.ANSWER, Behaviour.ANSWER]
    assert book.rings_of("91900000000") == 3


def test_a_prompt_beyond_the_reactions_repeats_the_last() -> None:
    script = Script(reactions=(Reaction(keys="7"), Reaction(keys="1")))
    assert [script.on_prompt(n) for n in (0, 1, 5)] == [
        Reaction(keys="7"),
        Reaction(keys="1"),
        Reaction(keys="1"),
    ]
    assert Script().on_prompt(0) is None


@pytest.mark.parametrize("suffix", ["json", "toml"])
def test_a_file_sets_scripts_faults_and_population(tmp_path: Path, suffix: str) -> None:
    raw = {
        "population": {"busy": 1, "grumpy": {"share": 3, "script": {"behaviour": "reject"}}},
        "callees": {"+91900000000": {"faults": [{"kind": "callback_lost", "callback": "ring"}]}},
    }
    toml = (
        '[population]\nbusy = 1\ngrumpy = {share = 3, script = {behaviour = "reject"}}\n'
        '[callees."+91900000000"]\nfaults = [{kind = "callback_lost", callback = "ring"}]\n'
    )
    path = tmp_path / f"people.{suffix}"
    path.write_text(toml if suffix == "toml" else json.dumps(raw), "utf-8")
    faults = Faults()
    book = Directory(1, faults)
    book.load(path)
    names = Counter(book.script_of(phone).name for phone in PHONES[:400])
    assert set(names) == {"busy", "grumpy"} and names["grumpy"] > names["busy"]
    assert faults.take(FaultKind.CALLBACK_LOST, "+91900000000", callback="ring")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not valid json"),
        ('{"people": {}}', "population and callees only"),
        ('{"callees": {"+91900000000": {"presses": "1"}}}', "unknown field `presses`"),
        ('{"callees": {"+91900000000": "sulks"}}', "no preset 'sulks'"),
        ('{"population": {"sulks": 1}}', "no preset 'sulks'"),
        ('{"population": {"busy": -1}}', "must not be negative"),
        ('{"callees": [{"behaviour": "busy"}]}', "each have a phone"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "people.json"
    path.write_text(text, "utf-8")
    with pytest.raises(TwinError) as raised:
        directory().load(path)
    assert complaint in str(raised.value) and "\n" not in str(raised.value)


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(TwinError, match="cannot read"):
        directory().load(tmp_path / "none.json")


def test_a_fault_strikes_as_often_as_asked_and_only_whom_it_should() -> None:
    faults = Faults()
    faults.arm(Fault(kind=FaultKind.RATE_LIMITED, times=2), phone="+911")
    faults.arm(Fault(kind=FaultKind.CALLBACK_LOST, times=None, callback="ring"), phone=None)
    assert faults.take(FaultKind.RATE_LIMITED, "+912") is None
    struck = [faults.take(FaultKind.RATE_LIMITED, "+911") is not None for _ in range(3)]
    assert struck == [True, True, False]
    assert faults.take(FaultKind.CALLBACK_LOST, "+912", callback="hangup") is None
    assert all(faults.take(FaultKind.CALLBACK_LOST, "+91", callback="ring") for _ in range(5))
    assert [each["kind"] for each in faults.listing()] == ["callback_lost"]
    faults.clear()
    assert faults.listing() == []


def test_a_fault_that_never_strikes_is_refused() -> None:
    with pytest.raises(TwinError, match="times"):
        Faults().arm(Fault(kind=FaultKind.RATE_LIMITED, times=0), phone=None)
