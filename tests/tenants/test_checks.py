"""What `check --deploy` says of an installation whose mails would carry no usable link."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.checks import check_public_url


@pytest.mark.parametrize("url", ["", "http://stratibreak.example", "stratibreak.example", "https://x/#y"])
def test_an_address_that_no_link_can_begin_with_is_an_error(url: str, settings: Any) -> None:
    settings.PUBLIC_URL = url

    assert [problem.id for problem in check_public_url(None)] == ["tenants.E051"]


@pytest.mark.parametrize("url", ["https://stratibreak.example", "https://example.org/planning/"])
def test_an_address_over_tls_is_none(url: str, settings: Any) -> None:
    settings.PUBLIC_URL = url

    assert check_public_url(None) == []
