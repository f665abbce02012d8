"""A campaign's statistics: the object that REST, ``campaign status`` and the live view show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from dialer.compliance.decide import worked_through
from dialer.compliance.packs import Pack, cautions
from dialer.compliance.senders import AbandonmentLimit
from dialer.compliance.verdict import TIME_REASONS
from dialer.domain.absence import awaited_of
from dialer.domain.attempt import AttemptState, Outcome
from dialer.domain.breakers import Breaker, in_words
from dialer.domain.budget import Budget
from dialer.domain.campaign import CampaignState
from dialer.domain.retry import EnrolmentState
from dialer.reports.finish import ASSUMPTION, RATE_SPAN, Finish, Rates, finish, rates
from dialer.settings import RecoveryBounds
from dialer.store import campaigns, carrier, reports, tallies
from dialer.store.abandoned import over_limits
from dialer.store.breakers import breaker_of
from dialer.store.budget import budget_of
from dialer.store.calls import page_calls
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx
from dialer.store.reports import Places

S = EnrolmentState

_MOST_UNRESOLVED: Final = 20
#: Denials that an opening window ends; the other time reasons are caps and gaps.
WINDOW_CODES: Final = TIME_REASONS - {"ATTEMPT_CAP", "MIN_GAP"}


async def stats(
    tx: Tx, campaign: Campaign, packs: Sequence[Pack], *, bounds: RecoveryBounds | None = None
) -> dict[str, Any]:
    """Return design §8's object. ``packs``: the campaign's, as `Law.packs_of` gives them.

    leads = waiting + calling + exhausted + cancelled + those done + those blocked. done counts
    by disposition the leads that are done or exhausted, opted_out repeats one of its numbers;
    exhausted counts all, with a disposition or without. in_flight counts every live attempt by
    state, ambiguous ones included. attempts: calls that rang or may have. supposed: those whose
    outcome is supposed, as nobody told how they ended. answer_rate: the share
    of ended calls that a person answered, 0 to 1, None before the first has ended. rate_per_min
    and net_per_min: see `Rates`. finish_at and left_over: see `Finish`. unresolved: the oldest
    calls in doubt, at most 20, with what each awaits by ``bounds``. Times are aware datetimes.
    """
    # First: a call that ends meanwhile is counted twice, and none is missing where nobody is up.
    live = await reports.count_live(tx, campaign.id)
    places = await reports.count_places(tx, campaign.id)
    calls = await reports.count_calls(tx, campaign.id)
    placed = await reports.count_placed(tx, campaign.id, since=tx.now - RATE_SPAN)
    checks = await tallies.count_checks(tx, [campaign.id])
    account = breaker_of(await carrier.get_carrier(tx))
    budget = await budget_of(tx, campaign)
    abandoned = await over_limits(tx, campaign, packs)
    by_state = _sum((place.state, place.count) for place in places)
    done = _sum(
        (place.disposition, place.count) for place in places if place.state in (S.DONE, S.EXHAUSTED)
    )
    outcomes = _sum((call.outcome, call.count) for call in calls)
    is_open = campaign.is_window_open(packs, tx.now)
    settled = await reports.count_settled(tx, campaign.id, since=tx.now - RATE_SPAN)
    rate = rates(placed, settled, tx.now)
    through = await _finish(tx, campaign, packs, places, rate.calls)
    return {
        "state": campaign.state.value,
        "leads": sum(by_state.values()),
        "waiting": by_state[S.WAITING],
        "waiting_window": by_state[S.WAITING] if not is_open else _waiting_window(places),
        "calling": by_state[S.CALLING],
        "in_flight": {state: live[state] for state in AttemptState if state in live},
        "ambiguous": live.get(AttemptState.AMBIGUOUS, 0),
        "unresolved": await _unresolved(tx, campaign, bounds or RecoveryBounds()),
        "done": _sorted(done),
        "blocked": _sorted(
            _sum((place.blocked_code, place.count) for place in places if place.state == S.BLOCKED)
        ),
        "exhausted": by_state[S.EXHAUSTED],
        "cancelled": by_state[S.CANCELLED],
        "opted_out": done["opted_out"],
        "attempts": sum(call.count for call in calls),
        "outcomes": _sorted(outcomes),
        "supposed": await reports.count_supposed(tx, campaign.id),
        "answer_rate": answer_rate(outcomes),
        "checks": {"allowed": checks.get("allow", 0), "denied": checks.get("deny", 0)},
        "rate_per_min": rate.calls,
        "net_per_min": rate.net,
        "finish_at": through.at,
        "finish_assumes": None if through.at is None else ASSUMPTION,
        "left_over": through.left_over,
        "starts_at": campaign.row.starts_at,
        "ends_at": campaign.row.ends_at,
        "paused_reason": await _paused_reason(tx, campaign, account),
        "spent_usd": None if budget is None else float(budget.spent.known_usd),
        "budget_usd": None if budget is None else float(budget.usd),
        "warnings": [
            *_warnings(campaign.state, places, account, budget, abandoned, tx.now),
            *_too_short(through, rate, campaign),
            *cautions(packs, tx.now.date()),
        ],
    }


async def _unresolved(tx: Tx, campaign: Campaign, bounds: RecoveryBounds) -> list[dict[str, Any]]:
    rows = await page_calls(tx, campaign_id=campaign.id, unresolved=True, limit=_MOST_UNRESOLVED)
    found = [(row, awaited_of(row, bounds)) for row in rows]
    return [
        {
            "call_id": row.id,
            "state": row.state,
            "since": row.placing_at,
            "awaits": awaits.what,
            "first_absence_at": awaits.first_absence_at,
            "second_absence_after": awaits.proved_after,
        }
        for row, awaits in found
    ]


async def _finish(
    tx: Tx, campaign: Campaign, packs: Sequence[Pack], places: Sequence[Places], rate: float
) -> Finish:
    lead, hours = await reports.some_waiting(tx, campaign.id), campaign.hours(packs)

    def worked(seconds: float) -> datetime | None:
        if lead is None:  # the last was just called
            return tx.now
        return worked_through(
            hours, phone=lead.phone, lead_zone=lead.timezone, at=tx.now, work_s=seconds
        )

    ends_at = campaign.row.ends_at
    return finish(campaign.state, places, rate=rate, worked=worked, ends_at=ends_at, now=tx.now)


def answer_rate(outcomes: Mapping[str, int]) -> float | None:
    """Return ``completed`` among all ended calls: a machine that answers is nobody."""
    ended = sum(outcomes.values())
    return round(outcomes.get(Outcome.COMPLETED, 0) / ended, 4) if ended else None


def _sum(pairs: Iterable[tuple[str | None, int]]) -> Counter[str]:
    """Add up by name; what has no name yet (no disposition, call not over) is left out."""
    total: Counter[str] = Counter()
    for name, count in pairs:
        if name is not None:
            total[name] += count
    return total


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    """Most frequent first, then by name: the same counts always print the same."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _waiting_window(places: Sequence[Places]) -> int:
    return sum(
        place.later
        for place in places
        if place.state == S.WAITING and place.blocked_code in WINDOW_CODES
    )


