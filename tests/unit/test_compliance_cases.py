"""The decision cases of the compliance reference, row by row.

COMPLIANCE_CASES names another file with the same columns to try, COMPLIANCE_PACKS a folder whose
packs stand in for the shipped ones of the same name.
"""

from __future__ import annotations

import csv
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dialer.compliance.decide import decide
from dialer.compliance.facts import Caller, Consent, Declaration, Facts, PastAttempt, Scrub
from dialer.compliance.packs import SHIPPED, Pack, load_pack
from dialer.compliance.zones import find_zone

Row = dict[str, str]
FILE = Path(os.environ.get("COMPLIANCE_CASES") or Path(__file__).with_name("compliance_cases.csv"))
PACKS = Path(os.environ.get("COMPLIANCE_PACKS") or SHIPPED)
MORE = Path(__file__).with_name("compliance_more_cases.csv")
ENDED = ("ended", "revoked", "expired")


def read_rows(file: Path) -> list[Row]:
    rows = csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines())
    return [
        {column: (value or "").strip() for column, value in row.items() if column} for row in rows
    ]


ROWS = read_rows(FILE)


def at(text: str) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def consents_of(row: Row) -> tuple[Consent, ...]:
    """``kind``, ``kind:ended``, ``kind:inquiry``; several with ``;``, their times likewise."""
    consents = []
    kinds, times = row["consent"].split(";"), row["consent_at_utc"].split(";")
    for place, text in enumerate(kinds):
        kind, _, word = text.strip().partition(":")
        if kind not in ("", "none"):
            when = at(times[min(place, len(times) - 1)].strip())
            source = None if word in ENDED else word or None
            consents.append(Consent(kind, when, ended=word in ENDED, source=source))
    return tuple(consents)


def preferences_of(row: Row) -> tuple[bool, str]:
    """Return whether we have an opt-out of our own, and what the register says."""
    parts = [part.strip() for part in row["dnd_pref"].split(";")]
    said = ";".join(part for part in parts if part not in ("", "internal"))
    return "internal" in parts, said or "clear"


def pack_of(name: str) -> Pack:
    file = PACKS / f"{name}.toml"
    return load_pack(file if file.is_file() else SHIPPED / f"{name}.toml")


def history_of(row: Row) -> tuple[PastAttempt, ...]:
    history = []
    for entry in filter(None, row["prior_attempts_utc"].split(";")):
        when, _, outcome = entry.partition("|")
        seen = at(when)
        assert seen is not None
        history.append(PastAttempt(seen, outcome == "conversation", outcome or "no_answer"))
    return tuple(history)


def facts_of(row: Row) -> Facts:
    scrubbed_at, (internal, said) = at(row["scrub_at_utc"]), preferences_of(row)
    declared = Declaration("notice 1", date(2020, 1, 1), row["category"], cli_listed=True)
    return Facts(
        phone=row["number"],
        category=row["category"],
        mode=row["mode"],
        entity=row["entity"] or None,
        sector=int(row["sector"]) if row["sector"] else None,
        caller=Caller("+911600000001", row["cli"]) if row["cli"] else None,
        declaration=declared if row["a2p_declared"] == "yes" else None,
        consents=consents_of(row),
        suppressed=internal,
        scrub=Scrub(scrubbed_at, said) if scrubbed_at else None,
        event_at=at(row["event_at_utc"]),
        history=history_of(row),
        lead_zone=None,
        zones=None if row["zones"] == "auto" else tuple(row["zones"].split(";")),
        number_type=row["number_type"] or None,
    )


@pytest.mark.parametrize("row", ROWS, ids=[row["case_id"] for row in ROWS])
def test_a_case_is_decided_as_the_reference_says(row: Row) -> None:
    judge(row)


@pytest.mark.parametrize("row", read_rows(MORE), ids=[row["case_id"] for row in read_rows(MORE)])
def test_a_case_of_ours_is_decided_as_we_worked_it_out(row: Row) -> None:
    judge(row)


def judge(row: Row) -> None:
    now = at(row["utc_instant"])
    assert now is not None
    packs = [pack_of(name.strip()) for name in filter(None, row["packs"].split("+"))]
    verdict = decide(facts_of(row), packs, now)
    assert (
        "allow" if verdict.allowed else "deny",
        verdict.code,
        verdict.rule_id or "",
        verdict.next_allowed_at,
    ) == (row["expected"], row["reason_code"], row["rule_id"], at(row["next_allowed_utc"])), (
        row["note"],
        verdict.findings,
    )
    for local in filter(None, row["local_time"].split(";")) if verdict.zones else ():
        written, name = local.strip().rsplit(" ", 1)
        zone = find_zone(name)
        assert zone is not None and zone.key in verdict.zones
        assert now.astimezone(zone).strftime("%a %Y-%m-%d %H:%M:%S") == written


def test_the_shipped_file_holds_all_65_cases() -> None:
    assert (
        len({row["case_id"] for row in ROWS}) == len(ROWS) == 65 or "COMPLIANCE_CASES" in os.environ
    )
