from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.enums import Presence, StatusCategory
from projects.history import BaselineFact, FieldChangeFact, HistoryFact, ProjectHistory, WorkItemFact, flow_metrics
from projects.history.calendar import WorkCalendar
from projects.history.columns import DONE, IN_PROGRESS, UNKNOWN
from projects.history.instants import NEVER, from_us, to_us
from projects.history.readiness import finish_readiness
from tests.project_histories import (
    DAY,
    IMPORTED,
    NOW,
    finished_item,
    generated_facts,
    item_id,
    move,
    without_later_facts,
    work_item,
)

MONDAY = datetime.fromisoformat("2024-06-24T09:00:00+00:00")


def test_as_of_folds_the_moves_of_the_worked_example() -> None:
    history = ProjectHistory.from_facts(
        finished_item(1, created_at=MONDAY, started_at=MONDAY + DAY, finished_at=MONDAY + 3 * DAY)
    )

    wednesday, thursday = history.as_of(MONDAY + 2 * DAY), history.as_of(MONDAY + 3 * DAY)

    assert wednesday.states.category.tolist() == [IN_PROGRESS]
    assert from_us(int(wednesday.states.started_us[0])) == MONDAY + DAY
    assert wednesday.states.finished_us.tolist() == [NEVER]
    assert thursday.states.category.tolist() == [DONE]
    assert from_us(int(thursday.states.finished_us[0])) == MONDAY + 3 * DAY


def test_as_of_does_not_know_an_item_before_it_was_created() -> None:
    history = ProjectHistory.from_facts([work_item(1, created_at=MONDAY)])

    assert len(history.as_of(MONDAY - DAY).items) == 0
    assert len(history.as_of(MONDAY).items) == 1


def test_undated_state_is_unknown_before_it_was_recorded_and_gives_no_finish_date() -> None:
    found_done = work_item(1, created_at=MONDAY, recorded_at=MONDAY + 5 * DAY, status_category=StatusCategory.DONE)
    history = ProjectHistory.from_facts([found_done])

    before, after = history.as_of(MONDAY + 4 * DAY), history.as_of(MONDAY + 5 * DAY)

    assert before.states.category.tolist() == [UNKNOWN]
    assert before.states.open.tolist() == [True]
    assert after.states.open.tolist() == [False]
    assert after.states.done_without_date.tolist() == [True]
    assert after.finished_us.size == 0


def test_dated_resolution_without_a_log_is_a_finish() -> None:
    history = ProjectHistory.from_facts([work_item(1, created_at=MONDAY, resolved_at=MONDAY + 2 * DAY)])

    assert history.as_of(MONDAY + DAY).states.open.tolist() == [True]
    assert from_us(int(history.as_of(MONDAY + 2 * DAY).finished_us[0])) == MONDAY + 2 * DAY


def test_reopened_item_is_open_until_it_is_done_again() -> None:
    history = ProjectHistory.from_facts(
        [
            work_item(1, created_at=MONDAY),
            move(1, StatusCategory.DONE, MONDAY + DAY),
            move(1, StatusCategory.IN_PROGRESS, MONDAY + 2 * DAY),
            move(1, StatusCategory.DONE, MONDAY + 3 * DAY),
        ]
    )

    assert history.as_of(MONDAY + 2 * DAY).states.open.tolist() == [True]
    assert from_us(int(history.as_of(MONDAY + 4 * DAY).finished_us[0])) == MONDAY + 3 * DAY


def test_second_done_status_does_not_move_the_finish() -> None:
    history = ProjectHistory.from_facts(
        [
            work_item(1, created_at=MONDAY),
            move(1, StatusCategory.DONE, MONDAY + DAY),
            move(1, StatusCategory.DONE, MONDAY + 2 * DAY),
        ]
    )

    assert from_us(int(history.as_of(MONDAY + 3 * DAY).finished_us[0])) == MONDAY + DAY


@pytest.mark.parametrize("presence", [Presence.GONE, Presence.HIDDEN])
def test_gone_or_hidden_item_is_neither_open_nor_finished(presence: Presence) -> None:
    lost = work_item(1, created_at=MONDAY, presence=presence, presence_changed_at=MONDAY + 2 * DAY)
    history = ProjectHistory.from_facts([lost])

    after = history.as_of(MONDAY + 2 * DAY).states

    assert history.as_of(MONDAY + DAY).states.open.tolist() == [True]
    assert after.open.tolist() == [False]
    assert after.finished.tolist() == [False]


def test_later_observation_does_not_hide_what_an_earlier_one_knew() -> None:
    first = work_item(1, created_at=MONDAY, recorded_at=MONDAY + DAY, status_category=StatusCategory.IN_PROGRESS)
    second = work_item(1, created_at=MONDAY, recorded_at=MONDAY + 4 * DAY, status_category=StatusCategory.DONE)

    history = ProjectHistory.from_facts([second, first])

    assert history.as_of(MONDAY + 2 * DAY).states.category.tolist() == [IN_PROGRESS]
    assert history.as_of(MONDAY + 4 * DAY).states.category.tolist() == [DONE]


