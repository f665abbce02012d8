"""The sentences of a decision in words: what each kind of rule asks, what it found, what cures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from dialer.compliance.decide import decide
from dialer.compliance.facts import Caller, Consent, Facts, Narrowing, PastAttempt, Scrub
from dialer.compliance.numbering import read_number
from dialer.compliance.packs import SHIPPED, Pack, find_packs, read_pack
from dialer.compliance.words import Said, explain_verdict
from tests.unit.compliance_facts import (
    EXPLICIT,
    INDIA,
    NOON,
    PROMO,
    SECOND,
    SERVICE,
    US,
    US_NOON,
    india,
)

DAY = timedelta(days=1)
AMERICA = find_packs(["us"])
DEBT = replace(US, category="debt_recovery", scrub=None)
TALK = PastAttempt(US_NOON - DAY, conversation=True)
FLORIDA = find_packs(["us-fl"])
TAMPA = replace(US, phone="+18135552368", scrub=Scrub(US_NOON, "clear", "S-9"))
TRANSACTION = replace(
    SERVICE, category="transactional", event_at=NOON - timedelta(minutes=5), consents=()
)


def explain(known: Facts, now: datetime = NOON, packs: Sequence[Pack] = INDIA) -> tuple[Said, ...]:
    verdict = decide(known, packs, now)
    return explain_verdict(read_number(known.phone), known, packs, now, verdict)


def one(known: Facts, name: str, now: datetime = NOON, packs: Sequence[Pack] = INDIA) -> Said:
    """What was said of one rule, or of one question that is no rule's."""
    (found,) = [one for one in explain(known, now, packs) if name in (one.rule_id, one.kind)]
    return found


def changed(name: str, right: str, wrong: str) -> tuple[Pack, ...]:
    text = (SHIPPED / f"{name}.toml").read_text(encoding="utf-8")
    assert right in text
    pack = read_pack(text.replace(right, wrong, 1).encode(), Path(f"{name}.toml"))
    return (pack,) if name != "us-fl" else (*AMERICA, pack)


def test_a_call_is_asked_about_in_the_order_of_the_decision() -> None:
    said = explain(SERVICE)
    assert [one.kind for one in said] == [
        *("number", "pack", "zone", "own_list", "window"),
        *("consent", "cli", "dialer_declaration"),
    ]
    number, pack, zone, *_ = said
    assert number.found == "A valid number (mobile, IN)."
    assert pack.found == f"Covered by in {INDIA[0].version}."
    assert zone.found == "Mon 23 Nov 2026 12:00:00 in Asia/Kolkata (UTC+05:30)."
    assert {(one.pack_id, one.rule_id, one.passed) for one in said[:4]} == {(None, None, True)}
    assert {(one.pack_id, one.passed) for one in said[4:]} == {("in", True)}
    assert all((one.cure, one.codes) == (None, ()) for one in said)


@pytest.mark.parametrize(
    ("known", "kinds", "cure"),
    [
        (replace(SERVICE, phone="12"), ["number", "own_list"], "Correct the lead's number."),
        (
            replace(SERVICE, phone="+12125552368"),
            ["number", "pack", "own_list"],
            "Add a rule pack for the number's country to the campaign.",
        ),
        (
            replace(SERVICE, number_type="toll_free"),
            ["number", "pack", "zone", "own_list"],
            "Give a number of the person's own.",
        ),
        (
            replace(SERVICE, zones=()),
            ["number", "pack", "zone", "own_list"],
            "Correct the lead's timezone.",
        ),
    ],
)
def test_where_no_rule_could_be_asked_none_is_told_of(
    known: Facts, kinds: list[str], cure: str
) -> None:
    said = explain(replace(known, narrowing=Narrowing(("mon",))))
    assert [one.kind for one in said] == kinds
    assert [one.cure for one in said if not one.passed] == [cure]


def test_a_pack_without_hours_for_the_call_is_told_with_its_name() -> None:
    said = one(replace(SERVICE, category="survey"), "pack")
    assert (said.passed, said.pack_id, said.codes) == (False, "in", ("NO_WINDOW_RULE",))
    assert said.found == "in has no calling window for survey, so it allows none."
    assert said.cure == "A campaign of a category that the pack has calling hours for."


