"""The bodies of a campaign in the OpenAPI document: JSON, or the TOML file itself.

A handler that takes either reads the bytes itself, so Litestar cannot know them.
"""

from __future__ import annotations

from dataclasses import dataclass

from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
)

_DEFINITION = Schema(
    type=OpenAPIType.OBJECT, description="the tables of a campaign file: campaign, dialing, …"
)
_NEW = Schema(
    type=OpenAPIType.OBJECT,
    required=["list_id", "definition"],
    properties={
        "name": Schema(
            type=OpenAPIType.STRING,
            min_length=1,
            max_length=80,
            description="default: the definition's campaign.name",
        ),
        "list_id": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.UUID),
        "definition": _DEFINITION,
    },
    additional_properties=False,
)
_VERSION = Schema(
    type=OpenAPIType.OBJECT,
    required=["definition"],
    properties={"definition": _DEFINITION},
    additional_properties=False,
)


def _either(schema: Schema) -> RequestBody:
    toml = Schema(type=OpenAPIType.STRING, description="a campaign file; new ones with ?list_id=")
    return RequestBody(
        content={
            "application/json": OpenAPIMediaType(schema=schema),
            "application/toml": OpenAPIMediaType(schema=toml),
        },
        required=True,
    )


@dataclass
class CampaignOperation(Operation):
    """Create a campaign."""

    def __post_init__(self) -> None:
        self.request_body = _either(_NEW)


@dataclass
class VersionOperation(Operation):
    """Give it a new definition."""

    def __post_init__(self) -> None:
        self.request_body = _either(_VERSION)
