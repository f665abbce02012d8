"""The campaign that is shipped: it parses, fits its list, and is lawful with its sender."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from dialer.call.notification import lead_values
from dialer.domain.attempt import Outcome
from dialer.domain.definition import Definition, placeholders
from dialer.store.tables.accounts import SERIES
from tests.unit.sample_lists import CAMPAIGNS, definition_of, judge, leads_of


@pytest.fixture(scope="module")
def definition() -> Definition:
    return definition_of("appointment_reminder")


@pytest.fixture(scope="module")
def leads() -> list[SimpleNamespace]:
    return leads_of("appointment_reminder")


def test_three_keys_have_a_meaning_and_a_reply_of_their_own(definition: Definition) -> None:
    assert definition.notification is not None
    assert definition.notification.delivery == "xml"
    assert definition.notification.keys == {"1": "confirmed", "2": "reschedule", "9": "opted_out"}
    assert definition.notification.replies.keys() == set(definition.notification.keys.values())
    assert definition.retry_plan.delay_after(Outcome.BUSY, 1) is not None
    assert definition.dialing.starts_at is None and definition.dialing.ends_at is None


def test_sixty_people_and_every_row_is_loaded(leads: list[SimpleNamespace]) -> None:
    assert len(leads) == 60
    assert len({lead.phone for lead in leads}) == len({lead.external_id for lead in leads}) == 60
    assert all(lead.phone.startswith("+91") for lead in leads)


def test_every_lead_has_what_the_texts_need(
    definition: Definition, leads: list[SimpleNamespace]
) -> None:
    needed = set[str]().union(*placeholders(definition).values())
    assert needed >= {"first_name", "clinic", "date", "time"}
    for lead in leads:
        values = lead_values(lead)
        assert all(values.get(name) for name in needed), lead.external_id


def test_the_first_lead_may_be_called_at_eleven(
    definition: Definition, leads: list[SimpleNamespace]
) -> None:
    verdict = judge(leads[0], definition)
    assert (verdict.allowed, verdict.code) == (True, "OK")


def test_london_waits_until_both_windows_are_open(
    definition: Definition, leads: list[SimpleNamespace]
) -> None:
    (london,) = [lead for lead in leads if lead.timezone == "Europe/London"]
    verdict = judge(london, definition)
    assert (verdict.allowed, verdict.code) == (False, "OUTSIDE_HOURS")
    assert verdict.next_allowed_at == datetime(2026, 11, 23, 9, tzinfo=UTC)  # 09:00 and 14:30


def test_the_list_shows_every_kind_of_answer(
    definition: Definition, leads: list[SimpleNamespace]
) -> None:
    codes = [judge(lead, definition).code for lead in leads]
    found = {code: codes.count(code) for code in sorted(set(codes))}
    assert found == {"CONSENT_EXPIRED": 1, "CONSENT_MISSING": 2, "OK": 56, "OUTSIDE_HOURS": 1}


def test_the_sender_has_a_series_for_each_number() -> None:
    body = json.loads((CAMPAIGNS / "sender.json").read_text(encoding="utf-8"))
    assert body.keys() == {"peid", "tmid", "a2p", "caller_ids"}
    assert body["a2p"].keys() == {"reference", "declared_on", "objective"}
    assert {each["series"] for each in body["caller_ids"]} == {"1601", "140"} <= set(SERIES)
