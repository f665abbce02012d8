"""A stored check, decided again from its own bytes, gives the same verdict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dialer.compliance.decide import decide
from dialer.compliance.facts import (
    Caller,
    Consent,
    Declaration,
    Facts,
    Narrowing,
    PastAttempt,
    Scrub,
)
from dialer.compliance.packs import SHIPPED, Pack, find_packs, load_pack, packs_by_hash, read_pack
from dialer.compliance.record import canonical_body
from dialer.compliance.replay import Replay, replay
from tests.unit.compliance_facts import NOON, SERVICE, US, US_NOON
from tests.unit.test_compliance_cases import ROWS, Row, at, facts_of
from tests.unit.test_compliance_properties import thorough

AT_HAND = packs_by_hash()
STACKS = [find_packs([name]) for name in ("in", "us", "us-fl", "gb", "au")]
STACKS += [find_packs(["in", "us-fl", "gb", "au"]), ()]


def body_of(facts: Facts, packs: Sequence[Pack], now: datetime) -> bytes:
    return canonical_body(
        ids={"check_id": "c"},
        facts=facts,
        packs=packs,
        verdict=decide(facts, packs, now),
        decided_at=now,
        subject_id="s",
        phone_hash="h",
        engine_version="test",
        extra={},
    )


def again(facts: Facts, packs: Sequence[Pack], now: datetime) -> Replay:
    """Decide, store, decide again; the second time must be the first."""
    found = replay(body_of(facts, packs, now), AT_HAND)
    verdict = decide(facts, packs, now)
    assert (found.verdict, found.differences, found.missing) == (verdict, (), ())
    return found


@pytest.mark.parametrize("row", ROWS, ids=[row["case_id"] for row in ROWS])
def test_every_case_of_the_reference_replays(row: Row) -> None:
    packs = [load_pack(SHIPPED / f"{name}.toml") for name in filter(None, row["packs"].split("+"))]
    now = at(row["utc_instant"])
    assert now is not None
    again(facts_of(row), packs, now)


instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1), timezones=st.just(UTC))
kinds = st.sampled_from(["inferred", "explicit_dca", "inquiry", "express_written", "ebr", "none"])
facts = st.builds(
    Facts,
    phone=st.sampled_from(
        [
            "+919876543210",
            "+911800111222",
            "+12084561234",
            "+18505551234",
            "+18005551234",
            "+442079460958",
            "+61412345678",
            "+61891234567",
            "+5511987654321",
            "12",
            "",
        ]
    ),
    category=st.sampled_from(
        ["promotional", "service", "transactional", "debt_recovery", "telemarketing", "marketing"]
    ),
    mode=st.sampled_from(["robo", "auto_pre", "voice"]),
    entity=st.sampled_from([None, "bfsi", "government", "other"]),
    sector=st.sampled_from([None, 1, 3]),
    caller=st.sampled_from([None, Caller("+911601200001", "1601"), Caller("+1", None)]),
    declaration=st.one_of(
        st.none(),
        st.builds(
            Declaration,
            st.sampled_from([None, "", "OAP/7"]),
            st.sampled_from([None, date(2025, 10, 1), date(2027, 1, 1)]),
            st.sampled_from([None, "service"]),
            st.booleans(),
        ),
    ),
    consents=st.lists(
        st.builds(
            Consent,
            kinds,
            st.one_of(st.none(), instants),
            st.booleans(),
            source=st.sampled_from([None, "inquiry", "a form of Asha"]),
        ),
        max_size=3,
    ).map(tuple),
    suppressed=st.booleans(),
    scrub=st.one_of(
        st.none(),
        st.builds(
            Scrub,
            instants,
            st.sampled_from(
                [
                    "clear",
                    "blocked",
                    "block:2,3",
                    "band_off:12-14",
                    "band_on:08-10",
                    "day_off:sun",
                    "mode_off:robo",
                    "what Asha said",
                ]
            ),
        ),
    ),
    event_at=st.one_of(st.none(), instants),
    history=st.lists(
        st.builds(PastAttempt, instants, st.booleans(), st.sampled_from(["busy", "refused"])),
        max_size=9,
    ).map(tuple),
    lead_zone=st.sampled_from([None, "Asia/Calcutta", "Europe/London", "home of Asha Rao", "../x"]),
    zones=st.sampled_from([None, None, (), ("Asia/Kolkata",), ("America/New_York", "nowhere")]),
    number_type=st.sampled_from([None, "toll_free", "mobile"]),
    narrowing=st.sampled_from(
        [Narrowing(), Narrowing(("mon", "tue"), (("10:00", "13:00"), ("15:00", "24:00")))]
    ),
)


@thorough(40)
@given(facts, st.sampled_from(STACKS), instants)
def test_whatever_was_known_the_bytes_hold_it(
    known: Facts, packs: tuple[Pack, ...], now: datetime
) -> None:
    again(known, packs, now)


@thorough(40)
@given(facts, st.sampled_from(STACKS), instants)
def test_the_bytes_hold_no_phone_and_no_words_of_a_lead(
    known: Facts, packs: tuple[Pack, ...], now: datetime
) -> None:
    text = body_of(known, packs, now).decode()
    assert "Asha" not in text
    assert len(known.phone) < 3 or known.phone[1:] not in text
    assert len(known.phone) < 3 or known.phone[-7:] not in text


def test_a_changed_answer_is_told() -> None:
    stored = json.loads(body_of(SERVICE, find_packs(["in"]), NOON))
    stored["result"] |= {"decision": "deny", "code": "MIN_GAP"}
    found = replay(json.dumps(stored).encode(), AT_HAND)
    assert found.differences == (
        'decision: stored "deny", decided again "allow"',
        'code: stored "MIN_GAP", decided again "OK"',
    )


def test_a_changed_fact_is_told() -> None:
    stored = json.loads(body_of(SERVICE, find_packs(["in"]), NOON))
    stored["suppressed"] = True
    found = replay(json.dumps(stored).encode(), AT_HAND)
    assert found.verdict is not None and found.verdict.code == "INTERNAL_OPT_OUT"
    assert found.differences


def test_a_pack_that_is_not_at_hand_is_named(tmp_path: Path) -> None:
    """An older version is found by its bytes, wherever the operator's folder keeps it."""
    raw = (SHIPPED / "in.toml").read_bytes() + b"\n# last year's\n"
    old = (read_pack(raw, Path("in.toml")),)
    body = body_of(SERVICE, old, NOON)
    found = replay(body, AT_HAND)
    assert (found.verdict, found.missing) == (None, (old[0].ref,))
    (tmp_path / "2025").mkdir()
    (tmp_path / "2025" / "india of last year.toml").write_bytes(raw)
    (tmp_path / "broken.toml").write_bytes(b"[pack]\nid = 3")
    (tmp_path / "other.toml").write_bytes(b"\xff")
    found = replay(body, packs_by_hash([tmp_path]))
    assert (found.verdict, found.differences) == (decide(SERVICE, old, NOON), ())