def test_future_dated_fact_is_counted_and_not_believed() -> None:
    history = ProjectHistory.from_facts(
        [work_item(1, created_at=MONDAY, resolved_at=NOW + 300 * DAY, recorded_at=IMPORTED)]
    )

    known = history.as_of(NOW)

    assert known.defects.future_dated == 1
    assert known.states.open.tolist() == [True]


def test_values_of_takes_dated_changes_and_the_undated_value_from_when_it_was_recorded() -> None:
    item = WorkItemFact(item_id(1), "DEMO-1", MONDAY, MONDAY + 4 * DAY, due_date=date(2024, 8, 9))
    change = FieldChangeFact(item_id(1), "due_date", "2024-07-01", "2024-08-01", MONDAY + DAY, IMPORTED)
    history = ProjectHistory.from_facts([item, change])

    values = [history.as_of(MONDAY + days * DAY).values_of("due_date").tolist() for days in (0, 1, 4)]

    assert values == [[None], ["2024-08-01"], ["2024-08-09"]]


def test_baseline_in_force_is_the_newest_one_approved_by_then() -> None:
    first = BaselineFact(MONDAY, MONDAY, date(2024, 9, 1), 10)
    second = BaselineFact(MONDAY + 5 * DAY, MONDAY + 5 * DAY, date(2024, 10, 1), 14)
    history = ProjectHistory.from_facts([second, first])

    in_force = [history.as_of(MONDAY + days * DAY).baseline for days in (-1, 1, 6)]

    assert in_force == [None, first, second]


def test_history_recorded_later_is_labelled_reconstructed() -> None:
    history = ProjectHistory.from_facts([work_item(1, created_at=MONDAY, recorded_at=MONDAY + 5 * DAY)])

    assert history.as_of(MONDAY + DAY).is_reconstructed
    assert not history.as_of(MONDAY + 5 * DAY).is_reconstructed


def test_columns_are_read_only() -> None:
    history = ProjectHistory.from_facts([work_item(1, created_at=MONDAY)])

    with pytest.raises(ValueError, match="read-only"):
        history.items.created_us[0] = 0


def test_naive_moment_is_refused() -> None:
    history = ProjectHistory.from_facts([])

    with pytest.raises(ValueError, match="no time zone"):
        history.as_of(NOW.replace(tzinfo=None))


def test_restricted_history_does_not_look_past_its_moment() -> None:
    known = ProjectHistory.from_facts([work_item(1, created_at=MONDAY)]).as_of(MONDAY)

    with pytest.raises(ValueError, match="known only until"):
        known.as_of(MONDAY + DAY)


def test_states_need_a_moment() -> None:
    with pytest.raises(ValueError, match="choose a moment"):
        _ = ProjectHistory.from_facts([]).states


@settings(deadline=None)  # a busy machine is not a failure
@given(facts=generated_facts(), order=st.randoms(use_true_random=False))
def test_order_and_repetition_of_facts_do_not_matter(facts: list[HistoryFact], order: object) -> None:
    shuffled = [*facts, *facts[:3]]
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types its Random as an abstract strategy value

    left, right = ProjectHistory.from_facts(facts).as_of(NOW), ProjectHistory.from_facts(shuffled).as_of(NOW)

    assert left.inputs_hash == right.inputs_hash


@settings(deadline=None)  # a busy machine is not a failure
@given(facts=generated_facts(), hours=st.integers(min_value=-24 * 130, max_value=24 * 25))
def test_deleting_every_later_fact_changes_nothing(facts: list[HistoryFact], hours: int) -> None:
    moment = NOW + timedelta(hours=hours)
    calendar = WorkCalendar("Europe/Berlin")

    whole = ProjectHistory.from_facts(facts).as_of(moment)
    cut = ProjectHistory.from_facts(without_later_facts(facts, moment)).as_of(moment)

    assert cut.inputs_hash == whole.inputs_hash
    assert cut.defects == whole.defects
    assert cut.is_reconstructed == whole.is_reconstructed
    assert cut.baseline == whole.baseline
    assert flow_metrics(cut, as_of=moment, calendar=calendar) == flow_metrics(whole, as_of=moment, calendar=calendar)
    assert finish_readiness(cut, as_of=moment, calendar=calendar) == finish_readiness(
        whole, as_of=moment, calendar=calendar
    )


@settings(deadline=None)  # a busy machine is not a failure
@given(facts=generated_facts(), earlier=st.integers(0, 24 * 60), later=st.integers(0, 24 * 60))
def test_going_back_in_two_steps_is_going_back_in_one(facts: list[HistoryFact], earlier: int, later: int) -> None:
    history = ProjectHistory.from_facts(facts)
    near, far = NOW - timedelta(hours=min(earlier, later)), NOW - timedelta(hours=max(earlier, later))

    stepwise = history.as_of(near).as_of(far)

    assert stepwise.inputs_hash == history.as_of(far).inputs_hash


@settings(deadline=None)  # a busy machine is not a failure
@given(facts=generated_facts())
def test_every_item_is_in_one_state(facts: list[HistoryFact]) -> None:
    states = ProjectHistory.from_facts(facts).as_of(NOW).states

    assert not bool((states.open & states.finished).any())
    assert not bool((states.finished & states.done_without_date).any())
    assert bool(np.all(states.finished_us[states.finished] <= to_us(NOW)))
