"""An action's page: it is moved on by the table of moves, and its status is no field."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gaps.models import CorrectiveAction
from predictions.models import ActionTransition, PreventiveAction
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

PAGES: dict[str, Any] = {
    "gaps_correctiveaction": CorrectiveAction,
    "predictions_preventiveaction": PreventiveAction,
}
each_page = pytest.mark.parametrize("page", PAGES)


def _client(one: LookAlike, role: Role = Role.ADMIN) -> Client:
    client = Client()
    client.force_login(one.users[role])
    return client


def _move(one: LookAlike, page: str, role: Role = Role.ADMIN, **values: str) -> Any:
    url = reverse(f"admin:{page}_move", args=[one.rows[PAGES[page]].pk])
    return _client(one, role).post(url, values, follow=True)


@each_page
def test_action_without_owner_is_not_activated(page: str, ours: LookAlike) -> None:
    answer = _move(ours, page, move="ACTIVATED")

    assert "needs an owner" in answer.content.decode()
    with tenant_context(ours.tenant.pk):
        assert PAGES[page].objects.get(pk=ours.rows[PAGES[page]].pk).status == "SUGGESTED"


@each_page
def test_action_is_activated_once_and_kept(page: str, ours: LookAlike) -> None:
    row = ours.rows[PAGES[page]]
    with tenant_context(ours.tenant.pk):
        due = timezone.now().date() + timedelta(days=9)
        PAGES[page].objects.filter(pk=row.pk).update(owner=ours.users[Role.TEAM_LEADER], due_date=due)

    _move(ours, page, move="ACTIVATED")
    answer = _move(ours, page, move="ACTIVATED")

    assert "Nothing was changed" in answer.content.decode()
    with tenant_context(ours.tenant.pk):
        assert PAGES[page].objects.get(pk=row.pk).status == "ACTIVE"
        assert ActionTransition.objects.get(action_id=row.pk).actor_id == ours.users[Role.ADMIN].pk


@each_page
def test_the_backoffice_is_closed_to_whoever_only_reads(page: str, ours: LookAlike) -> None:
    url = reverse(f"admin:{page}_change", args=[ours.rows[PAGES[page]].pk])

    assert "Move it on" in _client(ours).get(url).content.decode()
    _move(ours, page, Role.ANALYST, move="DROPPED", note="x")
    with tenant_context(ours.tenant.pk):
        assert PAGES[page].objects.get(pk=ours.rows[PAGES[page]].pk).status == "SUGGESTED"


@each_page
def test_action_of_another_tenant_is_not_found(page: str, ours: LookAlike, theirs: LookAlike) -> None:
    url = reverse(f"admin:{page}_move", args=[theirs.rows[PAGES[page]].pk])

    assert _client(ours).post(url, {"move": "DROPPED", "note": "Mine."}).status_code == 404
