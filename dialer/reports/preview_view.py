"""A campaign's preview in words, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

_ZONE = ZoneInfo("Asia/Kolkata")
_MOST_INSTANTS = 5
_WORDS = {
    "now": "may be called now",
    "later": "later",
    "waiting_for_facts": "wait for facts",
    "never": "never",
}


def preview_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """found: what `dialing.preview.preview_campaign` returns."""
    yield f"{found['campaign']}: {found['leads']} leads at {_clock(found['at'])}"
    for fate, words in _WORDS.items():
        yield f"  {found[fate]:>7} {words}"
    for state, count in found["settled"].items():
        yield f"  {count:>7} {state}"
    if found["later_at"]:
        yield "When the others may be called:"
        for one in found["later_at"][:_MOST_INSTANTS]:
            yield f"  {one['leads']:>7} from {_clock(one['at'])}"
        if len(found["later_at"]) > _MOST_INSTANTS:
            rest = sum(one["leads"] for one in found["later_at"][_MOST_INSTANTS:])
            yield f"  {rest:>7} after that, the last at {_clock(found['later_at'][-1]['at'])}"
    if found["by_reason"]:
        yield "Why not now:"
        for one in found["by_reason"]:
            rule = f" ({one['rule_id']})" if one["rule_id"] else ""
            yield f"  {one['leads']:>7} {_WORDS[one['fate']]}: {one['code']}{rule}: {one['detail']}"
    yield "Zones (a number must be lawful in all of its own):"
    for one in found["by_zone"]:
        zones = " + ".join(one["zones"]) or "none that can be told"
        counts = ", ".join(f"{one[fate]} {words}" for fate, words in _WORDS.items() if one[fate])
        yield f"  {one['leads']:>7} {zones}: {counts}"
    yield from _ends(found)
    for warning in found["warnings"]:
        yield f"Warning: {warning}"


def _ends(found: Mapping[str, Any]) -> Iterator[str]:
    if found["finish_at"] is None:
        yield "Through: cannot be told."
    else:
        rate = f"{found['rate_per_min']:g} calls a minute"
        yield f"Through: {_clock(found['finish_at'])} at {rate}, each lead called once."
    consents, scrubs = found["expiring"]["consents"], found["expiring"]["scrubs"]
    if consents["leads"]:
        first = _clock(consents["first_at"])
        yield f"  {consents['leads']} consents run out before that, the first at {first}."
    for scrub in scrubs:
        late = ", before that: scrub again" if scrub["before_finish"] else ""
        yield (
            f"  scrub {scrub['ref']} of {scrub['leads']} leads holds until "
            f"{_clock(scrub['expires_at'])}{late}."
        )


def _clock(at: datetime) -> str:
    return f"{at.astimezone(_ZONE):%a %Y-%m-%d %H:%M} IST"
