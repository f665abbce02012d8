"""Every controller of the REST API."""

from dialer.web.api.audit import AuditController
from dialer.web.api.calls import CallController
from dialer.web.api.campaign_reports import ReportController
from dialer.web.api.campaigns import CampaignController
from dialer.web.api.checks import CheckController
from dialer.web.api.keys import KeyController
from dialer.web.api.leads import LeadController
from dialer.web.api.lists import ListController
from dialer.web.api.rights import ErasureController, RetentionController
from dialer.web.api.scrubs import ScrubController
from dialer.web.api.sender import CarrierController, SenderController
from dialer.web.api.suppressions import SuppressionController
from dialer.web.api.webhooks import WebhookController

ROUTES = [
    AuditController,
    CallController,
    CampaignController,
    CarrierController,
    CheckController,
    ErasureController,
    KeyController,
    LeadController,
    ListController,
    ReportController,
    RetentionController,
    ScrubController,
    SenderController,
    SuppressionController,
    WebhookController,
]