@pytest.mark.parametrize("body", [b"", b"\xff", b"{}", b"[]", b'{"decided_at":1}', b"null"])
def test_what_is_no_check_is_said(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a check"):
        replay(body, AT_HAND)


def test_what_was_counted_is_named() -> None:
    """Registrations, the file of a scrub and the ids of earlier calls stand in the bytes."""
    assert SERVICE.declaration is not None
    known = replace(
        SERVICE,
        declaration=replace(SERVICE.declaration, peid="1101", tmid="1202"),
        scrub=Scrub(NOON, "clear", "r", "p", "s-1", "ab" * 32),
        history=(PastAttempt(NOON - timedelta(days=1), id="a-1"),),
    )
    read = json.loads(body_of(known, find_packs(["in"]), NOON))
    assert (read["caller"]["peid"], read["caller"]["tmid"]) == ("1101", "1202")
    assert read["register"]["file_sha256"] == "ab" * 32
    assert [past["id"] for past in read["history"]] == ["a-1"]
    found = again(known, find_packs(["in"]), NOON)
    assert found.facts == replace(known, phone="", consents=found.facts.consents)


@pytest.mark.parametrize(("source", "code"), [("inquiry", "CONSENT_EXPIRED"), ("a form", "OK")])
def test_an_inquiry_replays_as_one(source: str, code: str) -> None:
    """Of a relationship by inquiry the pack asks three months, of another eighteen."""
    known = replace(US, consents=(Consent("ebr", US_NOON - timedelta(days=100), source=source),))
    found = again(known, find_packs(["us"]), US_NOON)
    assert found.verdict is not None and found.verdict.code == code


def test_a_call_without_caller_or_scrub_replays_without() -> None:
    found = again(replace(SERVICE, caller=None, declaration=None), find_packs(["in"]), NOON)
    assert (found.facts.caller, found.facts.declaration, found.facts.scrub) == (None, None, None)
    assert not again(replace(SERVICE, phone="12"), find_packs(["in"]), NOON).number.is_valid
