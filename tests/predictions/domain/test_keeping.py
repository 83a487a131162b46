"""Which forecasts become predictions, whatever their type, and which are not worth a row."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import pytest

from predictions.domain.keeping import MAX_WARNINGS, KeptPrediction, keep_predictions
from predictions.domain.ledger import check_ledger
from predictions.enums import PredictionType, Priority, Trend
from predictions.forecasters.indicators import Indicator
from predictions.forecasters.risk import HoursToEvent, PreventiveOption, Quantile, Quantiles, RiskForecast, Subject
from predictions.models import Prediction, PreventiveAction, RiskIndicator
from projects.models import Project
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.predictions.risk_forecasts import risk_of
from tests.project_histories import DAY, NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]
OVERRUN, QUALITY, DELAY = PredictionType.BUDGET_OVERRUN, PredictionType.QUALITY_ISSUE, PredictionType.DELAY_RISK
BUDGET = {"threshold": 48_000.0, "unit": "EUR"}


@pytest.fixture
def project(tenant: Any) -> Project:
    return ProjectFactory.create(start_date=date(2023, 9, 1))


def _keep(project: Project, *risks: RiskForecast, at: datetime | None = None) -> tuple[KeptPrediction, ...]:
    as_of = risks[0].as_of
    return keep_predictions(project=project, risks=risks, as_of=as_of, at=at or as_of)


def _item(number: int, probability: float, *, as_of: datetime = NOW) -> RiskForecast:
    subject = Subject("work_item", f"00000000-0000-7000-8000-{number:012d}", f"DEMO-{number}")
    claim = {"target_date": date(2024, 7, 31), "scope_items": 1}
    return risk_of(DELAY, probability, as_of=as_of, subject=subject, claim=claim)


def _items(numbers: Iterable[int], probability: float) -> list[RiskForecast]:
    return [_item(number, probability) for number in numbers]


def test_claim_of_any_type_becomes_a_row_that_can_be_settled(project: Project) -> None:
    option = PreventiveOption("LEAVE_OUT", "Leave it out", "", Priority.HIGH, 0.1, 48.0, days_saved_p85=9.0)
    (kept,) = _keep(
        project,
        risk_of(
            OVERRUN,
            0.7,
            claim={**BUDGET, "scope_items": 40, "terms": {"spent_at_issue": 40_000.0}},
            options=(option,),
            indicators=(Indicator("cpi", 0.8, "EV / AC", 1.0, Trend.DOWN, 1.0),),
            assumptions=("Costs are booked near the day.",),
            quantiles=Quantiles("EUR", (Quantile(0.5, 49_000.0),)),
        ),
    )

    prediction = Prediction.objects.get()
    assert (kept.prediction, kept.is_new) == (prediction, True)
    assert (prediction.type, prediction.is_alert, prediction.predicted_for) == (OVERRUN, True, NOW + 28 * DAY)
    assert prediction.event == {
        "claim": "It happens.",
        "subject": {"type": "project", "id": str(project.pk)},
        "scope": {"item_count": 40, "as_of": NOW.isoformat()},
        "threshold": 48_000.0,
        "unit": "EUR",
        "terms": {"spent_at_issue": 40_000.0},
    }
    assert prediction.quantiles == {"unit": "EUR", "points": [{"p": 0.5, "value": 49_000.0}]}
    assert [row["text"] for row in prediction.assumptions] == ["Costs are booked near the day."]
    action = PreventiveAction.objects.get(prediction=prediction)
    assert (action.code, action.expected_effect_days, action.latest_start_at) == ("LEAVE_OUT", 9.0, NOW + 2 * DAY)
    assert RiskIndicator.objects.get(prediction=prediction).name == "cpi"


def test_abstention_is_no_prediction_and_hinders_none(project: Project) -> None:
    abstains = RiskForecast(
        **{
            **{name: getattr(risk_of(QUALITY, 0.5), name) for name in ("as_of", "type", "readiness", "model")},
            "is_reconstructed": False,
            "inputs_hash": "0" * 64,
        }
    )

    kept = _keep(project, abstains, risk_of(OVERRUN, 0.7, claim=BUDGET))

    assert [each.prediction.type for each in kept] == [OVERRUN]


@pytest.mark.parametrize("missing", ["claim", "base_rate", "impact"])
def test_probability_that_could_not_be_scored_is_refused(project: Project, missing: str) -> None:
    fields = {name: getattr(risk_of(OVERRUN, 0.7), name) for name in RiskForecast.__dataclass_fields__}

    with pytest.raises(ValueError, match="needs a claim"):
        _keep(project, RiskForecast(**{**fields, missing: None}))


def test_what_only_the_dice_moved_is_not_told_again(project: Project) -> None:
    points = [Quantiles("EUR", (Quantile(0.5, value),)) for value in (49_000.0, 50_000.0, 60_000.0)]
    first, same, dearer = (
        _keep(project, risk_of(OVERRUN, p, as_of=NOW + days * DAY, claim=BUDGET, quantiles=quantiles))[0]
        for days, (p, quantiles) in enumerate(zip((0.7, 0.715, 0.71), points, strict=True))
    )

    assert (same.prediction, same.is_new) == (first.prediction, False)
    assert (dearer.is_new, dearer.prediction.supersedes_id) == (True, first.prediction.pk)


def test_hysteresis_is_that_of_the_type(project: Project) -> None:
    said = [
        _keep(project, risk_of(OVERRUN, p, as_of=NOW + days * DAY, claim=BUDGET))[0].prediction.is_alert
        for days, p in enumerate((0.45, 0.55, 0.4, 0.3))
    ]

    assert said == [False, True, True, False]


def test_warning_goes_on_from_one_window_to_the_next_which_is_another_event(project: Project) -> None:
    """Asked every day for two months about the 28 days ahead, always the same answer."""
    for days in range(60):
        _keep(project, risk_of(QUALITY, 0.7, as_of=NOW + days * DAY))

    rows = list(Prediction.objects.order_by("id"))
    assert len({row.event_key for row in rows}) == len(rows)
    assert len(rows) in {3, 4}
    assert len({row.episode_id for row in rows}) == 1
    assert [row.supersedes_id for row in rows] == [None] * len(rows)


def test_warning_that_comes_within_three_days_of_the_likely_event_is_late(project: Project) -> None:
    soon = risk_of(OVERRUN, 0.7, claim=BUDGET, time_to_occurrence=HoursToEvent(10, 71, 500))
    later = risk_of(QUALITY, 0.7, time_to_occurrence=HoursToEvent(10, 73, 500))

    assert [kept.prediction.is_late for kept in _keep(project, soon, later)] == [True, False]


# --- levels with many subjects ---


def test_of_many_items_the_likeliest_warnings_are_kept(project: Project) -> None:
    quiet, warned = _items(range(100), 0.59), [_item(100 + n, 0.6 + n / 100) for n in range(30)]

    kept = _keep(project, *quiet, *warned)

    assert len(kept) == Prediction.objects.count() == MAX_WARNINGS
    assert min(each.prediction.probability for each in kept) == pytest.approx(0.7)


def test_item_that_was_warned_of_is_followed_until_it_has_cleared(project: Project) -> None:
    _keep(project, _item(1, 0.8))

    said = [
        [each.prediction.is_alert for each in _keep(project, _item(1, p, as_of=NOW + days * DAY))]
        for days, p in enumerate((0.5, 0.3, 0.1), start=1)
    ]

    assert said == [[True], [False], []]
    assert Prediction.objects.count() == 3


def test_rows_of_one_run_are_one_chain(project: Project) -> None:
    _keep(project, risk_of(OVERRUN, 0.7, claim=BUDGET), *_items(range(5), 0.8))
    _keep(project, risk_of(OVERRUN, 0.2, as_of=NOW + DAY, claim=BUDGET))

    check = check_ledger(project.pk)

    assert (check.rows, check.broken) == (7, 0)


def test_same_run_again_stores_nothing(project: Project) -> None:
    risks = [risk_of(OVERRUN, 0.7, claim=BUDGET), risk_of(QUALITY, 0.2), *_items(range(30), 0.8)]
    first = _keep(project, *risks)

    second = _keep(project, *risks)

    assert [each.prediction for each in first] == [each.prediction for each in second]
    assert [each.is_new for each in second] == [False] * len(first)


def test_same_answers_a_day_later_store_no_further_items(project: Project) -> None:
    _keep(project, *[_item(number, 0.6 + number / 100) for number in range(30)])

    later = _keep(project, *[_item(number, 0.6 + number / 100, as_of=NOW + DAY) for number in range(30)])

    assert [each.is_new for each in later] == [False] * MAX_WARNINGS


def test_look_at_the_past_stays_out_of_the_chain_and_of_what_is_followed(project: Project) -> None:
    _keep(project, _item(1, 0.8, as_of=NOW - DAY), at=NOW + 40 * DAY)

    (kept,) = _keep(project, _item(1, 0.8))

    assert (kept.is_new, kept.prediction.supersedes_id, kept.prediction.previous_hash) == (True, None, "")
    assert sorted(bool(row.row_hash) for row in Prediction.objects.all()) == [False, True]


@pytest.mark.parametrize("rows", [1, 3])
def test_unchanged_claims_cost_one_query_whatever_their_number(
    project: Project, rows: int, django_assert_num_queries: Any
) -> None:
    risks = [*_items(range(rows), 0.8)]
    _keep(project, *risks)

    with django_assert_num_queries(1):
        _keep(project, *risks)


def test_look_alike_claims_of_another_tenant_are_no_history(
    project: Project, ours: LookAlike, theirs: LookAlike
) -> None:
    with tenant_context(theirs.tenant.pk):
        foreign = ProjectFactory.create(pk=None)
        before = list(Prediction.objects.order_by("pk").values())

    (kept,) = _keep(project, risk_of(OVERRUN, 0.7, claim=BUDGET))

    assert (kept.is_new, kept.prediction.supersedes_id, kept.prediction.previous_hash) == (True, None, "")
    with tenant_context(theirs.tenant.pk):
        assert list(Prediction.objects.order_by("pk").values()) == before
        assert foreign.pk != project.pk
    assert ours.tenant.pk != theirs.tenant.pk
