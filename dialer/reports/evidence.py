"""One evidence pack: why a person was called or not, with what proves it, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from dialer.compliance.chain import SignedHead
from dialer.compliance.packs import Pack
from dialer.compliance.replay import Replay, replay
from dialer.compliance.words import explain_verdict, say_local
from dialer.compliance.zones import find_zone
from dialer.keys import Keys
from dialer.store import admin_log, evidence
from dialer.store.audit_heads import seal
from dialer.store.engine import Tx
from dialer.store.suppressions import suppressed_among

KIND = "dialer evidence pack"
_PERSON_ZONE = "Asia/Kolkata"  # where nothing says otherwise

Document = dict[str, Any]

#: Stands for bytes that somebody has spoiled: the pack is made all the same, and says so.
_UNREADABLE: Document = {
    "result": {"window_ends_at": None},
    "zone": {"zones": [], "derived_by": None, "tzdata": None},
    "classification": {"category": None, "mode": None, "entity": None},
    "caller": {"number": None, "series": None, "declaration": None},
    "consents": [],
    "register": None,
    "suppressed": None,
    "history": [],
    "rules": {"packs": []},
    "extra": {},
}


async def make_evidence(
    tx: Tx,
    keys: Keys,
    packs: Mapping[str, Pack],
    *,
    phone: str,
    engine_version: str,
    campaign_id: UUID | None = None,
) -> Document:
    """Gather everything about the decisions on one number; the chain is signed as it stands.

    packs: by hash; each check is decided again with those it names.
    """
    phone_hash = keys.phone_hash(phone)
    rows = await evidence.checks_of_person(tx, phone, phone_hash, campaign_id)
    leads = await evidence.leads_of_phone(tx, phone)
    consents = await evidence.consents_of_leads(tx, [lead.id for lead in leads])
    calls = await evidence.calls_of_checks(tx, [row.id for row in rows])
    ids = [call.id for call in calls.values()]
    transcripts = await evidence.transcript_hashes(tx, ids)
    recordings = await evidence.recorded(tx, ids)
    names = await evidence.campaign_names(tx, [row.campaign_id for row in rows])
    by_consent = {str(one.id): one for one in consents}
    head = await seal(tx, keys.chain)
    await admin_log.note(tx, actor="cli", action="evidence_exported", phone_hash=phone_hash)
    made = [
        _check(row, packs, by_consent, names)
        | {"call": _call(calls.get(row.id), transcripts, recordings)}
        for row in rows
    ]
    everywhere = UUID(int=0) if campaign_id is None else campaign_id
    return {
        "kind": KIND,
        "version": 1,
        "made_at": tx.now,
        "engine_version": engine_version,
        "phone": phone,
        "phone_hash": phone_hash,
        "timezone": made[-1]["zones"][0] if made and made[-1]["zones"] else _PERSON_ZONE,
        "campaign": None if campaign_id is None else names.get(campaign_id),
        "is_suppressed": phone in await suppressed_among(tx, [phone], everywhere),
        "summary": {
            "checks": len(made),
            "allowed": sum(one["decision"] == "allow" for one in made),
            "denied": sum(one["decision"] == "deny" for one in made),
            "rang": sum(_rang(one["call"]) for one in made),
            "answered": sum(
                one["call"] is not None and one["call"]["answered_at"] is not None for one in made
            ),
            "replayed_same": sum(one["replay"]["state"] == "same" for one in made),
        },
        "leads": [_lead(lead) for lead in leads],
        "consents": [_consent(one) for one in consents],
        "suppressions": await evidence.suppression_history(tx, phone, phone_hash),
        "scrubs": [_scrub(one) for one in await evidence.scrubs_of_phone(tx, phone)],
        "packs": _packs_used(made, packs),
        "checks": made,
        "head": _head(head),
    }


def _rang(call: Document | None) -> bool:
    return call is not None and call["rang_at"] is not None


def _lead(row: Any) -> Document:
    names = ("id", "list_name", "external_id", "name", "first_name", "timezone", "language")
    return {name: getattr(row, name) for name in (*names, "created_at", "updated_at")}


def _consent(row: Any) -> Document:
    names = ("id", "lead_id", "kind", "captured_at", "has_ended", "source", "evidence")
    return {name: getattr(row, name) for name in (*names, "recorded_at")}


def _scrub(row: Any) -> Document:
    names = ("id", "ref", "provider", "at", "verdict", "recorded_at")
    return {name: getattr(row, name) for name in names} | {"file_sha256": row.file_sha256.hex()}


def _head(head: SignedHead) -> Document:
    return {
        "account_id": head.account_id,
        "at": head.at,
        "seq": head.seq,
        "count": head.count,
        "hash": head.head.hex(),
        "signature": head.signature.hex(),
    }


def _check(
    row: Any, packs: Mapping[str, Pack], consents: Mapping[str, Any], names: Mapping[UUID, str]
) -> Document:
    again, problem = _decide_again(row.body, packs)
    body = _UNREADABLE if problem["state"] == "unreadable" else msgspec.json.decode(row.body)
    return {
        "id": row.id,
        "seq": row.seq,
        "campaign_id": row.campaign_id,
        "campaign": names.get(row.campaign_id),
        "lead_id": row.lead_id,
        "decided_at": row.decided_at,
        "decision": row.decision,
        "code": row.code,
        "codes": row.codes,
        "rule_id": row.rule_id,
        "next_allowed_at": row.next_allowed_at,
        "window_ends_at": body["result"]["window_ends_at"],
        "zones": body["zone"]["zones"],
        "local": [_local(row.decided_at, name) for name in body["zone"]["zones"]],
        "zones_by": body["zone"]["derived_by"],
        "tzdata": body["zone"]["tzdata"],
        "classification": body["classification"],
        "caller": body["caller"],
        "consents": [one | _kept(consents.get(one["id"])) for one in body["consents"]],
        "register": body["register"],
        "was_suppressed": body["suppressed"],
        "earlier_calls": body["history"],
        "packs": body["rules"]["packs"],
        "attempt_no": body["extra"].get("attempt_no"),
        "definition_sha256": body["extra"].get("definition_sha256"),
        "rules": [] if again is None else _rules(again),
        "replay": problem,
        "record": {
            "seq": row.seq,
            "previous": row.previous_hash.hex(),
            "hash": row.hash.hex(),
            "body": row.body.decode("utf-8", "replace"),
        },
    }


def _kept(row: Any) -> Document:
    """What the row a check names by its id says; it went with the person if they were erased."""
    if row is None:
        return {"source": None, "evidence": None}
    return {"source": row.source, "evidence": row.evidence}


def _local(at: datetime, name: str) -> str:
    return say_local(at, find_zone(name) or ZoneInfo("UTC"))


def _decide_again(body: bytes, packs: Mapping[str, Pack]) -> tuple[Replay | None, Document]:
    """Decide a check again; ``state`` is same, differs, or why it could not be done."""
    try:
        found = replay(body, packs)
    except ValueError as error:
        return None, {"state": "unreadable", "detail": str(error)}
    if found.missing:
        needs = ", ".join(f"{ref.id} {ref.version}" for ref in found.missing)
        return None, {"state": "pack missing", "detail": f"not at hand: {needs}"}
    if found.differences:
        return found, {"state": "differs", "detail": "; ".join(found.differences)}
    return found, {"state": "same", "detail": ""}


def _rules(again: Replay) -> Sequence[Document]:
    assert again.verdict is not None
    said = explain_verdict(again.number, again.facts, again.packs, again.decided_at, again.verdict)
    return [asdict(one) for one in said]


def _call(
    row: Any, transcripts: Mapping[UUID, tuple[int, str]], recordings: Mapping[UUID, float | None]
) -> Document | None:
    if row is None:
        return None
    names = (
        *("id", "state", "refusal", "caller_id", "call_uuid", "is_test", "placing_at", "rang_at"),
        *("answered_at", "ended_at", "outcome", "disposition", "hangup_code", "hangup_cause"),
        *("hangup_source", "talk_s", "keys_pressed", "is_machine"),
    )
    turns, digest = transcripts.get(row.id, (0, None))
    return {name: getattr(row, name) for name in names} | {
        "turns": turns,
        "transcript_sha256": digest,
        "recorded_s": recordings.get(row.id),
        "is_recorded": row.id in recordings,
    }


def _packs_used(made: Sequence[Document], packs: Mapping[str, Pack]) -> list[Document]:
    """Every pack the checks name, with what it says of itself where it is at hand."""
    used = {ref["sha256"]: ref for one in made for ref in one["packs"]}
    found = []
    for sha256, ref in used.items():
        pack = packs.get(sha256)
        about: Document = {"title": None, "status": None, "reviewed_on": None}
        if pack is not None:
            header = pack.header
            about = {
                "title": header.title,
                "status": header.status,
                "reviewed_on": header.reviewed_on,
            }
        found.append(ref | about | {"at_hand": pack is not None})
    return found


def as_json(document: Document) -> bytes:
    """The pack as JSON, for machines and for `dialer audit verify --evidence`."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
