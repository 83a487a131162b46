"""What a forecasting run keeps, and what it leaves as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from predictions.domain.alerting import raise_alerts
from predictions.domain.forecasting import ProjectForecast, forecast_project
from predictions.domain.ledger import check_ledger
from predictions.domain.queries import describe_forecast
from predictions.enums import AlertClosing, PredictionType
from predictions.forecasters.registry import FORECASTERS
from predictions.models import Alert, Prediction, PreventiveAction, RiskIndicator
from projects.enums import AnalysisKind, Readiness
from projects.history.calendar import WorkCalendar
from projects.history.project_history import ProjectHistory
from projects.models import AnalysisRecord, Project
from tenants.models import AuditEntry
from tests.factories.projects import ProjectFactory
from tests.project_histories import DAY, NOW, WEEK, costly_project, dated_items, team_history

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]

STEADY_TEAM = [5] * 40
TARGET = date(2024, 9, 25)
HOPELESS, EVEN, EASY = 120, 45, 10


@pytest.fixture
def project(tenant: Any) -> Project:
    return ProjectFactory.create(start_date=date(2023, 9, 1), end_date=TARGET)


def _forecast(
    project: Project,
    *,
    open_items: int = HOPELESS,
    as_of: datetime = NOW,
    at: datetime | None = None,
    history: ProjectHistory | None = None,
) -> ProjectForecast:
    return forecast_project(
        project=project,
        history=history or team_history(STEADY_TEAM, open_items=open_items, as_of=as_of),
        calendar=WorkCalendar(),
        as_of=as_of,
        at=at or as_of,
    )


def _predict(project: Project, **circumstances: Any) -> Prediction:
    prediction = _forecast(project, **circumstances).prediction
    assert prediction is not None
    return prediction


def test_risk_of_delay_becomes_a_prediction_that_can_be_settled(project: Project) -> None:
    forecast = _forecast(project)

    prediction = Prediction.objects.get()
    assert forecast.prediction == prediction
    assert forecast.is_new
    assert (prediction.type, prediction.is_alert, prediction.is_late) == (PredictionType.DELAY_RISK, True, False)
    assert prediction.probability > 0.75  # twice the work that fits; teams have doubled their rate before
    assert prediction.event["target_date"] == "2024-09-25"
    assert prediction.event["scope"]["item_count"] == HOPELESS
    assert prediction.event["subject"] == {"type": "project", "id": str(project.pk)}
    assert prediction.predicted_for.isoformat() == "2024-09-26T00:00:00+00:00"
    assert [point["p"] for point in prediction.quantiles["points"]] == [0.5, 0.7, 0.85, 0.95]
    assert prediction.evidence
    assert prediction.assumptions
    assert (prediction.is_retrospective, len(prediction.row_hash), prediction.previous_hash) == (False, 64, "")
    assert RiskIndicator.objects.filter(prediction=prediction).count() == 3
    assert PreventiveAction.objects.filter(prediction=prediction).count() == 2


def test_run_is_recorded_with_its_numbers(project: Project) -> None:
    _forecast(project)

    record = AnalysisRecord.objects.get(kind=AnalysisKind.FORECAST)
    assert record.results["remaining_items"] == HOPELESS
    assert record.results["delay_risk"]["probability"]["value"] == pytest.approx(Prediction.objects.get().probability)
    assert record.overall_score == pytest.approx(100 * record.results["p_on_time"]["value"])


@pytest.mark.parametrize(
    ("history", "readiness"),
    [
        (ProjectHistory.from_facts([]), Readiness.MISCONFIGURED),
        (team_history([5], open_items=5), Readiness.INSUFFICIENT),
    ],
)
def test_abstention_is_recorded_and_is_no_prediction(
    project: Project, history: ProjectHistory, readiness: Readiness
) -> None:
    forecast = _forecast(project, history=history)

    record = AnalysisRecord.objects.get()
    assert (forecast.prediction, forecast.is_new) == (None, False)
    assert (record.readiness, record.overall_score, record.results["p_on_time"]) == (readiness, None, None)
    assert record.readiness_reasons
    assert not Prediction.objects.exists()


def test_project_without_a_target_gets_dates_but_no_prediction(project: Project) -> None:
    project.end_date = None

    forecast = _forecast(project)

    assert forecast.prediction is None
    assert len(AnalysisRecord.objects.get().results["quantiles"]) == 4


def test_same_moment_again_adds_nothing(project: Project) -> None:
    first = _forecast(project)

    second = _forecast(project)

    assert (second.prediction, second.is_new) == (first.prediction, False)
    assert (Prediction.objects.count(), AnalysisRecord.objects.count()) == (1, 1)


def test_unchanged_facts_a_little_later_add_no_prediction(project: Project) -> None:
    history = team_history(STEADY_TEAM, open_items=HOPELESS)
    first = _forecast(project, history=history)

    second = _forecast(project, history=history, as_of=NOW + timedelta(minutes=5))

    assert (second.prediction, second.is_new) == (first.prediction, False)
    assert RiskIndicator.objects.count() == 3


def test_moved_probability_supersedes_the_prediction_and_extends_the_chain(project: Project) -> None:
    first = _predict(project, open_items=HOPELESS)

    second = _predict(project, open_items=EASY, as_of=NOW + DAY)

    assert second.supersedes == first
    assert second.event_key == first.event_key
    assert second.previous_hash == first.row_hash
    assert Prediction.objects.count() == 2


def test_warning_that_goes_on_is_one_episode_and_its_end_another(project: Project) -> None:
    warned = _predict(project, open_items=HOPELESS)
    still = _predict(project, open_items=HOPELESS + 60, as_of=NOW + DAY)
    over = _predict(project, open_items=EASY, as_of=NOW + 2 * DAY)

    assert (warned.is_alert, still.is_alert, over.is_alert) == (True, True, False)
    assert warned.episode_id == still.episode_id != over.episode_id


@pytest.mark.parametrize(("hours_left", "is_late"), [(71, True), (73, False)])
def test_warning_within_72_hours_of_the_event_is_late(project: Project, hours_left: int, is_late: bool) -> None:
    end_of_target = datetime(2024, 9, 26, tzinfo=NOW.tzinfo)

    prediction = _predict(project, as_of=end_of_target - timedelta(hours=hours_left))

    assert (prediction.is_alert, prediction.is_late) == (True, is_late)


def test_a_warning_comes_when_it_is_issued_and_not_when_its_facts_ended(project: Project) -> None:
    end_of_target = datetime(2024, 9, 26, tzinfo=NOW.tzinfo)

    prediction = _predict(project, as_of=end_of_target - timedelta(hours=80), at=end_of_target - timedelta(hours=60))

    assert (prediction.is_retrospective, prediction.is_alert, prediction.is_late) == (False, True, True)


def test_warning_that_began_in_time_does_not_become_late(project: Project) -> None:
    end_of_target = datetime(2024, 9, 26, tzinfo=NOW.tzinfo)
    _forecast(project)

    prediction = _predict(project, open_items=HOPELESS + 60, as_of=end_of_target - timedelta(hours=5))

    assert (prediction.is_alert, prediction.is_late) == (True, False)


def test_target_that_moved_and_came_back_is_what_is_spoken_of(project: Project) -> None:
    first = _predict(project, open_items=EASY)
    project.end_date = NOW.date() + timedelta(days=4)  # a slip of the pen
    slip = _predict(project, open_items=EASY, as_of=NOW + timedelta(hours=1))
    raise_alerts(project=project, at=NOW + timedelta(hours=1))
    project.end_date = TARGET

    back = _predict(project, open_items=EASY, as_of=NOW + timedelta(hours=2))
    raise_alerts(project=project, at=NOW + timedelta(hours=2))
    again = _forecast(project, open_items=EASY, as_of=NOW + timedelta(hours=3))

    assert (first.is_alert, slip.is_alert, back.is_alert) == (False, True, False)
    assert (back.event_key, back.supersedes) == (first.event_key, first)
    assert again.prediction == back
    assert describe_forecast(project)["prediction"] == back.pk
    assert Alert.objects.get().closing == AlertClosing.CLEARED


def test_what_stands_is_no_look_at_the_past_nor_about_a_day_that_is_no_longer_meant(project: Project) -> None:
    standing = _predict(project)
    _predict(project, as_of=NOW - 4 * WEEK, at=NOW)
    _forecast(project, as_of=NOW + DAY)
    looked_back = _predict(project, open_items=EASY, as_of=NOW + timedelta(hours=1), at=NOW + 4 * WEEK)

    assert looked_back.is_retrospective
    assert describe_forecast(project)["prediction"] == standing.pk
    project.end_date = None
    _forecast(project, as_of=NOW + 2 * DAY)
    assert describe_forecast(project)["prediction"] is None


def test_look_at_the_past_has_the_target_of_then(tenant: Any) -> None:
    project = ProjectFactory.create(start_date=date(2023, 9, 1), end_date=TARGET)
    created_at, moved_to = timezone.now(), TARGET + timedelta(days=3650)
    project.end_date = moved_to
    project.save()
    moved_at = AuditEntry.objects.get_for_object(project).latest("timestamp").timestamp
    history = team_history(STEADY_TEAM, open_items=HOPELESS, as_of=created_at)

    def target(as_of: datetime) -> Any:
        at = max(as_of, created_at + 2 * DAY)
        return _forecast(project, history=history, as_of=as_of, at=at).finish.target_date

    assert target(NOW) == TARGET
    assert target(moved_at - timedelta(microseconds=1)) == TARGET
    assert target(moved_at) == moved_to


def test_look_at_the_past_is_labelled_and_stays_out_of_the_chain(project: Project) -> None:
    prediction = _predict(project, as_of=NOW - 4 * WEEK, at=NOW)

    assert prediction.is_retrospective
    assert (prediction.row_hash, prediction.previous_hash) == ("", "")


def test_moved_target_is_another_event(project: Project) -> None:
    first = _predict(project)
    project.end_date = TARGET + timedelta(days=7)

    second = _predict(project)

    assert second.event_key != first.event_key
    assert second.supersedes is None
    assert second.previous_hash == first.row_hash


# --- every forecaster ---


def _answers(record: AnalysisRecord) -> dict[str, Any]:
    return {f"{row['type']} {row['level']}": row for row in record.results["risks"]}


def test_run_keeps_what_every_forecaster_said(project: Project) -> None:
    _forecast(project)

    answers = _answers(AnalysisRecord.objects.get())
    assert list(answers) == [forecaster.name for forecaster in FORECASTERS]
    delay, budget = answers["DELAY_RISK project"], answers["BUDGET_OVERRUN project"]
    assert (delay["claims"], delay["above_alert_level"], delay["reasons"]) == (1, 1, [])
    assert (budget["claims"], budget["readiness"], budget["likeliest"]) == (0, Readiness.MISCONFIGURED, [])
    assert {reason["code"] for reason in budget["reasons"]} == {"NO_BUDGET", "NO_COSTS"}


def test_budget_claim_is_kept_beside_the_delay(project: Project) -> None:
    history = ProjectHistory.from_facts(costly_project(48_000, open_items=EVEN))

    forecast = _forecast(project, history=history)

    kept = {kept.prediction.type: kept.prediction for kept in forecast.kept}
    assert set(kept) == {PredictionType.DELAY_RISK, PredictionType.BUDGET_OVERRUN}
    overrun = kept[PredictionType.BUDGET_OVERRUN]
    assert (overrun.event["threshold"], overrun.event["unit"]) == (48_000, "EUR")
    assert overrun.predicted_for > NOW
    assert forecast.prediction == kept[PredictionType.DELAY_RISK]
    assert check_ledger(project.pk).broken == 0


def test_project_without_a_date_still_has_its_budget_forecast(project: Project) -> None:
    project.end_date = None

    forecast = _forecast(project, history=ProjectHistory.from_facts(costly_project(48_000)))

    assert forecast.prediction is None
    assert [kept.prediction.type for kept in forecast.kept] == [PredictionType.BUDGET_OVERRUN]


def _fail(_inputs: Any) -> list[Any]:
    raise ZeroDivisionError("rate of nothing")


def test_forecaster_that_fails_abstains_aloud_and_hinders_none(
    project: Project, monkeypatch: pytest.MonkeyPatch, analysis_failures: list[str]
) -> None:
    broken = [replace(each, ask=_fail) if each.name == "BUDGET_OVERRUN project" else each for each in FORECASTERS]
    monkeypatch.setattr("predictions.domain.forecasting.FORECASTERS", broken)

    forecast = _forecast(project)

    row = _answers(AnalysisRecord.objects.get())["BUDGET_OVERRUN project"]
    assert [reason["code"] for reason in row["reasons"]] == ["FORECASTER_FAILED"]
    assert (row["readiness"], row["claims"]) == (Readiness.INSUFFICIENT, 0)
    assert forecast.prediction is not None
    assert analysis_failures == ["BUDGET_OVERRUN project failed"]


def test_run_that_was_repaired_is_kept_although_the_facts_are_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch, analysis_failures: list[str]
) -> None:
    with monkeypatch.context() as patch:
        broken = [replace(each, ask=_fail) for each in FORECASTERS]
        patch.setattr("predictions.domain.forecasting.FORECASTERS", broken)
        assert _forecast(project).kept == ()

    forecast = _forecast(project)

    assert forecast.prediction is not None
    assert AnalysisRecord.objects.count() == 2
    assert len(analysis_failures) == len(FORECASTERS)


def test_items_that_will_be_late_are_warned_of_and_the_run_counts_the_others(project: Project) -> None:
    history = ProjectHistory.from_facts(dated_items(late_share=0.9, open_items=60))

    forecast = _forecast(project, history=history)

    items = [kept.prediction for kept in forecast.kept if kept.prediction.event["subject"]["type"] == "work_item"]
    row = _answers(AnalysisRecord.objects.get())["DELAY_RISK work_item"]
    assert (row["claims"], len(row["likeliest"])) == (60, 20)
    assert 0 < len(items) <= 20
    assert all(item.is_alert and item.base_rate is not None for item in items)
    assert len({item.event_key for item in items}) == len(items)
