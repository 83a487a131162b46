"""Requests made up from the OpenAPI description, fitting it and breaking it: never a 500, never an undescribed status.

Rows and references of our own tenant take the place of made-up ids, so that the requests get past the first check.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
import schemathesis
from django.test.client import MULTIPART_CONTENT, encode_multipart
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tenants.api.schema import schema_json
from tests.api.conftest import ApiClient
from tests.api.endpoints import ENDPOINTS, ITEM_ACTIONS
from tests.api.test_matrix import row_of
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

EXAMPLES = 2
ITEM_MODELS = {endpoint.name: endpoint.label for endpoint in ENDPOINTS}
REFERENCES = {
    "project": "projects.Project",
    "work_item": "projects.WorkItem",
    "gap": "gaps.Gap",
    "prediction": "predictions.Prediction",
    "integration": "integrations.Integration",
    "iteration": "projects.Iteration",
    "milestone": "projects.Milestone",
    "user": "tenants.User",
    "owner": "tenants.User",
}


def operations() -> Iterator[Any]:
    """Every operation of the description."""
    for found in schemathesis.openapi.from_dict(json.loads(schema_json())).get_all_operations():
        operation: Any = cast("Any", found).ok()
        yield pytest.param(operation, id=operation.label)


def send(client: ApiClient, case: Any, ours: LookAlike) -> Any:
    """Send a made-up request, about a row of ours where it is about one."""
    path = case.path.replace("{id}", str(_row_id(case.path, ours)))
    body = case.body
    if isinstance(body, dict):
        body = {**body, **{name: str(row_of(ours, REFERENCES[name]).pk) for name in body if name in REFERENCES}}
    content, content_type = _encoded(body, case.media_type)
    headers = {name: value for name, value in (case.headers or {}).items() if name.lower() not in ("authorization",)}
    if case.method in ("PUT", "PATCH"):
        headers["If-Match"] = "*"
    return client.generic(
        case.method,
        path,
        content,
        content_type,
        query_params=case.query or {},
        headers=headers,
    )


def _row_id(path: str, ours: LookAlike) -> Any:
    name = path.removeprefix("/api/v1/").partition("/")[0]
    return row_of(ours, ITEM_MODELS[name]).pk if name in ITEM_MODELS else ""


def _encoded(body: Any, media_type: str | None) -> tuple[bytes, str]:
    if isinstance(body, bytes):
        return body, media_type or "application/json"
    if media_type == "multipart/form-data" and isinstance(body, dict):
        form = {str(name): value for name, value in body.items() if isinstance(value, str | int | bytes)}
        return encode_multipart("BoUnDaRyStRiNg", form), MULTIPART_CONTENT
    if body is None or type(body).__name__ == "NotSet":
        return b"", "application/json"
    return json.dumps(body).encode(), "application/json"


@pytest.mark.parametrize("operation", list(operations()))
def test_an_answer_is_one_of_those_described(operation: Any, admin: ApiClient, ours: LookAlike) -> None:
    described = {int(status) for status in operation.definition.raw["responses"]}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        fitting=operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        breaking=_breaking(operation),
    )
    def ask(fitting: Any, breaking: Any) -> None:
        for case in filter(None, (fitting, breaking)):
            answer = send(admin, case, ours)
            assert answer.status_code in described, answer.content
            if answer.status_code >= 400:
                assert answer["Content-Type"] == "application/problem+json"

    ask()


def _breaking(operation: Any) -> Any:
    """Requests that do not fit, None where an operation takes nothing that could be wrong."""
    if operation.path.endswith("/session") and operation.method.upper() != "POST":
        return st.none()
    return operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


def test_every_item_action_is_among_the_operations() -> None:
    labels = {parameter.id for parameter in operations()}

    assert {f"{each.method} {each.path('{id}')}" for each in ITEM_ACTIONS} <= labels
