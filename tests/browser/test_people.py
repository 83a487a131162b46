"""Coming in: each role, a wrong password, a lockout, the keyboard alone, no JavaScript, and the operator's step."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from gaps.models import Gap
from projects.models import Project
from tenants.enums import Role
from tenants.isolation.owner import owner_access
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import AuditEntry, User
from tenants.permissions import Action, allowed
from tests.browser.conftest import PASSWORD, Visitor, session_cookie, with_password
from tests.factories.look_alike import LookAlike
from tests.factories.tenants import OperatorFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "platform"]),
]

MakeVisitor = Callable[..., Visitor]
LISTS = {
    "projects": "projects.project",
    "gaps": "gaps.gap",
    "cost-entries": "projects.costentry",
    "users": "tenants.user",
    "api-keys": "tenants.apikey",
    "audit-entries": "tenants.auditentry",
}


@pytest.fixture
def operator(world: Any) -> User:
    """A platform operator, who belongs to no organisation."""
    with auth_context():
        found = User.objects.filter(is_operator=True).first()
    return found or _made_operator()


def _made_operator() -> User:
    with owner_access("test data"):
        made: User = OperatorFactory.create()
    return made


@pytest.mark.parametrize("role", Role)
def test_a_role_enters_where_it_belongs_and_sees_what_the_matrix_allows(
    role: Role, make_visitor: MakeVisitor, ours: LookAlike, theirs: LookAlike
) -> None:
    person = with_password(ours.users[role])
    visitor = make_visitor()
    visitor.log_in(person.email)

    if role is Role.ADMIN:
        visitor.page.get_by_role("heading", name="Backoffice").wait_for()
        assert ours.tenant.name in visitor.page.locator("#header").inner_text()
        assert theirs.tenant.name not in visitor.page.content()
    else:
        assert "the backoffice is for administrators" in visitor.page.locator(".errornote").inner_text()
        assert visitor.problems() == []
        visitor.context.add_cookies([session_cookie(person, visitor.address)])
    answers = {name: visitor.context.request.get(f"{visitor.address}/api/v1/{name}") for name in LISTS}

    assert {name: answer.status for name, answer in answers.items()} == {
        name: 200 if allowed(role, Action.VIEW, label) else 403 for name, label in LISTS.items()
    }
    assert not any(str(theirs.rows[Project].pk) in answer.text() for answer in answers.values())


def test_a_wrong_password_is_refused_and_a_lockout_says_how_long_it_lasts(
    make_visitor: MakeVisitor, ours: LookAlike, settings: Any
) -> None:
    settings.LOGIN_FAILURES_PER_ACCOUNT = 2
    email = with_password(ours.users[Role.ADMIN]).email
    visitor = make_visitor()
    note = visitor.page.locator(".errornote")

    visitor.log_in(email, "a wrong password")
    assert "do not match an active account" in note.inner_text()
    visitor.log_in(email, "another wrong one")
    visitor.log_in(email)

    assert "Too many attempts. Try again in 15 minutes." in note.inner_text()
    assert visitor.page.url.endswith("/admin/login/")
    assert visitor.problems() == []


def test_the_keyboard_alone_logs_in_and_skips_the_menu(make_visitor: MakeVisitor, ours: LookAlike) -> None:
    email = with_password(ours.users[Role.ADMIN]).email
    visitor = make_visitor()
    keyboard = visitor.page.keyboard
    visitor.open("/admin/login/")

    keyboard.type(email)
    keyboard.press("Tab")
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    visitor.page.get_by_role("heading", name="Backoffice").wait_for()
    keyboard.press("Tab")
    first = visitor.page.locator(":focus")
    assert first.inner_text() == "Skip to main content"
    assert first.evaluate("element => element.getBoundingClientRect().top") >= 0
    keyboard.press("Enter")

    assert visitor.page.locator(":focus").get_attribute("id") == "content-start"
    keyboard.press("Tab")
    assert visitor.page.locator(":focus").evaluate("element => !!element.closest('main')")


def test_every_stop_of_the_keyboard_can_be_seen(make_visitor: MakeVisitor, ours: LookAlike) -> None:
    visitor = make_visitor(ours.users[Role.ADMIN])
    visitor.open(reverse("admin:gaps_gap_change", args=[ours.rows[Gap].pk]))
    unseen = []

    for _ in range(40):
        visitor.page.keyboard.press("Tab")
        unseen += visitor.page.evaluate(
            """() => {
                const focused = document.activeElement, style = getComputedStyle(focused);
                for (const change of document.getAnimations()) change.finish();
                const ringed = style.outlineStyle !== "none" || style.boxShadow !== "none";
                const marked = ringed || focused.matches("input, select, textarea, .select2-selection") ||
                  style.textDecorationLine !== "none";
                return focused === document.body || marked ? [] : [focused.outerHTML.slice(0, 120)];
            }"""
        )

    assert unseen == []


def test_without_javascript_people_log_in_find_change_and_delete(make_visitor: MakeVisitor, ours: LookAlike) -> None:
    email = with_password(ours.users[Role.ADMIN]).email
    visitor = make_visitor(java_script_enabled=False)
    page = visitor.page

    visitor.log_in(email)
    visitor.open(reverse("admin:projects_project_add"))
    page.get_by_label("Name:", exact=True).fill("Made without scripts")
    page.get_by_role("button", name="Save", exact=True).click()
    visitor.open(reverse("admin:projects_project_changelist") + "?q=made")
    page.get_by_role("link", name="Made without scripts").first.click()
    page.get_by_label("Description:").fill("Changed without scripts")
    page.get_by_role("button", name="Save", exact=True).click()
    visitor.open(reverse("admin:projects_project_changelist") + "?q=made")
    page.get_by_role("link", name="Made without scripts").first.click()
    assert page.get_by_label("Description:").input_value() == "Changed without scripts"
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name=re.compile("^Yes")).click()

    with tenant_context(ours.tenant.pk):
        assert not Project.objects.filter(name="Made without scripts").exists()


def test_an_operator_enters_with_a_reason_that_the_organisation_can_read(
    make_visitor: MakeVisitor, operator: User, ours: LookAlike, theirs: LookAlike
) -> None:
    visitor = make_visitor(operator)
    page = visitor.page
    visitor.open(reverse("admin:gaps_gap_changelist"))
    assert "Where do you want to work?" in visitor.text()
    assert visitor.problems() == []

    page.get_by_label("Work in").select_option(label=ours.tenant.name)
    page.get_by_role("button", name="Continue").click()
    assert page.url.endswith("/admin/operator/")  # the browser itself asks for the reason
    page.get_by_label("Reason").fill("Support case twelve")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Backoffice").wait_for()
    banner = page.get_by_role("form", name="Where you work").inner_text()
    visitor.open(reverse("admin:projects_project_changelist"))

    assert ours.tenant.name in banner
    assert "Support case twelve" in banner
    assert str(ours.rows[Project].pk) in page.content()
    assert str(theirs.rows[Project].pk) not in page.content()
    with tenant_context(ours.tenant.pk):
        entered = AuditEntry.objects.get(action="OPERATOR_ENTER")
    assert (entered.actor_id, entered.reason) == (operator.pk, "Support case twelve")


def test_an_operator_who_reads_across_sees_all_and_can_write_nothing(
    make_visitor: MakeVisitor, operator: User, ours: LookAlike, theirs: LookAlike
) -> None:
    visitor = make_visitor(operator)
    page = visitor.page
    visitor.open(reverse("admin:operator_step"))
    page.get_by_label("Work in").select_option("across")
    page.get_by_label("Reason").fill("Monthly check of all")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Backoffice").wait_for()

    visitor.open(reverse("admin:projects_project_changelist") + f"?q={ours.rows[Project]}")
    assert str(ours.rows[Project].pk) in page.content()
    assert str(theirs.rows[Project].pk) in page.content()
    assert {ours.tenant.name, theirs.tenant.name} <= set(page.locator("td.field-tenant").all_inner_texts())
    assert page.get_by_role("link", name="Add project").count() == 0
    visitor.open(reverse("admin:projects_project_change", args=[ours.rows[Project].pk]))
    assert page.get_by_role("button", name="Save").count() == 0
    assert page.get_by_role("button", name="Analyse now").count() == 0
    assert visitor.problems() == []
    assert visitor.open(reverse("admin:projects_project_add")) == 403

    visitor.open(reverse("admin:index"))
    page.get_by_role("button", name="Leave").click()
    assert "Where do you want to work?" in visitor.text()
