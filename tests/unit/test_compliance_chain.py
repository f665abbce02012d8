"""The chain of checks: no change to it goes unseen, and a signed head cannot be forged."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from dialer.compliance.chain import (
    GENESIS,
    MOST_FAULTS,
    ChainFault,
    ChainReader,
    ChainRow,
    Faults,
    SignedHead,
    chain_hash,
    is_signed,
    sign_head,
    verify_chain,
)

KEY = b"k" * 32


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


def test_a_link_is_the_keyed_hash_of_its_parts_each_behind_its_length() -> None:
    """Written out here once more: stored hashes must be computed alike for ever."""
    message = (
        b"\x00\x00\x00\x00\x00\x00\x00\x02ab"
        b"\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x01\x03"
        b"\x00\x00\x00\x00\x00\x00\x00\x04body"
    )
    wanted = hmac.new(KEY, message, hashlib.sha256).digest()
    assert chain_hash(KEY, b"ab", 259, b"body") == wanted


def test_each_row_tells_whether_it_is_proven_by_the_one_before() -> None:
    reader = ChainReader(KEY, count=6)
    altered = CHAIN[2]._replace(body=b"{}")
    told = [reader.read(row) for row in (*CHAIN[:2], altered, CHAIN[3], CHAIN[5], CHAIN[5])]
    assert told == [True, True, False, True, False, False]
    assert not ChainReader(KEY, count=0).read(CHAIN[0]), "surplus"
    assert not ChainReader(KEY, count=6).read(CHAIN[1]), "the first is missing"


def test_many_broken_rows_are_counted_and_the_first_are_told() -> None:
    faults = Faults()
    faults.add_missing(4, 4)
    faults.add_missing(5, 4)
    assert (faults.told, faults.total) == ([], 0)
    faults.add(1, "altered", "x")
    faults.add_missing(2, 4)
    assert [one.seq for one in faults.told] == [1, 2, 3] and faults.total == 3
    faults.add_missing(10, 10 + MOST_FAULTS)
    assert (len(faults.told), faults.total) == (MOST_FAULTS, 3 + MOST_FAULTS)
    faults.add(9, "altered", "x")
    assert (len(faults.told), faults.total) == (MOST_FAULTS, 4 + MOST_FAULTS)


def test_a_fault_after_a_thousand_is_counted_alone() -> None:
    faults = Faults()
    for seq in range(1001):
        faults.add(seq, "altered", "x")
    assert (len(faults.told), faults.total) == (1000, 1001)


ACCOUNT = UUID("01900000-0000-7000-8000-000000000001")
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
SIGNED = sign_head(KEY, account_id=ACCOUNT, at=NOON, seq=6, count=5, head=CHAIN[-1].hash)


def test_a_head_is_signed_over_all_that_it_says() -> None:
    message = (
        b"dialer audit head 1\n01900000-0000-7000-8000-000000000001\n"
        b"2026-11-27T12:00:00.000000+00:00\n6\n5\n" + CHAIN[-1].hash
    )
    assert SIGNED.signature == hmac.new(KEY, message, hashlib.sha256).digest()
    in_india = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert is_signed(KEY, SIGNED) and is_signed(KEY, replace(SIGNED, at=in_india))


@pytest.mark.parametrize(
    "forged",
    [
        replace(SIGNED, account_id=UUID(int=1)),
        replace(SIGNED, at=NOON + timedelta(microseconds=1)),
        replace(SIGNED, seq=5),
        replace(SIGNED, count=6),
        replace(SIGNED, head=CHAIN[-2].hash),
        replace(SIGNED, signature=flip(SIGNED.signature, 0)),
    ],
)
def test_a_head_that_says_anything_else_is_not_signed(forged: SignedHead) -> None:
    assert not is_signed(KEY, forged)
    assert not is_signed(b"another key", SIGNED)


def test_a_row_left_out_by_one_who_has_the_key_is_missed_by_its_number() -> None:
    """The hashes follow each other, the numbers do not."""
    body, previous = b"{}", CHAIN[1].hash
    rows = [*CHAIN[:2], ChainRow(4, body, chain_hash(KEY, previous, 4, body))]
    reader = ChainReader(KEY, count=4)
    assert [reader.read(row) for row in rows] == [True, True, False]
    assert [(fault.seq, fault.kind) for fault in reader.close(rows[-1].hash).told] == [
        (3, "missing")
    ]


@pytest.mark.parametrize(("altered", "is_proven"), [(6, True), (7, True), (8, False)])
def test_a_row_is_proven_behind_seven_altered_ones(altered: int, is_proven: bool) -> None:
    """Each leaves two hashes that the next may follow, and of those eight are tried."""
    rows = make_chain(altered + 1)
    reader = ChainReader(KEY, count=len(rows))
    for row in rows[:-1]:
        assert not reader.read(row._replace(hash=flip(row.hash, 0)))
    assert reader.read(rows[-1]) is is_proven


def test_a_fault_says_what_was_found() -> None:
    told = verify_chain(KEY, [CHAIN[0], CHAIN[2], CHAIN[0], CHAIN[3]], GENESIS, 3)
    assert told == [
        ChainFault(2, "missing", "no such row; so check 3 cannot be proven by the one before it"),
        ChainFault(1, "reordered", "stands behind a later row or is there twice"),
        ChainFault(4, "surplus", "the account row knows of 3 rows"),
        ChainFault(3, "head", "the head on the account row is not the hash of the last row"),
    ]
    assert verify_chain(KEY, CHAIN[:4], CHAIN[5].hash, 6) == [
        ChainFault(5, "missing", "no such row"),
        ChainFault(6, "missing", "no such row"),
    ]
