"""The proof of a check: what its bytes hold, and that no change to the chain goes unseen."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dialer.compliance.decide import decide
from dialer.compliance.facts import Caller, Consent, Declaration, Facts, PastAttempt, Scrub
from dialer.compliance.packs import find_packs
from dialer.compliance.record import (
    GENESIS,
    ChainFault,
    ChainRow,
    canonical_body,
    chain_hash,
    verify_chain,
)

KEY = b"k" * 32
NOW = datetime(2026, 11, 23, 6, 30, 0, 5, tzinfo=UTC)
PHONE = "+919876543210"
FACTS = Facts(
    phone=PHONE,
    category="service",
    mode="auto_pre",
    entity="other",
    sector=None,
    caller=Caller("+911601200001", "1601"),
    declaration=Declaration("OAP/7", NOW.date(), "service", True),
    consents=(Consent("inferred", NOW, source="form of Asha Rao", evidence=f"{PHONE}.pdf"),),
    suppressed=False,
    scrub=Scrub(NOW, "clear; by Asha", ref="r7"),
    event_at=None,
    history=(PastAttempt(NOW),),
    lead_zone=None,
)


def body_of(facts: Facts = FACTS, **changes: object) -> bytes:
    values: dict[str, object] = {
        "ids": {"check_id": "c1", "campaign_id": None},
        "facts": facts,
        "verdict": decide(facts, find_packs(["in"]), NOW),
        "decided_at": NOW,
        "subject_id": "s1",
        "phone_hash": "ab12",
        "engine_version": "0.1.0",
        "extra": {"attempt_no": 1},
    }
    return canonical_body(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("lead_zone", [None, "Europe/London", "home of Asha Rao"])
def test_a_body_holds_no_phone_and_no_text_of_the_lead(lead_zone: str | None) -> None:
    text = body_of(replace(FACTS, lead_zone=lead_zone)).decode()
    assert PHONE[1:] not in text and PHONE[3:] not in text
    assert "Asha" not in text
    assert "+911601200001" in text  # the caller number is ours


def test_a_body_is_canonical() -> None:
    body = body_of()
    read = json.loads(body)
    again = json.dumps(read, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert again.encode() == body
    assert read["decided_at"] == "2026-11-23T06:30:00.000005Z"
    assert read["result"] == {
        "decision": "allow",
        "code": "OK",
        "rule_id": None,
        "codes": [],
        "next_allowed_at": None,
        "window_ends_at": "2026-11-23T15:30:00.000000Z",
    }
    assert read["zone"]["local"] == {"Asia/Kolkata": "2026-11-23T12:00:00+05:30"}
    assert read["rules"]["packs"][0]["sha256"] == find_packs(["in"])[0].sha256


def test_a_denial_names_its_rules() -> None:
    read = json.loads(body_of(replace(FACTS, caller=None, consents=())))
    assert [(failed["code"], failed["rule_id"]) for failed in read["rules"]["failed"]] == [
        ("CONSENT_MISSING", "in.service.consent"),
        ("CLI_SERIES_MISMATCH", "in.cli.service"),
    ]
    assert read["result"]["decision"] == "deny"


@pytest.mark.parametrize("leak", [{"extra": {"to": PHONE}}, {"ids": {"lead": PHONE[1:]}}])
def test_a_phone_handed_in_beside_the_facts_is_refused(leak: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="phone"):
        body_of(**leak)


def make_chain(count: int) -> list[ChainRow]:
    rows, previous = [], GENESIS
    for seq in range(1, count + 1):
        body = b'{"n":%d}' % seq
        previous = chain_hash(KEY, previous, seq, body)
        rows.append(ChainRow(seq, body, previous))
    return rows


CHAIN = make_chain(6)


def faults(rows: list[ChainRow], *, count: int = 6) -> list[tuple[int, str]]:
    found: list[ChainFault] = verify_chain(KEY, rows, CHAIN[-1].hash, count, GENESIS)
    return [(fault.seq, fault.kind) for fault in found]


def flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_a_whole_chain_has_no_fault() -> None:
    assert faults(CHAIN) == []
    assert verify_chain(KEY, [], GENESIS, 0) == []


@pytest.mark.parametrize("place", range(6))
def test_each_flipped_byte_names_its_row_alone(place: int) -> None:
    row = CHAIN[place]
    changed = [row._replace(body=flip(row.body, byte)) for byte in range(len(row.body))]
    changed += [row._replace(hash=flip(row.hash, byte)) for byte in range(len(row.hash))]
    for other in changed:
        assert faults([*CHAIN[:place], other, *CHAIN[place + 1 :]]) == [(row.seq, "altered")]


@pytest.mark.parametrize("place", range(6))
def test_each_dropped_row_is_missed(place: int) -> None:
    assert faults(CHAIN[:place] + CHAIN[place + 1 :]) == [(place + 1, "missing")]


def test_dropping_the_last_row_and_its_count_still_shows_at_the_head() -> None:
    assert faults(CHAIN[:5], count=5) == [(5, "head")]
    assert faults([], count=0) == [(0, "head")]


@pytest.mark.parametrize("place", range(5))
def test_two_rows_read_in_the_wrong_order_are_named(place: int) -> None:
    one, two = CHAIN[place], CHAIN[place + 1]
    found = faults([*CHAIN[:place], two, one, *CHAIN[place + 2 :]])
    assert (one.seq, "reordered") in found


@pytest.mark.parametrize("place", range(5))
def test_two_rows_that_changed_their_numbers_are_both_named(place: int) -> None:
    one, two = CHAIN[place], CHAIN[place + 1]
    swapped = [two._replace(seq=one.seq), one._replace(seq=two.seq)]
    found = faults([*CHAIN[:place], *swapped, *CHAIN[place + 2 :]])
    assert [found_one for found_one in found if found_one[1] == "altered"] == [
        (one.seq, "altered"),
        (two.seq, "altered"),
    ]


def test_a_row_more_than_the_account_counts_is_named() -> None:
    assert (6, "surplus") in faults(CHAIN, count=5)


def test_hashes_recomputed_without_the_key_prove_nothing() -> None:
    forged, previous = [], GENESIS
    for row in CHAIN:
        previous = chain_hash(b"another key", previous, row.seq, row.body)
        forged.append(ChainRow(row.seq, row.body, previous))
    assert {seq for seq, _ in faults(forged)} == {1, 2, 3, 4, 5, 6}


def test_bytes_cannot_move_between_the_parts_of_a_hash() -> None:
    assert chain_hash(KEY, b"ab", 1, b"c") != chain_hash(KEY, b"a", 1, b"bc")