def test_of_two_packs_without_hours_the_first_is_named_and_both_are_told() -> None:
    text = (SHIPPED / "in.toml").read_text(encoding="utf-8").replace('id = "in"', 'id = "two"', 1)
    packs = (*INDIA, read_pack(text.encode(), Path("two.toml")))
    said = one(replace(SERVICE, category="survey"), "pack", NOON, packs)
    assert (said.pack_id, said.codes) == ("in", ("NO_WINDOW_RULE",))
    assert said.found == (
        "in has no calling window for survey, so it allows none. "
        "two has no calling window for survey, so it allows none."
    )


def test_zones_that_are_never_open_together_are_told() -> None:
    never = replace(SERVICE, lead_zone="Asia/Tokyo", narrowing=Narrowing((), (("09:00", "10:00"),)))
    said = one(never, "zone")
    assert (said.passed, said.codes) == (False, ("NO_COMMON_WINDOW",))
    assert said.cure == "Wider hours of the campaign, or a time zone that is known better."


def test_a_campaign_without_hours_of_its_own_is_not_asked_for_them() -> None:
    assert [said for said in explain(SERVICE) if said.rule_id == "campaign.hours"] == []


def test_hours_of_the_campaign_that_are_over_say_so_once_for_every_reason() -> None:
    narrow = replace(SERVICE, narrowing=Narrowing(("tue",), (("14:00", "15:00"),)))
    said = one(narrow, "campaign.hours")
    assert (said.passed, said.codes) == (False, ("DAY_CLOSED", "OUTSIDE_HOURS"))
    assert said.found == (
        "Mon 2026-11-23 12:00:00 in Asia/Kolkata: the campaign calls on tue only. "
        "Mon 2026-11-23 12:00:00 in Asia/Kolkata: the campaign calls 14:00-15:00 only."
    )
    assert said.cure == "Waiting until Tue 24 Nov 2026 14:00:00 in Asia/Kolkata (UTC+05:30)."
    without = one(replace(narrow, consents=()), "campaign.hours")
    assert without.cure == "Waiting.", "nobody knows until when"


@pytest.mark.parametrize(
    ("calls", "found"),
    [(0, "0 earlier calls"), (1, "1 earlier call"), (2, "2 earlier calls")],
)
def test_a_cap_says_how_many_it_counted(calls: int, found: str) -> None:
    known = replace(DEBT, history=(PastAttempt(US_NOON - DAY),) * calls)
    cap = one(known, "us.regf.cap", US_NOON, AMERICA)
    assert cap.asks == "At most 7 calls within 7 days."
    assert cap.found == f"{found} known; the limit is not reached."


def test_a_cap_of_conversations_counts_conversations() -> None:
    packs = changed("us", 'counts = "attempts"', 'counts = "conversations"')
    packs = tuple(packs)
    known = replace(DEBT, history=(TALK, PastAttempt(US_NOON - DAY)))
    cap = one(known, "us.regf.cap", US_NOON, packs)
    assert cap.asks == "At most 7 conversations within 7 days."
    assert cap.found == "1 earlier conversation known; the limit is not reached."


def test_a_cap_and_a_gap_that_deny_say_until_when() -> None:
    """Seven calls on 22 November: the day eight days on, at 08:00 in New York."""
    full = replace(DEBT, history=(TALK,) + (PastAttempt(US_NOON - DAY),) * 6)
    cap = one(full, "us.regf.cap", US_NOON, AMERICA)
    assert (cap.passed, cap.codes) == (False, ("ATTEMPT_CAP",))
    assert cap.cure == "Waiting until Sun 29 Nov 2026 00:00:00 in America/New_York (UTC-05:00)."
    (gap,) = [said for said in explain(full, US_NOON, AMERICA) if said.kind == "gap"]
    assert gap.asks == "At least 7 days after the last conversation."
    assert gap.cure == "Waiting until Sun 29 Nov 2026 00:00:00 in America/New_York (UTC-05:00)."


def test_a_gap_that_passes_says_why() -> None:
    def gap(*history: PastAttempt) -> str:
        known = replace(DEBT, history=history)
        return next(said.found for said in explain(known, US_NOON, AMERICA) if said.kind == "gap")

    assert gap() == "No earlier call is known."
    assert gap(PastAttempt(US_NOON - 9 * DAY, conversation=True)) == "Long enough ago."


