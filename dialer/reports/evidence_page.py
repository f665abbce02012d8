"""An evidence pack as one page that is read on a screen and prints well: no script, no address."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dialer.compliance.words import say_local
from dialer.compliance.zones import find_zone
from dialer.reports.evidence import Document
from dialer.reports.markup import Child, Markup, el, join

_STYLE = Path(__file__).with_name("evidence.css").read_text(encoding="utf-8")

_REPLAY = {
    "same": "Decided again from the record with the same rule pack: the same verdict.",
    "differs": "Decided again, the answer is another:",
    "pack missing": "It could not be decided again here, as a rule pack is",
    "unreadable": "It could not be decided again:",
}
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
        *(_check(one, zone) for one in document["checks"]),
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


def _when(at: datetime | str | None, zone: ZoneInfo) -> str:
    """Local time of the person, as its zone is said once for the whole page."""
    if at is None:
        return "–"
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{moment.astimezone(zone):%a %d %b %Y %H:%M:%S}"


def _facts(*pairs: tuple[str, Child]) -> Markup:
    shown = [(name, "–" if value in (None, "") else value) for name, value in pairs]
    return el("dl", *(join((el("dt", n), el("dd", v))) for n, v in shown), class_="facts")


def _table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[Child]], class_: str | None = None
) -> Markup:
    return el(
        "table",
        el("caption", caption),
        el("thead", el("tr", *(el("th", head, scope="col") for head in heads))),
        el(
            "tbody",
            *(
                el("tr", el("th", row[0], scope="row"), *(el("td", cell) for cell in row[1:]))
                for row in rows
            ),
        ),
        class_=class_,
    )


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
        _facts(
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
            _when(one["captured_at"], zone),
            one["source"] or "–",
            one["evidence"] or "–",
            _when(one["recorded_at"], zone),
        )
        for one in document["consents"]
    ]
    heads = ("Kind", "State", "Captured", "Source", "Evidence", "Recorded with us")
    body = (
        _table("Consents on record, the newest last", heads, rows)
        if rows
        else el("p", "No consent is on record.")
    )
    return join((el("h2", "Consent"), body))


def _lists(document: Document, zone: ZoneInfo) -> Markup:
    listed = [
        (
            _when(one["at"], zone),
            one["what"],
            one["scope"] or "–",
            one["reason"] or "–",
            one["source"] or "–",
        )
        for one in document["suppressions"]
    ]
    scrubs = [
        (_when(one["at"], zone), one["verdict"], one["provider"], one["ref"])
        for one in document["scrubs"]
    ]
    return join(
        (
            el("h2", "Do-not-call list and registers"),
            _table("Our own list", ("When", "What", "Scope", "Reason", "Came from"), listed)
            if listed
            else el("p", "The number was never on our own do-not-call list."),
            _table("Register scrubs", ("When", "Verdict", "Register's operator", "Ref."), scrubs)
            if scrubs
            else el("p", "No register scrub holds this number."),
        )
    )


def _check(one: Document, zone: ZoneInfo) -> Markup:
    allowed, anchor = one["decision"] == "allow", f"check-{one['seq']}"
    return el(
        "section",
        el(
            "header",
            el(
                "h3", f"Check {one['seq']:,}: {_when(one['decided_at'], zone)}", id=f"c{one['seq']}"
            ),
            el(
                "span",
                "ALLOWED" if allowed else f"DENIED: {one['code']}",
                class_=f"verdict {one['decision']}",
            ),
        ),
        _why(one),
        _what(one, zone),
        _rules(one),
        _call(one, zone),
        el(
            "p",
            f"{_REPLAY[one['replay']['state']]} {one['replay']['detail']}",
            el("br"),
            f"Record {one['id']}, number {one['seq']:,} of the chain, hash ",
            el("code", one["record"]["hash"]),
            class_="note proof",
        ),
        class_="check" if allowed else "check denied",
        aria_labelledby=anchor,
    )


def _why(one: Document) -> Markup | None:
    """Of a denial, every reason in one line."""
    failed = [rule["found"] for rule in one["rules"] if not rule["passed"]]
    return el("p", " ".join(failed), class_="why") if failed else None


def _what(one: Document, zone: ZoneInfo) -> Markup:
    about, caller = one["classification"], one["caller"]
    declared = caller["declaration"]
    return _facts(
        ("Campaign", one["campaign"] or str(one["campaign_id"])),
        ("Kind of call", f"{about['category']}, {about['mode']}, for {about['entity'] or '–'}"),
        ("Person's local time", join(el("div", text) for text in one["local"])),
        ("Number shown", f"{caller['number'] or '–'} (series {caller['series'] or 'unknown'})"),
        (
            "Automatic dialing",
            f"declared on {declared['declared_on']} under {declared['reference']}"
            if declared and declared["reference"]
            else "not declared",
        ),
        (
            "Consent relied on",
            join(el("div", _say_consent(given, zone)) for given in one["consents"]),
        ),
        ("Register", _say_register(one["register"], zone)),
        (
            "Earlier calls counted",
            str(len(one["earlier_calls"])) if one["earlier_calls"] else "none",
        ),
        ("Rule packs", ", ".join(f"{ref['id']} {ref['version']}" for ref in one["packs"])),
    )


def _say_consent(given: Any, zone: ZoneInfo) -> str:
    at = given["captured_at"]
    dated = f"of {_when(at, zone)}" if at else "of unknown date"
    state = "ended" if given["ended"] else dated
    return ", ".join(part for part in (f"{given['kind']}, {state}", given["source"]) if part)


def _say_register(register: Any, zone: ZoneInfo) -> str:
    if register is None:
        return "no scrub on file"
    return (
        f"{register['verdict']} ({register['provider']} {register['ref']}, {register['at'][:19]}Z)"
    )


def _rules(one: Document) -> Markup:
    if not one["rules"]:
        codes = ", ".join(one["codes"]) or "none"
        return el("p", f"Reasons on record: {codes}.")
    rows = [
        (
            el("span", "PASS" if rule["passed"] else "FAIL", class_=_mark(rule)),
            rule["asks"],
            join(
                (
                    el("p", rule["found"]),
                    el("span", f"Would change it: {rule['cure']}", class_="note")
                    if rule["cure"]
                    else None,
                )
            ),
            join(
                (
                    el("p", rule["rule_id"] or "asked of every call"),
                    el("span", f"{rule['source']} [{rule['confidence']}]", class_="note")
                    if rule["source"]
                    else None,
                )
            ),
        )
        for rule in one["rules"]
    ]
    heads = ("Result", "The rule asks", "What was found", "Rule and its source")
    return _table("Each rule", heads, rows, class_="rules")


def _mark(rule: Any) -> str:
    return "pass" if rule["passed"] else "fail"


def _call(one: Document, zone: ZoneInfo) -> Markup:
    call = one["call"]
    if call is None:
        waits = one["next_allowed_at"]
        later = f" The next lawful moment was {_when(waits, zone)}." if waits else ""
        return el("p", el("strong", "No call was made."), later)
    if call["placing_at"] is None:
        why = call["refusal"] or call["state"]
        return el("p", el("strong", "No call was made"), f" in the end: {why}.")
    talk = "–" if call["talk_s"] is None else f"{call['talk_s']:.0f} s"
    return join(
        (
            el("p", el("strong", "The call")),
            _facts(
                ("Call", f"{call['id']} (carrier {call['call_uuid'] or '–'})"),
                ("Asked of the carrier", _when(call["placing_at"], zone)),
                ("Rang", _when(call["rang_at"], zone)),
                ("Answered", _when(call["answered_at"], zone)),
                ("Ended", f"{_when(call['ended_at'], zone)} (talked {talk})"),
                ("Hangup", _hangup(call)),
                ("Outcome", f"{call['outcome'] or call['state']}, {call['disposition'] or '–'}"),
                ("Transcript", _transcript(call)),
            ),
        )
    )


def _hangup(call: Any) -> str:
    parts = (call["hangup_code"], call["hangup_cause"], call["hangup_source"])
    return ", ".join(str(part) for part in parts if part not in (None, ""))


def _transcript(call: Any) -> Child:
    recorded = "recorded" if call["is_recorded"] else "not recorded"
    if call["transcript_sha256"] is None:
        return f"none; {recorded}"
    turns = "1 turn" if call["turns"] == 1 else f"{call['turns']} turns"
    return join((f"{turns}, {recorded}; SHA-256 ", el("code", call["transcript_sha256"])))


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
    return join((el("h2", "Rule packs"), _table("Rules that were applied", heads, rows)))


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
        _facts(
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
