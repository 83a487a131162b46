"""The OpenAPI description fits the API, and the page that shows it loads nothing from elsewhere."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from drf_spectacular.validation import validate_schema

from stratibreak.api_router import ROUTES
from tenants.api.exports import FORMATS
from tenants.api.schema import schema_json
from tests.api.conftest import ApiClient
from tests.api.endpoints import resolved_routes

pytestmark = pytest.mark.django_db

UNDESCRIBED = {"openapi.json", "docs"}


@pytest.fixture
def schema(db: None) -> dict[str, Any]:
    """The description as a client gets it."""
    answer = ApiClient().fetch("/api/v1/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def test_the_description_is_valid_openapi_3_1(schema: dict[str, Any]) -> None:
    validate_schema(schema)  # type: ignore[no-untyped-call]  # drf-spectacular has no types

    assert schema["openapi"].startswith("3.1")


def test_every_address_is_described(schema: dict[str, Any]) -> None:
    described = {re.sub(r"\{[^}]*\}", "<id>", path.removeprefix("/api/v1/")) for path in schema["paths"]}

    assert described == resolved_routes() - UNDESCRIBED


def test_every_operation_names_its_problems(schema: dict[str, Any]) -> None:
    for operations in schema["paths"].values():
        for method, operation in operations.items():
            assert {"401", "403", "503"} <= set(operation["responses"]), operation["operationId"]
            if method in ("put", "patch", "delete") and "{" in operation["operationId"]:
                assert {"404", "412", "428"} <= set(operation["responses"])


def test_every_post_but_signing_in_takes_an_idempotency_key(schema: dict[str, Any]) -> None:
    taking, posts = set(), set()
    for path, operations in schema["paths"].items():
        for operation in (operations[method] for method in operations if method == "post"):
            posts.add(path)
            names = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "header"}
            replays = [
                status
                for status, response in operation["responses"].items()
                if "Idempotency-Replayed" in response.get("headers", {})
            ]
            if names == {"Idempotency-Key"} and "422" in operation["responses"] and replays:
                taking.add(path)

    assert len(taking) > 30
    assert posts - taking == {"/api/v1/session"}


def test_every_list_describes_its_export(schema: dict[str, Any]) -> None:
    paging = {"cursor", "page_size"}
    for name in ROUTES:
        listed, exported = (schema["paths"][f"/api/v1/{name}{end}"]["get"] for end in ("", "/export"))
        described = {parameter["name"] for parameter in exported["parameters"]}
        assert described == {parameter["name"] for parameter in listed["parameters"]} - paging | {"format"}
        assert set(exported["responses"]["200"]["content"]) == {each.media_type for each in FORMATS.values()}
        assert "Export-Row-Count" in exported["responses"]["200"]["headers"]


def test_operations_have_distinct_names_and_a_description(schema: dict[str, Any]) -> None:
    operations = [each for path in schema["paths"].values() for each in path.values()]

    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(operation.get("description") for operation in operations)


def test_no_readable_schema_holds_a_secret(schema: dict[str, Any]) -> None:
    secret = {"password", "credentials", "secret_digest", "pepper_version", "tenant_id"}
    for name, component in schema["components"]["schemas"].items():
        if not name.endswith("Request"):
            assert not secret & set(component.get("properties", {})), name


def test_the_generator_has_nothing_to_complain_of(capsys: pytest.CaptureFixture[str]) -> None:
    schema_json.cache_clear()

    schema_json()

    assert capsys.readouterr().err == ""


def test_the_description_is_sent_once(db: None) -> None:
    etag = ApiClient().fetch("/api/v1/openapi.json")["ETag"]

    again = ApiClient().get("/api/v1/openapi.json", headers={"If-None-Match": etag})

    assert (again.status_code, again.content) == (304, b"")


def test_the_page_loads_nothing_from_elsewhere_and_no_inline_code(db: None) -> None:
    answer = ApiClient().fetch("/api/v1/docs")
    page = answer.content.decode()

    assert answer.status_code == 200
    assert all(address.startswith("/") for address in re.findall(r'(?:src|href|data-schema)="([^"]*)"', page))
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|style=", page)
    assert "default-src 'self'" in answer["Content-Security-Policy"]


def test_what_an_answer_holds_is_what_the_description_says(admin: ApiClient, schema: dict[str, Any]) -> None:
    row = admin.fetch("/api/v1/gaps").json()["results"][0]
    described = schema["components"]["schemas"]["Gap"]["properties"]

    assert list(row) == list(described)
    assert json.loads(json.dumps(row)) == row
