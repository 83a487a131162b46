"""What a prediction's page says of when it would happen, and until when something can be done about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from predictions.prediction_answer import prediction_answer
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import ISSUED_AT, PredictionFactory
from tests.factories.projects import ProjectFactory

pytestmark = pytest.mark.django_db


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize(
    ("zone", "predicted_for", "words"),
    [
        ("UTC", datetime(2026, 5, 1, tzinfo=UTC), "the end of 30 Apr 2026"),
        ("Europe/Berlin", datetime(2026, 4, 30, 22, tzinfo=UTC), "the end of 30 Apr 2026"),
        ("America/New_York", datetime(2026, 5, 1, 4, tzinfo=UTC), "the end of 30 Apr 2026"),
        ("Europe/Berlin", datetime(2026, 5, 1, tzinfo=UTC), "1 May 2026, 00:00 UTC"),
    ],
)
def test_a_claim_that_ends_with_a_day_names_that_day(zone: str, predicted_for: datetime, words: str) -> None:
    prediction = PredictionFactory.create(project=ProjectFactory.create(time_zone=zone), predicted_for=predicted_for)

    assert prediction_answer(prediction).over_by == words


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prevention_window_h": 300.0}, "12 days, until 14 Mar 2026, 21:00 UTC"),
        ({"prevention_window_h": None, "probability": 0.9}, "no action is known to be enough"),
        ({"prevention_window_h": None, "probability": 0.1}, "nothing has to be done: so much risk is accepted"),
    ],
)
def test_what_is_left_to_do_is_told_apart(fields: dict[str, Any], words: str) -> None:
    prediction = PredictionFactory.create(
        project=ProjectFactory.create(accepted_risk=0.15), probability_low=None, probability_high=None, **fields
    )

    assert prediction_answer(prediction).time_to_act == words


def test_the_list_says_what_is_over_and_the_page_what_was_computed_afterwards(
    client: Client, ours: LookAlike, settings: Any
) -> None:
    with tenant_context(ours.tenant.pk):
        looked_back = PredictionFactory.create(
            is_retrospective=True,
            issued_at=datetime(2026, 6, 1, tzinfo=UTC),
            as_of=ISSUED_AT,
            prevention_window_h=300.0,
            predicted_for=datetime(2026, 5, 1, tzinfo=UTC),
        )
    settings.STATIC_ROOT = None
    client.force_login(ours.users[Role.ADMIN])

    listed = client.get("/admin/predictions/prediction/").content.decode()
    page = client.get(f"/admin/predictions/prediction/{looked_back.pk}/change/").content.decode()

    assert "the end of 30 Apr 2026" in listed
    assert "14 Mar 2026, over" in listed
    assert '<span class="standing">Looked back</span>' in page
    assert "what is computed afterwards is pushed to nobody" in page
    assert str(looked_back).endswith("by 2026-04-30")
