"""An evidence pack as one page that is read on a screen and prints well: no script, no address."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dialer.compliance.words import say_local
from dialer.compliance.zones import find_zone
from dialer.reports.evidence import Document
from dialer.reports.evidence_check import check_section
from dialer.reports.evidence_parts import facts, table, when
from dialer.reports.markup import Markup, el, join

_STYLE = Path(__file__).with_name("evidence.css").read_text(encoding="utf-8")

#: What a confidence mark of a rule means (compliance reference).
_CONFIDENCE = (
    "Confidence of a source: V3 found in three or more sources, V2 in two, S1 in one, R recalled "
    "and not verified, P our own policy without a legal source."
)


def as_page(document: Document) -> bytes:
    """The pack as HTML, for people and for `dialer audit verify --evidence`."""
    zone = find_zone(document["timezone"]) or ZoneInfo("UTC")
    sections = [
        _consents(document, zone),
        _lists(document, zone),
        el("h2", f"Decisions and calls, in the person's time ({zone.key})", id="decisions"),
        el("p", _CONFIDENCE, class_="note"),
        *(check_section(one, zone) for one in document["checks"]),
        _packs(document),
        _proof(document),
    ]
    title = f"Evidence: calls to {document['phone']}"
    page = el(
        "html",
        el(
            "head",
            el("meta", charset="utf-8"),
            el("meta", name="viewport", content="width=device-width, initial-scale=1"),
            el("meta", name="robots", content="noindex"),
            el("title", title),
            el("style", Markup(_STYLE)),
        ),
        el(
            "body",
            el("a", "To the decisions", class_="skip", href="#decisions"),
            el("main", _opening(document, zone), sections),
        ),
        lang="en",
    )
    return ("<!doctype html>\n" + page + "\n").encode()


def _opening(document: Document, zone: ZoneInfo) -> Markup:
    said = document["summary"]
    names = dict.fromkeys(lead["name"] or lead["first_name"] for lead in document["leads"])
    counts = [
        (said["checks"], "decisions"),
        (said["allowed"], "allowed"),
        (said["denied"], "denied"),
        (said["rang"], "calls that rang"),
        (said["answered"], "answered"),
    ]
    return el(
        "header",
        el("p", "Evidence pack"),
        el("h1", "Why this person was called, or not"),
        el("p", _summary(document, zone), class_="lead"),
        facts(
            ("Number", document["phone"]),
            ("Name", ", ".join(name for name in names if name)),
            ("Lead lists", ", ".join(dict.fromkeys(one["list_name"] for one in document["leads"]))),
            ("Campaign", document["campaign"] or "all campaigns"),
            ("On our do-not-call list", "yes" if document["is_suppressed"] else "no"),
            ("Made on", say_local(document["made_at"], zone)),
            ("Made by", f"dialer {document['engine_version']}"),
        ),
        el(
            "ul",
            *(el("li", el("b", f"{count:,}"), what) for count, what in counts),
            class_="counts",
        ),
    )


def _summary(document: Document, zone: ZoneInfo) -> str:
    said = document["summary"]
    if not said["checks"]:
        return "No decision about this number is on record: it was never considered for a call."
    days = [f"{one['decided_at'].astimezone(zone):%d %b %Y}" for one in document["checks"]]
    when = f"on {days[0]}" if days[0] == days[-1] else f"from {days[0]} to {days[-1]}"
    again = (
        "Each gives the same answer when it is decided again from its record."
        if said["replayed_same"] == said["checks"]
        else f"{said['replayed_same']} of {said['checks']} give the same answer when decided "
        "again; see each."
    )
    often = {0: "never rang", 1: "rang once"}
    rang = often.get(said["rang"], f"rang {said['rang']} times")
    return (
        f"{said['checks']} decision{'' if said['checks'] == 1 else 's'} to call or not to call, "
        f"{when}: "
        f"{said['allowed']} allowed, {said['denied']} denied. "
        f"The phone {rang}. {again}"
    )


def _consents(document: Document, zone: ZoneInfo) -> Markup:
    rows = [
        (
            one["kind"],
            "ended" if one["has_ended"] else "given",
            when(one["captured_at"], zone),
            one["source"] or "–",
            one["evidence"] or "–",
            when(one["recorded_at"], zone),
        )
        for one in document["consents"]
    ]
    heads = ("Kind", "State", "Captured", "Source", "Evidence", "Recorded with us")
    body = (
        table("Consents on record, the newest last", heads, rows)
        if rows
        else el("p", "No consent is on record.")
    )
    return join((el("h2", "Consent"), body))


def _lists(document: Document, zone: ZoneInfo) -> Markup:
    listed = [
        (
            when(one["at"], zone),
            one["what"],
            one["scope"] or "–",
            one["reason"] or "–",
            one["source"] or "–",
        )
        for one in document["suppressions"]
    ]
    scrubs = [
        (when(one["at"], zone), one["verdict"], one["provider"], one["ref"])
        for one in document["scrubs"]
    ]
    return join(
        (
            el("h2", "Do-not-call list and registers"),
            table("Our own list", ("When", "What", "Scope", "Reason", "Came from"), listed)
            if listed
            else el("p", "The number was never on our own do-not-call list."),
            table("Register scrubs", ("When", "Verdict", "Register's operator", "Ref."), scrubs)
            if scrubs
            else el("p", "No register scrub holds this number."),
        )
    )


def _packs(document: Document) -> Markup:
    rows = [
        (
            f"{pack['id']} {pack['version']}",
            pack["title"] or "not at hand",
            "no law owner has reviewed it yet"
            if pack["status"] == "not_reviewed"
            else pack["status"] or "–",
            el("code", pack["sha256"]),
        )
        for pack in document["packs"]
    ]
    if not rows:
        return Markup("")
    heads = ("Pack", "What it holds", "Review", "SHA-256 of its text")
    return join((el("h2", "Rule packs"), table("Rules that were applied", heads, rows)))


def _proof(document: Document) -> Markup:
    head = document["head"]
    text = (
        "Every decision is written before a phone may ring, as bytes that hold all it was made "
        "from, and each record is bound to the one before by a keyed hash (HMAC-SHA256): no "
        "record can be changed, dropped, inserted or moved without breaking all after it. The "
        "head below was signed when this pack was made. Whoever holds the key verifies the whole "
        "chain, and this file against it, with: "
    )
    return el(
        "section",
        el("h2", "Proof"),
        el("p", text, el("code", "dialer audit verify --evidence FILE")),
        facts(
            ("Chain of account", str(head["account_id"])),
            ("Signed at", head["at"].isoformat()),
            ("Records in the chain", f"{head['count']:,}"),
            ("Hash of the last", el("code", head["hash"])),
            ("Signature", el("code", head["signature"])),
        ),
        el("h3", "The records"),
        el(
            "p",
            "The bytes of each record as they were hashed, behind its number and the hash of the "
            "record before it. They name the person by a keyed hash alone.",
            class_="note",
        ),
        *(_record(one["record"]) for one in document["checks"]),
        class_="annex",
        id="proof",
        data_account=str(head["account_id"]),
        data_at=head["at"].isoformat(),
        data_seq=head["seq"],
        data_count=head["count"],
        data_hash=head["hash"],
        data_signature=head["signature"],
    )


def _record(record: Any) -> Markup:
    return join(
        (
            el(
                "p",
                f"Number {record['seq']:,}, after ",
                el("code", record["previous"]),
                class_="note",
            ),
            el(
                "pre",
                record["body"],
                data_seq=record["seq"],
                data_previous=record["previous"],
                data_hash=record["hash"],
            ),
        )
    )
