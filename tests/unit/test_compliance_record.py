"""The proof of a check: what its bytes hold, and that no change to the chain goes unseen."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from dialer.compliance.decide import decide
from dialer.compliance.facts import Caller, Consent, Declaration, Facts, PastAttempt, Scrub
from dialer.compliance.packs import find_packs
from dialer.compliance.record import canonical_body

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
        "packs": find_packs(["in"]),
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


@pytest.mark.parametrize(
    ("packs", "phone", "prefix", "has_zones"),
    [
        ((), PHONE, "", False),
        (("in",), PHONE, "", False),  # one zone for all: no digit of the number is kept
        (("gb",), "+442079460958", "", False),
        (("au",), "+61412345678", "4", False),
        (("us",), "+18505551234", "850", True),
        (("us-fl",), "+18505551234", "850", True),
        (("in", "au"), PHONE, "9", False),
    ],
)
def test_of_the_number_only_what_a_pack_looks_at_is_kept(
    packs: tuple[str, ...], phone: str, prefix: str, has_zones: bool
) -> None:
    facts, stack = replace(FACTS, phone=phone), find_packs(packs)
    verdict = decide(facts, stack, NOW)
    subject = json.loads(body_of(facts, packs=stack, verdict=verdict))["subject"]
    assert (subject["prefix"], bool(subject["zones"])) == (prefix, has_zones)


@pytest.mark.parametrize(
    ("packs", "phone", "zones", "derived_by"),
    [
        (("in",), PHONE, None, "fixed"),
        (("in",), PHONE, ("Asia/Kolkata",), "address"),
        (("us", "in"), PHONE, None, "fixed"),
        (("us-fl",), "+18505551234", None, "number"),
        ((), PHONE, None, ""),
    ],
)
def test_a_body_says_how_its_zones_were_found(
    packs: tuple[str, ...], phone: str, zones: tuple[str, ...] | None, derived_by: str
) -> None:
    facts, stack = replace(FACTS, phone=phone, zones=zones), find_packs(packs)
    zone = json.loads(body_of(facts, packs=stack, verdict=decide(facts, stack, NOW)))["zone"]
    assert zone["derived_by"] == derived_by
    assert zone["given"] == (None if zones is None else [*zones])


def test_a_consent_is_kept_without_its_words() -> None:
    consents = (
        Consent("ebr", NOW, source="inquiry", id="k-1"),
        Consent("inferred", None, ended=True, source="a form"),
    )
    read = json.loads(body_of(replace(FACTS, consents=consents)))
    assert read["consents"] == [
        {
            "id": "k-1",
            "kind": "ebr",
            "captured_at": "2026-11-23T06:30:00.000005Z",
            "ended": False,
            "is_inquiry": True,
        },
        {"id": None, "kind": "inferred", "captured_at": None, "ended": True, "is_inquiry": False},
    ]


def test_what_nobody_told_is_null() -> None:
    read = json.loads(body_of(replace(FACTS, caller=None, declaration=None, scrub=None)))
    assert read["register"] is None
    assert read["caller"] == dict.fromkeys(("number", "series", "peid", "tmid", "declaration"))
    told = json.loads(body_of())
    assert told["register"]["verdict"] == "unreadable", "it may name a person"
    assert told["caller"]["declaration"] == {
        "reference": "OAP/7",
        "declared_on": "2026-11-23",
        "objective": "service",
        "cli_listed": True,
    }
    undated = replace(FACTS, declaration=Declaration(None, None, None, False))
    assert json.loads(body_of(undated))["caller"]["declaration"]["declared_on"] is None
