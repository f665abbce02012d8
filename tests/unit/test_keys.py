"""One secret, a key for each purpose, and nothing that shows it."""

from __future__ import annotations

import dataclasses
from uuid import UUID

import pytest

from dialer.domain.ids import uuid7
from dialer.keys import Keys

SECRET = "correct horse battery staple"
KEYS = Keys.derive(SECRET)
ATTEMPT = UUID("01939a00-0000-7000-8000-000000000001")


def test_every_purpose_has_a_key_of_its_own() -> None:
    keys = dataclasses.astuple(KEYS)
    assert len(set(keys)) == len(keys) == 4
    assert all(len(key) == 32 for key in keys)


def test_all_processes_of_one_secret_agree_and_no_other_secret_does() -> None:
    assert Keys.derive(SECRET) == KEYS
    other = Keys.derive(SECRET + " ")
    assert not set(dataclasses.astuple(other)) & set(dataclasses.astuple(KEYS))
    assert other.mac_of(ATTEMPT) != KEYS.mac_of(ATTEMPT)


def test_stored_proofs_stay_valid_over_releases() -> None:
    """Changing the derivation would break every chain, callback path and API key in use."""
    assert KEYS.mac_of(ATTEMPT) == "66bbd173e9b01fa996bb247a73a16c99"
    assert (
        KEYS.phone_hash("+919876500001")
        == "b39673720dc7fd686753fe9300bff73ba5d833261aa1ca67ac1af88492319a57"
    )
    assert (
        KEYS.api_key_hash("dk_test").hex()
        == "bd763e96c347709cc24fc3ca40017e3561cd377cbda52a023bfd2705dfbf0291"
    )


def test_a_mac_opens_its_own_attempt_only() -> None:
    mac = KEYS.mac_of(ATTEMPT)
    assert len(mac) == 32 and int(mac, 16) >= 0
    assert KEYS.is_mac_of(ATTEMPT, mac)
    assert not KEYS.is_mac_of(uuid7(), mac)


@pytest.mark.parametrize("offered", ["", "0" * 32, "é" * 32, "\ud800", "\0", "X" * 100_000])
def test_a_wrong_mac_of_any_shape_is_refused_and_raises_nothing(offered: str) -> None:
    assert not KEYS.is_mac_of(ATTEMPT, offered)


def test_a_mac_is_compared_exactly() -> None:
    mac = KEYS.mac_of(ATTEMPT)
    for spoiled in (mac.upper(), mac[:-1], mac + "0", f" {mac}"):
        assert not KEYS.is_mac_of(ATTEMPT, spoiled)


def test_no_key_shows_in_its_text() -> None:
    assert "b'" not in repr(KEYS) and "b'" not in f"{KEYS}"
