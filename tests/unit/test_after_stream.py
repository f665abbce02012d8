"""What a call goes on with after its stream: decided purely, and said in the callee's language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import pytest

from dialer.call.after_stream import TransferUrls, document_after_dial, document_after_stream
from dialer.dialing.lifecycle import require_playable
from dialer.dialing.place import CallbackUrls, call_request
from dialer.domain.after_stream import (
    BROKEN_CALLS_AT_MOST,
    AfterStream,
    Next,
    after_stream,
    call_back_at,
    establishes,
    replaces,
)
from dialer.domain.attempt import Disposition, Outcome
from dialer.domain.definition import Definition
from dialer.domain.definition_parse import parse_tables
from dialer.domain.retry import RetryPlan
from dialer.errors import RuleViolation
from dialer.keys import Keys
from dialer.providers.plivo import call_fields

D = Disposition
NOW = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
URLS = TransferUrls("https://h/dial", "https://h/leg")
TABLES: dict[str, Any] = {
    "campaign": {
        "name": "solar",
        "kind": "qualification",
        "category": "promotional",
        "rule_packs": ["in"],
    },
    "dialing": {"caller_ids": ["+911402000001"], "max_call_s": 120},
    "agent": {"opening": "Hello.", "disclosure": "I am an AI, this is recorded."},
}
LEAVES = {"action": "leave_message", "message": "Call us, {first_name}."}


def definition(**changes: Any) -> Definition:
    return parse_tables(TABLES | {"transfer": {"to": "+918011112222"}} | changes, source="test")


def goes_on(meant: AfterStream | None, changes: dict[str, Any], **facts: Any) -> Next:
    given: dict[str, Any] = {"is_machine": False, "disposition": None, **facts}
    return after_stream(meant, definition=definition(**changes), **given)


@pytest.mark.parametrize(
    ("meant", "facts", "changes", "expected"),
    [
        (None, {}, {}, "apology"),
        (AfterStream.APOLOGISE, {}, {}, "apology"),
        (AfterStream.HANG_UP, {}, {}, "hang_up"),
        (AfterStream.HAND_OVER, {}, {}, "dial"),
        (AfterStream.HAND_OVER, {}, {"transfer": None}, "apology"),
        (None, {"is_machine": True}, {}, "hang_up"),
        (None, {"is_machine": True}, {"voicemail": LEAVES}, "voicemail"),
        (AfterStream.HANG_UP, {"is_machine": True}, {"voicemail": LEAVES}, "voicemail"),
        (
            AfterStream.HANG_UP,
            {"is_machine": True, "disposition": D.INCOMPLETE},
            {"voicemail": LEAVES},
            "voicemail",
        ),
        (
            AfterStream.HANG_UP,
            {"is_machine": True, "disposition": D.QUALIFIED},
            {"voicemail": LEAVES},
            "hang_up",
        ),
        (
            AfterStream.HAND_OVER,
            {"is_machine": True, "disposition": D.TRANSFERRED},
            {"voicemail": LEAVES},
            "dial",
        ),
    ],
)
def test_what_was_meant_and_who_was_heard_decide(
    meant: AfterStream | None, facts: dict[str, Any], changes: dict[str, Any], expected: Next
) -> None:
    assert goes_on(meant, changes, **facts) == expected


def test_every_case_has_a_document_that_ends_the_call_or_hands_it_on() -> None:
    for meant, is_machine, disposition, voicemail in product(
        [None, *AfterStream], (True, False), [None, *D], ({}, {"voicemail": LEAVES})
    ):
        for language in ("en-IN", "hi-IN", "ta-IN"):
            found = definition(
                campaign=TABLES["campaign"] | {"language": language},
                **(voicemail if language != "ta-IN" else {}),
            )
            document = document_after_stream(
                after_stream(
                    meant, is_machine=is_machine, disposition=disposition, definition=found
                ),
                found,
                {"first_name": "Asha"},
                caller_id="+911402000001",
                urls=URLS,
                is_promised=False,
            )
            last = list(ElementTree.fromstring(document))[-1].tag
            assert last in ("Hangup", "Dial")


def test_an_opt_out_is_never_written_over_and_nothing_by_less() -> None:
    for new in D:
        assert replaces(new, None)
        assert replaces(new, D.OPTED_OUT) == (new is D.OPTED_OUT)
        assert replaces(new, D.INCOMPLETE)
        assert replaces(D.INCOMPLETE, new) == (new is D.INCOMPLETE)
        assert replaces(D.VOICEMAIL_LEFT, new) == (not establishes(new))
    assert replaces(D.CALLBACK, D.TRANSFERRED), "nobody was free"


def test_a_broken_call_is_tried_again_after_the_campaigns_pause_and_not_for_ever() -> None:
    plan = RetryPlan(1, {Outcome.FAILED: [timedelta(minutes=7), timedelta(hours=2)]})
    assert call_back_at(plan, attempts=0, now=NOW) == NOW + timedelta(minutes=7)
    assert call_back_at(RetryPlan(1, {}), attempts=0, now=NOW) == NOW + timedelta(minutes=30)
    dated = [call_back_at(plan, attempts=count, now=NOW) for count in range(6)]
    assert [at is not None for at in dated].count(True) == BROKEN_CALLS_AT_MOST - 1
    assert dated[BROKEN_CALLS_AT_MOST - 1 :] == [None] * (7 - BROKEN_CALLS_AT_MOST)


def spoken(document: str) -> str:
    return " ".join(speak.text or "" for speak in ElementTree.fromstring(document).iter("Speak"))


def test_words_promise_a_call_only_if_there_will_be_one_and_fit_the_language() -> None:
    english, hindi = definition(), definition(campaign=TABLES["campaign"] | {"language": "hi-IN"})
    for found, promise, language in (
        (english, "We will call you back", "en-IN"),
        (hindi, "फिर से फ़ोन करेंगे", "hi-IN"),
    ):
        for is_promised in (True, False):
            apology = document_after_stream(
                "apology", found, {}, caller_id="+911", urls=URLS, is_promised=is_promised
            )
            nobody = document_after_dial(found, was_connected=False, is_promised=is_promised)
            for document in (apology, nobody):
                assert (promise in spoken(document)) == is_promised
                assert f'language="{language}"' in document
                assert ElementTree.fromstring(document)[-1].tag == "Hangup"
    over = ElementTree.fromstring(
        document_after_dial(english, was_connected=True, is_promised=True)
    )
    assert [child.tag for child in over] == ["Hangup"]


def test_a_transfer_dials_the_campaigns_number_from_the_calls_own() -> None:
    root = ElementTree.fromstring(
        document_after_stream(
            "dial", definition(), {}, caller_id="+911402000001", urls=URLS, is_promised=False
        )
    )
    dial = root[0]
    assert (dial.tag, dial.get("callerId"), dial[0].text) == (
        "Dial",
        "+911402000001",
        "+918011112222",
    )
    assert (dial.get("action") or "").startswith("https://h/dial#")
    assert (dial.get("callbackUrl") or "").startswith("https://h/leg#")


@pytest.mark.parametrize(
    ("voicemail", "detection", "has_url"),
    [
        ({}, "true", True),
        ({"detection": "sync"}, "hangup", False),
        (LEAVES | {"detection": "sync"}, "true", False),
        (LEAVES, "true", True),
    ],
)
def test_the_campaign_chooses_when_a_machine_is_detected(
    voicemail: dict[str, Any], detection: str, has_url: bool
) -> None:
    fields = call_fields(request(definition(voicemail=voicemail)))
    assert fields["machine_detection"] == detection
    assert ("machine_detection_url" in fields) == has_url


def request(found: Definition) -> Any:
    urls = CallbackUrls("https://h", Keys.derive("a secret for tests"))
    return call_request(uuid4(), "+919876500001", "+911402000001", found, urls)


def test_the_carriers_time_limit_leaves_room_for_the_person_a_call_is_handed_to() -> None:
    assert request(definition()).time_limit_s == 120 + 3600
    assert request(definition(transfer=None)).time_limit_s == 120


def test_the_streams_address_is_the_public_one_as_a_socket() -> None:
    keys, attempt_id = Keys.derive("a secret for tests"), uuid4()
    for public, expected in (("https://h/base", "wss://h/base/"), ("http://h:80", "ws://h:80/")):
        found = CallbackUrls(public, keys).stream_of(attempt_id)
        assert found == f"{expected}plivo/{attempt_id}/{keys.mac_of(attempt_id)}/stream"


SPEECH = ("DEEPGRAM_API_KEY", "CARTESIA_API_KEY", "OPENAI_API_KEY")
TOLD = {"message": "Hello."}


@pytest.mark.parametrize(
    ("notification", "needed"),
    [
        (None, SPEECH),
        (TOLD | {"delivery": "stream"}, SPEECH[:2]),
        (TOLD, ()),
        (TOLD | {"delivery": "sip", "sip_uri": "sip:a@b"}, ()),
    ],
)
def test_a_campaign_starts_without_the_keys_it_does_not_need(
    notification: dict[str, str] | None, needed: tuple[str, ...]
) -> None:
    found = definition()
    if notification is not None:
        kind = TABLES["campaign"] | {"kind": "notification"}
        found = definition(campaign=kind, notification=notification, agent=None, transfer=None)
    require_playable(found, ())
    require_playable(found, [key for key in SPEECH if key not in needed])
    for key in needed:
        with pytest.raises(RuleViolation, match=f"{key}; set it"):
            require_playable(found, [key])


def test_a_phlo_is_still_refused() -> None:
    kind = TABLES["campaign"] | {"kind": "notification"}
    found = definition(
        campaign=kind,
        notification=TOLD | {"delivery": "phlo", "phlo_id": "7"},
        agent=None,
        transfer=None,
    )
    with pytest.raises(RuleViolation, match="phlo"):
        require_playable(found, ())