async def _paused_reason(tx: Tx, campaign: Campaign, account: Breaker | None) -> str | None:
    """Say why nothing is dialed: by the campaign's own breaker, a person, or the account's
    breaker; None if nothing of these holds it."""
    held = breaker_of(campaign.row)
    if held is not None:
        return in_words(held, tx.now)
    if campaign.state is CampaignState.PAUSED:
        return await campaigns.why(tx, campaign.id)
    if campaign.state is CampaignState.RUNNING and account is not None:
        return f"carrier account: {in_words(account, tx.now)}"
    return None


def _warnings(
    state: CampaignState,
    places: Sequence[Places],
    account: Breaker | None,
    budget: Budget | None,
    abandoned: Sequence[tuple[AbandonmentLimit, str]],
    now: datetime,
) -> Iterator[str]:
    """Say what keeps a running campaign from going on, with what helps."""
    if state is not CampaignState.RUNNING:
        return
    for place in places:
        if place.state == S.WAITING and place.undated and place.blocked_code is not None:
            yield f"{place.blocked_code} holds {place.undated} of the leads{_help(place)}"
    if account is not None:
        yield f"the carrier account is paused: {in_words(account, now)}"
    if budget is not None and (doubts := budget.doubts()) is not None:
        yield doubts
    for limit, words in abandoned:
        if not limit.blocks:  # one that blocks stops the campaign, and says so there
            yield words


def _too_short(through: Finish, rate: Rates, campaign: Campaign) -> Iterator[str]:
    if through.left_over:
        ends_at = campaign.row.ends_at.astimezone(UTC)
        yield (
            f"at {rate.calls:g} calls a minute some {through.left_over} leads are left uncalled "
            f"when the campaign ends ({ends_at:%Y-%m-%d %H:%M} UTC): raise its limits, widen its "
            "hours or move its end"
        )


def _help(place: Places) -> str:
    if place.blocked_code == "DNC_SCRUB_STALE":
        return ": upload a fresh scrub (POST /scrubs)"
    return ": correct the sender (PUT /sender)"
