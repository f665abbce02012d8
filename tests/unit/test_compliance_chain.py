"""The chain of checks: no change to it goes unseen, and a signed head cannot be forged."""

from __future__ import annotations

import pytest

from dialer.compliance.chain import (
    GENESIS,
    ChainFault,
    ChainRow,
    chain_hash,
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
