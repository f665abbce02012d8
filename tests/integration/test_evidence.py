"""The evidence pack of one person: complete, readable by anybody, and provable by its file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from dialer.compliance.packs import packs_by_hash
from dialer.reports.evidence import Document, as_json, make_evidence
from dialer.reports.evidence_file import compare_evidence, read_evidence
from dialer.reports.evidence_page import as_page
from dialer.store.audit import verify_audit
from dialer.store.suppressions import add_suppression
from dialer.store.tables import consents, leads, turns
from tests.integration.dialing_floor import ASHA, RAVI, Floor

NASTY = 'Asha <script>alert("x")</script> & रवि \u0007'
FORMS: dict[str, Callable[[Document], bytes]] = {"html": as_page, "json": as_json}


async def evidence_of(floor: Floor, phone: str = ASHA) -> Document:
    async with floor.db.begin() as tx:
        return await make_evidence(
            tx, floor.law.keys, packs_by_hash(), phone=phone, engine_version="test"
        )


async def call_and_deny(floor: Floor) -> None:
    """Ring Asha, who answers and talks; an hour later she is on the list and is not called."""
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "ring", CallUUID="c-1")
    await floor.hear(attempt_id, "answer", CallUUID="c-1")
    await floor.hear(
        attempt_id,
        "hangup",
        CallUUID="c-1",
        HangupCauseCode="3010",
        HangupCause="Busy Line",
        Duration="0",
    )
    async with floor.db.begin() as tx:
        await tx.execute(update(leads).values(name=NASTY))
        await tx.execute(update(consents).values(source=NASTY, evidence="form-7.pdf"))
        await tx.execute(
            insert(turns).values(
                account_id=tx.account_id,
                attempt_id=attempt_id,
                number=1,
                speaker="callee",
                said="do not print what I said",
                starts_s=0.5,
            )
        )
        await add_suppression(tx, phone=ASHA, source="api", reason="complaint")
        await tx.execute(text("UPDATE enrolments SET state = 'waiting', due_at = now()"))
    await floor.later(3600)
    async with floor.db.begin() as tx:
        await tx.execute(text("UPDATE enrolments SET due_at = :now"), {"now": tx.now})
    assert await floor.claim() == []


class Page(HTMLParser):
    """The tags of a page, and all its text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_a_pack_tells_why_a_person_was_called_and_why_not(floor: Floor) -> None:
    await call_and_deny(floor)
    document = json.loads(as_json(await evidence_of(floor)))
    assert document["summary"] == {
        "checks": 2,
        "allowed": 1,
        "denied": 1,
        "rang": 1,
        "answered": 1,
        "replayed_same": 2,
    }
    allowed, denied = document["checks"]
    assert allowed["local"][0].startswith("Tue 01 Jun 2027 12:0")
    assert all(rule["passed"] for rule in allowed["rules"])
    assert [one["source"] for one in allowed["consents"]] == [NASTY]
    assert (allowed["call"]["hangup_cause"], allowed["call"]["turns"]) == ("Busy Line", 1)
    assert len(allowed["call"]["transcript_sha256"]) == 64
    assert (denied["code"], denied["call"], denied["was_suppressed"]) == (
        "INTERNAL_OPT_OUT",
        None,
        True,
    )
    assert [one["reason"] for one in document["suppressions"]] == ["complaint"]
    (pack,) = document["packs"]
    assert (pack["id"], pack["at_hand"], pack["status"]) == ("in", True, "not_reviewed")
    assert "do not print" not in as_json(document).decode()
    async with floor.db.begin() as tx:
        audit = await verify_audit(tx, floor.law.keys.chain, packs=packs_by_hash())
    assert (audit.is_whole, audit.heads) == (True, 1), "the export signed the chain"
    assert audit.replayed is not None and audit.replayed.same == 2


async def test_a_page_is_safe_and_stands_alone(floor: Floor) -> None:
    await call_and_deny(floor)
    page = as_page(await evidence_of(floor))
    if folder := os.environ.get("KEEP_EVIDENCE"):
        (Path(folder) / "evidence.html").write_bytes(page)
    read = Page(page)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(read.tags)
    assert "alert(" in read.text and "\u0007" not in read.text
    for name, value in read.attributes:
        assert name not in ("src", "style") and not name.startswith("on")
        assert name != "href" or (value or "").startswith("#")
    assert b"://" not in page and b"url(" not in page and b"@import" not in page
    assert ("lang", "en") in read.attributes and read.tags.count("h1") == 1
    assert read.tags.count("table") == read.tags.count("caption")
    for words in (ASHA, "ALLOWED", "DENIED: INTERNAL_OPT_OUT", "FAIL", "Busy Line", "form-7.pdf"):
        assert words in read.text, words
    assert "no law owner has reviewed it yet" in read.text


@pytest.mark.parametrize("form", FORMS)
async def test_a_file_proves_its_records_and_shows_what_was_changed(
    floor: Floor, form: str
) -> None:
    await call_and_deny(floor)
    raw = FORMS[form](await evidence_of(floor))

    async def faults(changed: bytes, key: bytes = floor.law.keys.chain) -> list[tuple[Any, str]]:
        evidence = read_evidence(changed, "file")
        assert len(evidence.records) == 2
        async with floor.db.begin() as tx:
            found = await compare_evidence(tx, key, evidence)
        return [(fault.seq, fault.kind) for fault in found.told]

    assert await faults(raw) == []
    assert (2, "head") in await faults(raw, b"another key")
    body = raw.index(b"attempt_no", raw.index(b"Proof" if form == "html" else b'"record"'))
    assert await faults(raw[:body] + b"A" + raw[body + 1 :]) == [(1, "altered")]
    signature = read_evidence(raw, "file").head.signature
    forged = bytes([signature[0] ^ 1]) + signature[1:]
    changed = raw.replace(signature.hex().encode(), forged.hex().encode())
    assert await faults(changed) == [(2, "head")]
    async with floor.db.begin() as tx:
        for table in ("checks", "audit_heads"):
            await tx.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER append_only"))
        await tx.execute(text("UPDATE enrolments SET last_check_id = null"))
        await tx.execute(text("DELETE FROM audit_heads"))
        await tx.execute(text("DELETE FROM checks WHERE seq = 2"))
        await tx.execute(
            text(
                "UPDATE accounts SET chain_seq = 1, chain_count = 1, chain_head = "
                "(SELECT hash FROM checks WHERE seq = 1)"
            )
        )
        assert (await verify_audit(tx, floor.law.keys.chain)).is_whole, "nothing here tells"
    assert await faults(raw) == [(2, "head"), (2, "missing")], "but the exported file does"


async def test_an_erased_persons_proof_is_found_by_the_number(floor: Floor) -> None:
    await call_and_deny(floor)
    async with floor.db.begin() as tx:
        await tx.execute(text("DELETE FROM subjects"))
    assert (await evidence_of(floor))["summary"]["checks"] == 2


async def test_nobody_known_is_an_empty_pack(floor: Floor) -> None:
    document = await evidence_of(floor, RAVI)
    assert document["summary"]["checks"] == 0
    assert "never considered" in Page(as_page(document)).text


async def test_spoiled_bytes_are_told_in_the_pack(floor: Floor) -> None:
    await call_and_deny(floor)
    async with floor.db.begin() as tx:
        await tx.execute(text("ALTER TABLE checks DISABLE TRIGGER append_only"))
        await tx.execute(text("UPDATE checks SET body = set_byte(body, 0, 7) WHERE seq = 1"))
    document = await evidence_of(floor)
    assert document["checks"][0]["replay"]["state"] == "unreadable"
    assert as_page(document) and as_json(document)
