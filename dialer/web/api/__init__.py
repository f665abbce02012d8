"""The REST API, one module a noun."""

from dialer.web.api.campaigns import CampaignController
from dialer.web.api.keys import KeyController
from dialer.web.api.lists import ListController

ROUTES = [CampaignController, KeyController, ListController]