@pytest.mark.parametrize(
    ("said", "sector", "consents", "found"),
    [
        ("clear", 3, (), "Scrub S-1 of 23 Nov 2026 11:00: clear."),
        ("block:2", 3, (), "Scrub S-1 of 23 Nov 2026 11:00: block:2."),
        (
            "block:2",
            2,
            (Consent("explicit_dca", NOON), Consent("inquiry", NOON)),
            "Scrub S-1 of 23 Nov 2026 11:00: block:2; "
            "overridden by consent (explicit_dca or inquiry).",
        ),
        ("clear", 3, (Consent("explicit_dca", NOON),), "Scrub S-1 of 23 Nov 2026 11:00: clear."),
        ("none", 3, (Consent("explicit_dca", NOON),), "Scrub S-1 of 23 Nov 2026 11:00: none."),
    ],
)
def test_a_register_says_what_it_said(
    said: str, sector: int, consents: tuple[Consent, ...], found: str
) -> None:
    scrub = Scrub(NOON - timedelta(hours=1), said, "S-1", id="no-1")
    known = replace(PROMO, sector=sector, consents=consents, scrub=scrub)
    assert one(known, "in.promo.ncpr").found == found
    by_id = replace(known, scrub=replace(scrub, ref=""))
    assert one(by_id, "in.promo.ncpr").found == found.replace("S-1", "no-1")


def test_a_register_says_what_it_asks_and_what_would_change_it() -> None:
    fresh = one(PROMO, "in.promo.ncpr")
    assert fresh.asks == (
        "A look at the NCPR register of the same day that does not stop the call, "
        "or consent (explicit_dca or inquiry)."
    )
    stale = one(replace(PROMO, scrub=Scrub(NOON - DAY, "clear")), "in.promo.ncpr")
    assert stale.cure == "Scrub the list with the register's operator and upload the verdicts."
    americans = one(
        replace(US, scrub=Scrub(US_NOON, "clear")), "us.telemarketing.dnc", US_NOON, AMERICA
    )
    assert americans.asks.startswith("A look at the federal_dnc register no older than 31 days ")
    never = changed("us", 'overridden_by = ["express_written", "ebr"]', "")
    listed = one(
        replace(US, scrub=Scrub(US_NOON, "listed")), "us.telemarketing.dnc", US_NOON, never
    )
    assert listed.asks.endswith(" that does not stop the call.")
    assert listed.cure == "Nothing: the subscriber does not want such calls."


def test_the_consents_that_count_are_named() -> None:
    live, undated = Consent("explicit_dca", NOON - DAY), Consent("explicit_dca", None)
    others = (
        Consent("explicit_dca", NOON - 2 * DAY, ended=True),
        Consent("ebr", NOON - 3 * DAY),
    )
    known = replace(EXPLICIT, consents=(live, undated, *others))
    (asked,) = [one for one in explain(known) if one.kind == "consent"]
    assert asked.found == "Given: explicit_dca of 22 Nov 2026 12:00, explicit_dca of unknown date."


@pytest.mark.parametrize(
    ("consents", "found"),
    [
        ((Consent("inquiry", NOON - DAY),), "None is too old."),
        ((Consent("explicit_dca", NOON),), "The call does not rest on such a consent."),
    ],
)
def test_an_age_of_consent_says_whether_the_call_rests_on_one(
    consents: tuple[Consent, ...], found: str
) -> None:
    said = one(replace(EXPLICIT, consents=consents), "in.inquiry.age")
    assert (said.asks, said.found) == ("Consent of kind inquiry younger than 7 days.", found)


def test_a_consent_that_is_too_old_asks_for_another() -> None:
    old = replace(PROMO, consents=(Consent("inquiry", NOON - 7 * DAY),))
    said = one(old, "in.inquiry.age")
    assert said.cure == "A new consent of kind inquiry."
    assert said.found == "The inquiry consent is 7 days old; it lasts P7D."


