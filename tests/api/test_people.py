"""Whose an account is, as people say it through the API and the backoffice."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from projects.models import Contributor
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.api.conftest import ApiClient
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ContributorFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def accounts(ours: LookAlike) -> list[Contributor]:
    with tenant_context(ours.tenant.pk):
        return list(ContributorFactory.create_batch(2))


def people(ours: LookAlike, accounts: list[Contributor]) -> list[object]:
    with tenant_context(ours.tenant.pk):
        rows = Contributor.objects.filter(pk__in=[account.pk for account in accounts]).order_by("pk")
        return list(rows.values_list("person", flat=True))


def test_two_accounts_are_linked_listed_together_and_parted(
    admin: ApiClient, ours: LookAlike, accounts: list[Contributor]
) -> None:
    first, second = accounts
    path = f"/api/v1/contributors/{first.pk}/person"

    linked = admin.send("POST", path, {"same_as": str(second.pk)})
    listed = admin.fetch(f"/api/v1/contributors?person={linked.json()['person']}").json()["results"]
    parted = admin.delete(path)

    assert (linked.status_code, parted.status_code) == (200, 204)
    assert {row["id"] for row in listed} == {str(first.pk), str(second.pk)}
    assert not any("digest" in name for name in linked.json())
    assert people(ours, accounts) == [None, None]


def test_account_of_another_tenant_is_none_to_be_linked(
    admin: ApiClient, theirs: LookAlike, accounts: list[Contributor]
) -> None:
    foreign = theirs.rows[Contributor].pk

    answers = [
        admin.send("POST", f"/api/v1/contributors/{one}/person", {"same_as": str(other)})
        for one, other in ((accounts[0].pk, foreign), (foreign, accounts[0].pk))
    ]

    assert [answer.status_code for answer in answers] == [400, 404]


def test_account_cannot_be_linked_to_itself(admin: ApiClient, accounts: list[Contributor]) -> None:
    own = str(accounts[0].pk)

    answer = admin.send("POST", f"/api/v1/contributors/{own}/person", {"same_as": own})

    assert answer.status_code == 409


def test_what_links_accounts_is_written_through_no_form(admin: ApiClient, accounts: list[Contributor]) -> None:
    path = f"/api/v1/contributors/{accounts[0].pk}"
    etag = admin.fetch(path)["ETag"]

    admin.send("PATCH", path, {"person": str(accounts[1].pk)}, etag=etag)

    assert admin.fetch(path).json()["person"] is None


def test_backoffice_links_and_parts_what_is_marked(ours: LookAlike, accounts: list[Contributor]) -> None:
    client, page = Client(), reverse("admin:projects_contributor_changelist")
    client.force_login(ours.users[Role.ADMIN])
    marked = [str(account.pk) for account in accounts]

    client.post(page, {"action": "link", "_selected_action": marked})
    together = people(ours, accounts)
    linked = client.get(reverse("admin:projects_contributor_change", args=[accounts[0].pk])).content.decode()
    client.post(page, {"action": "part", "_selected_action": marked[:1]})
    parted = client.get(reverse("admin:projects_contributor_change", args=[accounts[0].pk])).content.decode()

    assert together == [accounts[0].pk] * 2
    other = f"{accounts[1].pseudonym} ({accounts[1].source})"
    assert (other in linked, other in parted) == (True, False)
    assert people(ours, accounts) == [None, None]
