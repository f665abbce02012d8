"""The schema of design §4. Each module holds the tables of one noun; import tables from here."""

from dialer.store.tables.accounts import (
    accounts,
    admin_log,
    api_keys,
    caller_ids,
    carrier_accounts,
    idempotency_keys,
    inbound_calls,
    prices,
    request_budgets,
    senders,
)
from dialer.store.tables.attempts import (
    answers,
    attempts,
    carrier_events,
    lines,
    recordings,
    turns,
)
from dialer.store.tables.campaigns import (
    campaign_log,
    campaign_versions,
    campaigns,
    enrolments,
    spending,
)
from dialer.store.tables.checks import audit_heads, checks, subjects
from dialer.store.tables.leads import consents, lead_lists, leads, rejects
from dialer.store.tables.meta import metadata
from dialer.store.tables.rights import erasures
from dialer.store.tables.suppressions import scrub_results, scrubs, suppressions
from dialer.store.tables.tallies import tallies, tally_marks
from dialer.store.tables.webhooks import deliveries, outbox, webhook_endpoints

__all__ = [
    "accounts",
    "admin_log",
    "answers",
    "api_keys",
    "attempts",
    "audit_heads",
    "caller_ids",
    "campaign_log",
    "campaign_versions",
    "campaigns",
    "carrier_accounts",
    "carrier_events",
    "checks",
    "consents",
    "deliveries",
    "enrolments",
    "erasures",
    "idempotency_keys",
    "inbound_calls",
    "lead_lists",
    "leads",
    "lines",
    "metadata",
    "outbox",
    "prices",
    "recordings",
    "rejects",
    "request_budgets",
    "scrub_results",
    "scrubs",
    "senders",
    "spending",
    "subjects",
    "suppressions",
    "tallies",
    "tally_marks",
    "turns",
    "webhook_endpoints",
]
