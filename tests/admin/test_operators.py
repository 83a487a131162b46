"""An operator's way through the backoffice: a step with a reason before anything is shown, nothing written across."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import Error, connections, transaction

from projects.models import Project
from tenants.audit.enums import AuditAction
from tenants.enums import Role
from tenants.isolation.owner import owner_access
from tenants.isolation.platform_access import across_all_tenants
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry, IdempotentRequest, Tenant, User
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike
from tests.plotted_projects import claims, plotted_project

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])

STEP = "/admin/operator/"


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    """A working copy has no folder of collected static files, of which WhiteNoise would warn."""
    settings.STATIC_ROOT = None


@pytest.fixture
def operator(world: Any) -> User:
    with owner_access():
        return User.objects.create_superuser(email="operator@example.org", password="a password of our own")


@pytest.fixture
def browser(operator: User) -> ApiClient:
    return signed_in(operator)


def _reads_on_record() -> int:
    with across_all_tenants(reason="counting"):
        return AuditEntry.objects.filter(action=AuditAction.OPERATOR_READ).count()


def test_nothing_is_shown_before_the_step(browser: ApiClient, ours: LookAlike) -> None:
    row = ours.rows[Project].pk
    pages = ["", "projects/project/", f"projects/project/{row}/change/", f"projects/project/{row}/history/", "r/1/1/"]

    assert {browser.get(f"/admin/{page}")["Location"] for page in pages} == {STEP}
    assert {browser.get(f"/api/v1/{name}").status_code for name in ("projects", f"projects/{row}", "users")} == {403}


def test_a_step_without_a_reason_is_not_taken(browser: ApiClient, ours: LookAlike) -> None:
    for reason in ("", "    x", "\u200b" * 6, "because\0"):
        for target in ("across", str(ours.tenant.pk)):
            assert browser.post(STEP, {"target": target, "reason": reason}).status_code == 200

    assert browser.get("/admin/")["Location"] == STEP


def test_a_read_across_is_recorded_each_time_and_writes_nothing(browser: ApiClient, theirs: LookAlike) -> None:
    project, person = theirs.rows[Project], theirs.users[Role.ANALYST]
    browser.post(STEP, {"target": "across", "reason": "Looking for a fault"})
    before = _reads_on_record()
    page = browser.get("/admin/projects/project/").content.decode()
    after = _reads_on_record()
    writes = [
        browser.post(f"/admin/projects/project/{project.pk}/change/", {"name": "taken", "time_zone": "UTC"}),
        browser.post(f"/admin/projects/project/{project.pk}/delete/", {"post": "yes"}),
        browser.post("/admin/projects/project/add/", {"name": "new", "time_zone": "UTC"}),
        browser.post(f"/admin/tenants/tenant/{theirs.tenant.pk}/change/", {"name": "taken", "retention_days": "1"}),
        browser.post("/admin/tenants/user/", {"action": "deactivate", "_selected_action": [str(person.pk)]}),
    ]

    assert (str(project.pk) in page, after - before) == (True, 2)  # the page's, and the one that counts
    assert [answer.status_code for answer in writes] == [403, 403, 403, 403, 200]
    with tenant_context(theirs.tenant.pk):
        assert User.objects.get(pk=person.pk).is_active
        assert Tenant.objects.get().name == theirs.tenant.name


def test_what_is_closed_to_a_read_across_is_refused_and_in_no_menu(browser: ApiClient, theirs: LookAlike) -> None:
    row, page = theirs.rows[IdempotentRequest], "/admin/tenants/idempotentrequest/"
    browser.post(STEP, {"target": "across", "reason": "Looking for a fault"})

    statuses = {browser.get(f"{page}{name}").status_code for name in ("", f"{row.pk}/change/", f"{row.pk}/history/")}

    assert statuses <= {302, 403}
    assert page not in browser.get("/admin/").content.decode()


def test_across_organisations_plots_are_drawn_unrecorded_and_nobody_has_a_record(
    browser: ApiClient, theirs: LookAlike
) -> None:
    with tenant_context(theirs.tenant.pk):
        project = plotted_project()
        row = claims(project, count=3)[-1]
        entries = AuditEntry.objects.count()
    browser.post(STEP, {"target": "across", "reason": "Looking for a fault"})
    pages = [
        browser.get(f"/admin/{page}/change/").content.decode()
        for page in (f"projects/project/{project.pk}", f"predictions/prediction/{row.pk}")
    ]

    assert [page.count('role="img"') for page in pages] == [6, 4]
    assert not any("Can it be trusted?" in page for page in pages)
    assert browser.get("/admin/trust/").status_code == 403
    with tenant_context(theirs.tenant.pk):
        assert AuditEntry.objects.count() == entries


def test_the_database_writes_nothing_across(world: Any) -> None:
    """Neither the role's rights nor the transaction's mode lets a statement through that the code did not foresee."""
    with across_all_tenants(reason="attack"), connections["platform"].cursor() as cursor:
        for statement in ("UPDATE tenants_tenant SET name = name", "SET TRANSACTION READ WRITE"):
            with pytest.raises(Error), transaction.atomic(using="platform"):
                cursor.execute(statement)
        cursor.execute("SELECT has_table_privilege(current_user, 'tenants_tenant', 'UPDATE, INSERT')")
        assert cursor.fetchone() == (False,)
        cursor.execute("SHOW transaction_read_only")
        assert cursor.fetchone() == ("on",)


def test_entering_is_in_the_organisations_own_trail_and_ends_with_the_operator(
    browser: ApiClient, operator: User, ours: LookAlike, theirs: LookAlike
) -> None:
    browser.post(STEP, {"target": str(ours.tenant.pk), "reason": "Support case 1"})
    page = browser.get("/admin/projects/project/").content.decode()
    with tenant_context(ours.tenant.pk):
        entered = AuditEntry.objects.filter(action=AuditAction.OPERATOR_ENTER).values_list("actor_id", "reason")
        assert list(entered) == [(operator.pk, "Support case 1")]
    with owner_access():
        User.objects.filter(pk=operator.pk).update(is_active=False)

    assert (str(ours.rows[Project].pk) in page, str(theirs.rows[Project].pk) in page) == (True, False)
    assert browser.get("/admin/projects/project/")["Location"].startswith("/admin/login/")
