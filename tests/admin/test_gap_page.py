"""A gap's page: a move goes through the table of moves and leaves its history."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gaps.enums import GapStatus
from gaps.gap_answer import gap_answer
from gaps.models import Gap, GapTransition
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.factories.gaps import CorrectiveActionFactory, GapFactory
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db


def _post(one: LookAlike, **changes: str) -> Any:
    client = Client()
    client.force_login(one.users[Role.ADMIN])
    url = reverse("admin:gaps_gap_change", args=[one.rows[Gap].pk])
    form = client.get(url).context["adminform"].form
    data = {name: "" if value is None else value for name, value in form.initial.items() if name in form.fields}
    for formset in client.get(url).context["inline_admin_formsets"]:
        prefix = formset.formset.prefix
        data |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    for field in ("current_value", "target_value", "readiness_reasons"):
        if field in form.fields:
            data[field] = form[field].value() or "null"
    for field in ("identified_at", "last_seen_at"):
        data.pop(field, None)
        if form.initial.get(field):
            data[f"{field}_0"], data[f"{field}_1"] = str(form.initial[field])[:19].split(" ")
    return client.post(url, data | changes)


def test_resolving_needs_a_note(ours: LookAlike) -> None:
    response = _post(ours, move="RESOLVED")

    assert response.status_code == 200
    assert "Say why" in response.content.decode()


def test_a_move_is_made_once_and_kept(ours: LookAlike) -> None:
    response = _post(ours, move="RESOLVED", note="The scope was cut.")

    assert response.status_code == 302, response.context["adminform"].form.errors
    with tenant_context(ours.tenant.pk):
        gap = Gap.objects.get(pk=ours.rows[Gap].pk)
        newest = GapTransition.objects.filter(gap=gap).order_by("-id")[0]
    assert (gap.status, newest.note) == (GapStatus.RESOLVED, "The scope was cut.")
    assert newest.actor_id == ours.users[Role.ADMIN].pk


def test_page_says_as_of_when_a_gap_was_found_or_that_a_person_entered_it(ours: LookAlike) -> None:
    client = Client()
    client.force_login(ours.users[Role.ADMIN])
    seen_at = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    with tenant_context(ours.tenant.pk):
        found, entered = GapFactory.create(detected=True, last_seen_at=seen_at), GapFactory.create()

    pages = [client.get(reverse("admin:gaps_gap_change", args=[gap.pk])).content.decode() for gap in (found, entered)]

    assert "From the record as of 2 March 2026, 09:30 UTC, by the method timeline, version 1." in pages[0]
    assert "Entered by hand." in pages[1]


def test_page_says_what_an_action_asks_for(ours: LookAlike) -> None:
    client = Client()
    client.force_login(ours.users[Role.ADMIN])
    with tenant_context(ours.tenant.pk):
        gap = GapFactory.create(detected=True)
        CorrectiveActionFactory.create(
            gap=gap, title="Priced", effort_h=8.0, cost_amount=Decimal(17_000), cost_currency="EUR"
        )
        CorrectiveActionFactory.create(gap=gap, title="Unpriced", effort_h=4.5, cost_amount=None, cost_currency="")

    page = client.get(reverse("admin:gaps_gap_change", args=[gap.pk])).content.decode()

    assert "(8 h of work, about 17,000 EUR in all)" in page
    assert "(4.5 h of work)" in page


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"detected": True, "type": "TIMELINE", "urgency_h": 48.0}, "48 h"),
        ({"detected": True, "type": "TIMELINE", "urgency_h": None}, "no action is known to be enough"),
        ({"detected": True, "type": "SKILL", "urgency_h": None}, ""),
        ({"type": "TIMELINE", "urgency_h": None}, ""),
    ],
)
def test_time_left_is_none_that_is_enough_only_where_a_detector_looked(
    fields: dict[str, Any], told: str, ours: LookAlike
) -> None:
    with tenant_context(ours.tenant.pk):
        assert gap_answer(GapFactory.create(**fields)).time_left == told
