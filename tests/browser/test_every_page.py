"""Every page of the backoffice in chromium: nothing of the look-alike, no complaint of the browser, readable anywhere.

Readable: labels, landmarks, headings, contrast in light and dark, and no scrolling sideways at 390 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import OperationalError, models
from django.urls import reverse

from gaps.models import Gap
from integrations.models import Integration
from projects.models import Project
from tenants.enums import Role
from tenants.isolation.models import TenantModel
from tests.browser.conftest import Visitor
from tests.factories.look_alike import LookAlike

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "platform"]),
]

PAGES: list[type[models.Model]] = sorted(admin.site._registry, key=lambda model: model._meta.label)
TENANT_PAGES: list[type[TenantModel]] = [model for model in PAGES if issubclass(model, TenantModel)]
OWN_PAGES = ("index", "password_change", "trust", "portfolio")
ONE_TEMPLATE: tuple[type[TenantModel], ...] = (Project, Gap, Integration)
"""History and deletion look alike for all models; that they open for all is tested without a browser."""
MakeVisitor = Callable[..., Visitor]


def _url(model: type[models.Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def _addresses(kind: str, one: LookAlike) -> list[str]:
    if kind == "list":
        return [_url(model, "changelist") for model in PAGES] + [reverse(f"admin:{name}") for name in OWN_PAGES]
    if kind == "add":
        return [_url(model, "add") for model in PAGES]
    models_shown = ONE_TEMPLATE if kind in ("history", "delete") else TENANT_PAGES
    return [_url(model, kind, one.rows[model].pk) for model in models_shown]


@pytest.mark.parametrize("kind", ["list", "add", "change", "history", "delete"])
def test_every_page_opens_shows_ours_alone_and_is_readable(
    kind: str, make_visitor: MakeVisitor, ours: LookAlike, theirs: LookAlike
) -> None:
    visitor = make_visitor(ours.users[Role.ADMIN])
    problems, statuses = [], {}

    for address in _addresses(kind, ours):
        statuses[address] = visitor.open(address)
        problems += visitor.problems()
        assert str(theirs.tenant.pk) not in visitor.page.content()

    assert problems == []
    assert set(statuses.values()) <= ({200, 403} if kind in ("add", "delete") else {200})


def test_pages_that_say_what_went_wrong_are_readable_and_say_what_to_do(
    make_visitor: MakeVisitor, ours: LookAlike, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = make_visitor(ours.users[Role.ADMIN])
    expected = {
        "/admin/no/such/page/": (404, "Check the address."),
        _url(PAGES[0], "changelist") + "?p=%00": (400, ""),
        "/admin/gaps/gaptransition/add/": (403, "Your role does not allow it"),
    }

    for address, (status, words) in expected.items():
        assert visitor.open(address) == status
        if words:
            assert words in visitor.text()
            assert visitor.problems() == []


def test_without_a_database_people_get_a_page_and_programs_a_document(
    make_visitor: MakeVisitor, ours: LookAlike, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = make_visitor(ours.users[Role.ADMIN])

    def no_answer(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("no answer")

    with monkeypatch.context() as broken:
        broken.setattr("tenants.middleware.auth_context", no_answer)
        assert visitor.open("/admin/") == 503
        assert "Nothing was changed. Try again in a moment." in visitor.text()
        assert visitor.problems() == []
        answer = visitor.context.request.get(visitor.address + "/api/v1/projects")

    assert answer.status == 503
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_description_of_the_api_is_drawn_from_our_own_files(make_visitor: MakeVisitor, ours: LookAlike) -> None:
    visitor = make_visitor(ours.users[Role.ADMIN])
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))

    visitor.open(reverse("api-docs"))
    visitor.page.get_by_role("heading", name="Stratibreak API").wait_for()

    assert [url for url in asked if not url.startswith((visitor.address, "data:"))] == []


def test_searching_and_filtering_find_our_row_alone(
    make_visitor: MakeVisitor, ours: LookAlike, theirs: LookAlike
) -> None:
    visitor = make_visitor(ours.users[Role.ADMIN])
    project = ours.rows[Project]
    visitor.open(_url(Project, "changelist"))

    visitor.page.get_by_role("textbox", name="Search").fill(str(project)[:5].upper())
    visitor.page.get_by_role("button", name="Search").click()
    visitor.page.get_by_role("link", name="Active", exact=True).click()
    visitor.page.get_by_role("link", name=str(project), exact=True).click()
    visitor.page.wait_for_url("**/change/**")

    assert str(project.pk) in visitor.page.url
    assert str(theirs.rows[Project].pk) not in visitor.page.content()