def test_a_transaction_says_when_it_was() -> None:
    said = one(TRANSACTION, "in.transactional.age")
    assert said.asks == "A transaction of the customer within the last 30 minutes."
    assert said.found == "It was on 23 Nov 2026 11:55."
    abroad = one(replace(TRANSACTION, lead_zone="Europe/London"), "in.transactional.age")
    assert abroad.found == said.found, "on the clock of the first zone"
    late = one(replace(TRANSACTION, event_at=None), "in.transactional.age")
    assert late.cure == "Nothing: the call came too late to be transactional."


@pytest.mark.parametrize(
    ("entity", "asks", "cure"),
    [
        (
            "bfsi",
            "A caller number of series 1600.",
            "A caller number of series 1600 in the campaign and at the sender.",
        ),
        (
            None,
            "A caller number of a series for the campaign's kind of entity.",
            "Name the campaign's entity in its definition: "
            "bfsi or government or utility or logistics or other.",
        ),
    ],
)
def test_a_caller_number_that_cannot_be_shown_says_which_can(
    entity: str | None, asks: str, cure: str
) -> None:
    known = replace(SERVICE, entity=entity, caller=Caller("+911401200001", "140"))
    said = one(known, "in.cli.service")
    assert (said.passed, said.asks, said.cure) == (False, asks, cure)
    assert one(PROMO, "in.cli.promotional").asks == "A caller number of series 140."


def test_a_rule_of_one_pack_is_not_told_for_its_namesake_in_another() -> None:
    """Both packs name a rule alike; Florida's hours are over, the country's are not."""
    packs = changed("us-fl", 'id = "us-fl.window"', 'id = "us.telemarketing.window"')
    evening = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
    windows = [
        said for said in explain(TAMPA, evening, packs) if said.rule_id == "us.telemarketing.window"
    ]
    assert [(said.pack_id, said.passed) for said in windows] == [("us", True), ("us-fl", False)]


def test_a_window_that_is_closed_says_when_it_opens_in_every_zone() -> None:
    night = NOON + timedelta(hours=12) + SECOND
    said = one(replace(SERVICE, lead_zone="Europe/London"), "in.service.window.policy", night)
    assert said.found == ("Tue 2026-11-24 00:00:01 in Asia/Kolkata: calls are allowed 09:00-21:00.")
    assert said.cure == (
        "Waiting until Tue 24 Nov 2026 14:30:00 in Asia/Kolkata (UTC+05:30); "
        "Tue 24 Nov 2026 09:00:00 in Europe/London (UTC+00:00)."
    )
    assert one(replace(SERVICE, consents=()), "in.service.consent").passed is False


def test_a_rule_that_is_not_in_effect_is_not_told_of() -> None:
    before = datetime(2026, 3, 14, 6, 30, tzinfo=UTC)  # in.cli.service binds from 15 March
    assert "in.cli.service" not in {said.rule_id for said in explain(SERVICE, before)}
    ended = india("effective_from = 2026-03-15", "effective_from = 2026-03-15\nenabled = false")
    assert "in.cli.service" not in {said.rule_id for said in explain(SERVICE, NOON, ended)}


@pytest.mark.parametrize(
    ("dates", "given"),
    [
        ("effective_from = 2025-03-14", "explicit_dca of 23 Nov 2026 12:00"),
        (
            "effective_from = 2025-03-14\neffective_to = 2026-11-23",
            "explicit_dca of 23 Nov 2026 12:00",
        ),
        (
            "effective_from = 2026-11-24",
            "inquiry of 15 Nov 2026 12:00, explicit_dca of 23 Nov 2026 12:00",
        ),
    ],
)
def test_consents_expire_by_the_rules_of_the_callees_day(dates: str, given: str) -> None:
    text = (SHIPPED / "in.toml").read_text(encoding="utf-8")
    place = text.index('id = "in.inquiry.age"')
    begins = text.index("effective_from", place)
    dated = text[:begins] + dates + text[text.index("\n", begins) :]
    packs = (read_pack(dated.encode(), Path("in.toml")),)
    consents = (Consent("inquiry", NOON - 8 * DAY), Consent("explicit_dca", NOON))
    (asked,) = [
        one
        for one in explain(replace(EXPLICIT, consents=consents), NOON, packs)
        if one.kind == "consent"
    ]
    assert asked.found == f"Given: {given}."
