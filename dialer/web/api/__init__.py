"""The REST API, one module a noun."""

from dialer.web.api.campaigns import CampaignController

ROUTES = [CampaignController]
