"""The outermost middleware, with headers nobody sane sends."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from tenants.middleware import RequestInfoMiddleware
from tenants.request_info import NOWHERE, RequestInfo, current_request_info

HEADERS = ("X-Forwarded-For", "X-Forwarded-Port", "X-Real-IP", "X-Request-ID", "X-Correlation-ID", "User-Agent")
GARBAGE = ["", "\0", "\x7f\x80\xff", "999.999.999.999", "[::", "a" * 70_000, "'; --", "%s%n", "ÿ" * 500, ",,;,"]


def seen_by_view(**meta: Any) -> tuple[RequestInfo, HttpResponseBase]:
    seen: list[RequestInfo] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(current_request_info())
        return HttpResponse()

    response = RequestInfoMiddleware(view)(RequestFactory().get("/", **meta))
    return seen[0], response


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("proxies", [[], ["127.0.0.0/8"]])
def test_garbage_in_a_header_is_answered(settings: Any, header: str, garbage: str, proxies: list[str]) -> None:
    settings.TRUSTED_PROXIES = proxies

    info, response = seen_by_view(headers={header: garbage})

    assert response.status_code == 200
    assert info.ip == "127.0.0.1"
    assert response["X-Request-ID"] == info.request_id


def test_forged_address_is_ignored(settings: Any) -> None:
    settings.TRUSTED_PROXIES = []

    info, _ = seen_by_view(headers={"X-Forwarded-For": "203.0.113.7"})

    assert info.ip == "127.0.0.1"


@given(st.dictionaries(st.sampled_from(HEADERS), st.text(st.characters(max_codepoint=255), max_size=200), max_size=6))
def test_any_headers_are_answered(headers: dict[str, str]) -> None:
    _, response = seen_by_view(headers=headers)

    assert response.status_code == 200
    assert current_request_info() == NOWHERE
