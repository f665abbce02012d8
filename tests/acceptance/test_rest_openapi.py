"""The OpenAPI document tells of every route there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dialer.domain.events import EVENT_TYPES
from tests.acceptance.conftest import Service

ROUTES = """
GET /lists · POST /lists · GET /lists/{} · DELETE /lists/{} · GET /lists/{}/rejects.csv
GET /lists/{}/scrub.csv
GET /campaigns · POST /campaigns · GET /campaigns/{} · PUT /campaigns/{} · PUT /campaigns/{}/state
GET /campaigns/{}/stats · GET /campaigns/{}/results · GET /campaigns/{}/log
GET /campaigns/{}/preview · POST /campaigns/{}/leads
POST /campaigns/{}/redial · POST /campaigns/{}/clone
GET /calls · POST /calls · GET /calls/{} · GET /calls/{}/turns · GET /calls/{}/events
GET /calls/{}/recording
GET /checks · GET /checks/{} · GET /audit/verify
GET /suppressions · POST /suppressions · POST /suppressions/import · DELETE /suppressions/{}
GET /sender · PUT /sender · GET /carrier · PUT /carrier · POST /carrier/resume
GET /scrubs · POST /scrubs
GET /keys · POST /keys · DELETE /keys/{}
GET /leads · POST /leads · GET /leads/{} · PATCH /leads/{} · DELETE /leads/{}
GET /webhooks · POST /webhooks · GET /webhooks/{} · PATCH /webhooks/{} · DELETE /webhooks/{}
GET /webhooks/{}/deliveries · POST /webhooks/{}/deliveries/{}/retry
POST /webhooks/{}/deliveries/retry
POST /erasures · GET /erasures/{} · GET /retention · PUT /retention
"""
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")


@pytest.fixture
async def document(service: Service) -> dict[str, Any]:
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://dialer") as anybody:
        reply = await anybody.get("/schema/openapi.json")
    assert reply.status_code == 200
    found: dict[str, Any] = reply.json()
    return found


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield method.upper(), path, operation


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


async def test_the_document_lists_exactly_the_routes(document: dict[str, Any]) -> None:
    wanted = {route.strip() for line in ROUTES.split("\n") for route in line.split("·")} - {""}
    found = {
        f"{method} {re.sub('{[^}]*}', '{}', path).removeprefix('/api/v1')}"
        for method, path, _ in _operations(document)
    }
    assert found == wanted


async def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "dialer"
    ids = [operation["operationId"] for _, _, operation in _operations(document)]
    assert len(ids) == len(set(ids))
    for method, path, operation in _operations(document):
        assert operation["responses"], path
        for status, reply in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d|default", status) and reply["description"], (
                path,
                status,
            )
        in_path = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert in_path == set(re.findall("{([^}]*)}", path)), (method, path)
        assert all(
            one["required"] for one in operation.get("parameters", []) if one["in"] == "path"
        )
        refused = operation["responses"]["default"]["content"]
        assert list(refused) == ["application/problem+json"], path
        assert "400" not in operation["responses"], path  # Litestar's own shape
        in_header = [o["name"] for o in operation.get("parameters", []) if o["in"] == "header"]
        assert in_header == (["Idempotency-Key"] if method == "POST" else []), path
        assert operation["security"] == [{"bearer": []}], path
        assert operation.get("description"), path
    schemas = document["components"]["schemas"]
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas, reference


async def test_the_bodies_a_route_takes_are_told(document: dict[str, Any]) -> None:
    def kinds(method: str, path: str) -> set[str]:
        return set(document["paths"][f"/api/v1{path}"][method]["requestBody"]["content"])

    both = {"application/json", "application/toml"}
    assert kinds("post", "/campaigns") == both
    assert kinds("put", "/campaigns/{campaign_id}") == both
    for path in ("/lists", "/scrubs", "/suppressions/import"):
        assert kinds("post", path) == {"multipart/form-data"}
    assert kinds("put", "/sender") == {"application/json"}
    calls = document["paths"]["/api/v1/calls"]
    assert {one["name"] for one in calls["get"]["parameters"]} == {
        "after",
        "campaign_id",
        "limit",
        "outcome",
        "state",
        "unresolved",
    }
    assert {"201", "202"} <= document["paths"]["/api/v1/lists"]["post"]["responses"].keys()
    assert {"201", "409"} <= calls["post"]["responses"].keys()


async def test_what_webhooks_are_sent_is_told(document: dict[str, Any]) -> None:
    assert set(document["webhooks"]) == set(EVENT_TYPES)
    for kind, item in document["webhooks"].items():
        operation = item["post"]
        headers = {one["name"] for one in operation["parameters"]}
        assert headers == {"webhook-id", "webhook-timestamp", "webhook-signature"}
        sent = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
        assert sent["type"] == {"const": kind} and operation["summary"]
        name = sent["data"]["$ref"].removeprefix("#/components/schemas/")
        data = document["components"]["schemas"][name]
        assert set(data["required"]) == set(data["properties"]), "what is unknown is null"
