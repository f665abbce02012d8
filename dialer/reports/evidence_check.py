"""One decision on an evidence page: why, from what, rule by rule, and the call that followed."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from dialer.reports.evidence import Document
from dialer.reports.evidence_parts import facts, table, when
from dialer.reports.markup import Child, Markup, el, join

_REPLAY = {
    "same": "Decided again from the record with the same rule pack: the same verdict.",
    "differs": "Decided again, the answer is another:",
    "pack missing": "It could not be decided again here, as a rule pack is",
    "unreadable": "It could not be decided again:",
}


def check_section(one: Document, zone: ZoneInfo) -> Markup:
    allowed, anchor = one["decision"] == "allow", f"check-{one['seq']}"
    return el(
        "section",
        el(
            "header",
            el("h3", f"Check {one['seq']:,}: {when(one['decided_at'], zone)}", id=f"c{one['seq']}"),
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
    return facts(
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
    dated = f"of {when(at, zone)}" if at else "of unknown date"
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
    return table("Each rule", heads, rows, class_="rules")


def _mark(rule: Any) -> str:
    return "pass" if rule["passed"] else "fail"


def _call(one: Document, zone: ZoneInfo) -> Markup:
    call = one["call"]
    if call is None:
        waits = one["next_allowed_at"]
        later = f" The next lawful moment was {when(waits, zone)}." if waits else ""
        return el("p", el("strong", "No call was made."), later)
    if call["placing_at"] is None:
        why = call["refusal"] or call["state"]
        return el("p", el("strong", "No call was made"), f" in the end: {why}.")
    talk = "–" if call["talk_s"] is None else f"{call['talk_s']:.0f} s"
    return join(
        (
            el("p", el("strong", "The call")),
            facts(
                ("Call", f"{call['id']} (carrier {call['call_uuid'] or '–'})"),
                ("Asked of the carrier", when(call["placing_at"], zone)),
                ("Rang", when(call["rang_at"], zone)),
                ("Answered", when(call["answered_at"], zone)),
                ("Ended", f"{when(call['ended_at'], zone)} (talked {talk})"),
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
