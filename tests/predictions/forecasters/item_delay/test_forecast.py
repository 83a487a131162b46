"""Items forecast over a project's history: the event, the gate, the drivers, and nothing from after t."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.forecasters.item_delay.forecast import forecast_item_delays
from predictions.forecasters.item_delay.history_moments import history_moments
from predictions.forecasters.item_delay.walk_forward import Rung
from projects.enums import Readiness
from projects.history import FieldChangeFact, HistoryFact, ProjectHistory, WorkCalendar
from projects.history.readiness import ReasonCode
from tests.project_histories import (
    DAY,
    NOW,
    finished_item,
    generated_facts,
    item_id,
    team_facts,
    without_later_facts,
    work_item,
)


def set_due(number: int, due: date, at: datetime, *, field: str = "due_date") -> FieldChangeFact:
    return FieldChangeFact(item_id(number), field, None, due.isoformat(), at, NOW - timedelta(hours=1))


def team(*, late_share: float, items: int = 150, open_items: int = 3) -> list[HistoryFact]:
    """One item finished every second day, its due date two days before or after that, and open ones due in a week."""
    rng = np.random.default_rng(4)
    facts: list[HistoryFact] = []
    for number in range(1, items + 1):
        finished_at = NOW - 2 * DAY * (items - number + 1)
        created_at = finished_at - 20 * DAY
        late = rng.random() < late_share
        due = (finished_at - 2 * DAY if late else finished_at + 2 * DAY).date()
        facts += finished_item(number, created_at=created_at, started_at=finished_at - 5 * DAY, finished_at=finished_at)
        facts.append(set_due(number, due, created_at + DAY))
        facts.append(FieldChangeFact(item_id(number), "assignee", None, f"person-{number % 3}", created_at, NOW))
    for number in range(items + 1, items + open_items + 1):
        created_at = NOW - 10 * DAY
        facts += [work_item(number, created_at=created_at), set_due(number, (NOW + 7 * DAY).date(), created_at)]
    return facts


def test_a_team_that_is_mostly_late_is_told_so_and_a_punctual_one_is_not() -> None:
    late = forecast_item_delays(ProjectHistory.from_facts(team(late_share=0.85)), as_of=NOW)
    punctual = forecast_item_delays(ProjectHistory.from_facts(team(late_share=0.1)), as_of=NOW)

    assert late.readiness.readiness is Readiness.OK
    assert [risk.key for risk in late.items] == ["DEMO-151", "DEMO-152", "DEMO-153"]
    assert min(risk.probability.value for risk in late.items) > 0.55
    assert max(risk.probability.value for risk in punctual.items) < 0.4
    assert late.rung is not None
    for risk in (*late.items, *punctual.items):
        assert 0 < risk.probability.low < risk.probability.value < risk.probability.high < 1
        assert risk.due_date == (NOW + 7 * DAY).date()
        assert all(-1 <= driver.effect <= 1 for driver in risk.drivers)


def test_without_own_labels_the_prior_speaks_with_limited_readiness() -> None:
    facts = [*team_facts([5] * 26, open_items=3), set_due(131, (NOW + 7 * DAY).date(), NOW - DAY)]

    forecast = forecast_item_delays(ProjectHistory.from_facts(facts), as_of=NOW)

    assert forecast.readiness.readiness is Readiness.LIMITED
    assert [reason.code for reason in forecast.readiness.reasons] == [ReasonCode.TOO_FEW_FINISHED]
    assert (forecast.rung, forecast.own_labels, len(forecast.items)) == (Rung.LEARNED, 0, 1)
    assert forecast.prior == "40 simulated organisations"


def test_without_a_due_date_ahead_there_is_no_number() -> None:
    forecast = forecast_item_delays(ProjectHistory.from_facts(team_facts([5] * 26, open_items=3)), as_of=NOW)

    assert forecast.readiness.readiness is Readiness.MISCONFIGURED
    assert ReasonCode.NO_TARGET in {reason.code for reason in forecast.readiness.reasons}
    assert forecast.items == ()
    assert forecast.rung is None


def test_a_moved_due_date_leaves_the_first_one_to_be_settled_and_asks_about_the_present_one() -> None:
    facts = [
        *team(late_share=0.5, open_items=0),
        work_item(900, created_at=NOW - 30 * DAY),
        set_due(900, (NOW - 5 * DAY).date(), NOW - 30 * DAY),
        set_due(900, (NOW + 5 * DAY).date(), NOW - 6 * DAY),
    ]
    known = ProjectHistory.from_facts(facts).as_of(NOW)

    found = history_moments(known, WorkCalendar())

    rows = np.flatnonzero(known.items.keys[found.item] == "DEMO-900")
    assert [found.due_dates[row] for row in rows] == [(NOW - 5 * DAY).date(), (NOW + 5 * DAY).date()]
    assert found.asked[rows].tolist() == [False, True]
    assert found.moments.late[rows[0]]


def test_a_due_day_ends_in_the_time_zone_of_the_project() -> None:
    moment = datetime(2024, 7, 3, 23, 30, tzinfo=UTC)
    facts = [work_item(1, created_at=moment - 9 * DAY, recorded_at=moment - 9 * DAY)]
    changes = [set_due(1, date(2024, 7, 3), moment - 9 * DAY)]
    known = ProjectHistory.from_facts([*facts, *changes]).as_of(moment)

    assert history_moments(known, WorkCalendar()).asked.tolist() == [True]
    assert history_moments(known, WorkCalendar(time_zone="Europe/Berlin")).asked.tolist() == [False]


def test_facts_after_the_moment_change_nothing_and_the_same_facts_answer_the_same() -> None:
    facts = team(late_share=0.4)
    moment = NOW - 60 * DAY
    complete = forecast_item_delays(ProjectHistory.from_facts(facts), as_of=moment)
    kept = without_later_facts(facts, moment)

    truncated = forecast_item_delays(ProjectHistory.from_facts(reversed(kept)), as_of=moment)

    assert complete.items
    assert truncated == complete


_dated_changes = st.builds(
    FieldChangeFact,
    item_id=st.integers(0, 9).map(item_id),
    field=st.sampled_from(["due_date", "assignee", "priority", "milestone", "item_type", "description"]),
    from_value=st.none(),
    to_value=st.none()
    | st.sampled_from(["2024-07-10", "2024-06-01", "2024-02-30", "0001-01-01", "9999-12-31", "\0", "Bug"]),
    changed_at=st.integers(-2_000, 400).map(lambda hours: NOW + timedelta(hours=hours)),
    recorded_at=st.integers(-2_000, 400).map(lambda hours: NOW + timedelta(hours=hours)),
)


@settings(max_examples=60, deadline=None)
@given(generated_facts(), st.lists(_dated_changes, max_size=20), st.integers(-90, 10))
def test_no_fact_makes_it_raise_or_look_ahead(
    facts: list[HistoryFact], changes: list[FieldChangeFact], days: int
) -> None:
    everything, moment = [*facts, *changes], NOW + days * DAY
    known = ProjectHistory.from_facts(everything).as_of(moment)
    truncated = ProjectHistory.from_facts(without_later_facts(everything, moment)).as_of(moment)

    found, other = history_moments(known, WorkCalendar()), history_moments(truncated, WorkCalendar())

    assert found.due_dates == other.due_dates
    for name, column in vars(found.moments).items():
        assert np.array_equal(column, getattr(other.moments, name), equal_nan=column.dtype.kind == "f")
    forecast_item_delays(known, as_of=moment)


@pytest.mark.parametrize("text", ["", "soon", "2024-13-01", "9999-12-31"])
def test_a_due_date_that_is_none_is_not_asked_about(text: str) -> None:
    facts = [*team_facts([5] * 26, open_items=1), FieldChangeFact(item_id(131), "due_date", None, text, NOW - DAY, NOW)]

    forecast = forecast_item_delays(ProjectHistory.from_facts(facts), as_of=NOW)

    assert forecast.items == ()
