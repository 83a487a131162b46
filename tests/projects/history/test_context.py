"""What surrounds the work: known from when it was true or recorded, whichever came first, and never before."""

from dataclasses import fields
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.backtesting.computed import fingerprint
from projects.enums import ActivityKind, IncidentSeverity, IterationState, RunOutcome, StatusCategory
from projects.history import FieldChangeFact, HistoryFact, ProjectHistory, StatusChangeFact, WorkItemFact
from projects.history.activity import ACTIVITY_CODES, CHANGE
from projects.history.deliveries import FAILURE, RUNNING, UNKNOWN_SEVERITY
from projects.history.delivery_facts import CiRunFact, IncidentFact
from projects.history.group_facts import IterationFact, MilestoneFact, StayFact
from projects.history.instants import NEVER, to_us
from projects.history.team_facts import ActivityFact, PulseFact
from projects.history.two_clocks import NOBODY, key_of
from tests.project_histories import DAY, NOW, generated_facts, item_id, without_later_facts, work_item

MONDAY = datetime.fromisoformat("2024-06-24T09:00:00+00:00")
PROPERTIES = (
    "iterations", "milestones", "assignees", "activity", "ci_runs", "deployments", "incidents", "capacity", "pulses",
)  # fmt: skip


def test_iteration_found_late_has_its_start_and_not_yet_its_planned_end() -> None:
    late = IterationFact(
        item_id(1), "12", MONDAY + 9 * DAY, "Sprint 12", IterationState.CLOSED, MONDAY, MONDAY + 7 * DAY
    )
    history = ProjectHistory.from_facts([late])

    during, after, found = (history.as_of(MONDAY + days * DAY).iterations for days in (3, 8, 9))

    assert (during.starts_us.tolist(), during.ends_us.tolist()) == ([to_us(MONDAY)], [NEVER])
    assert (during.state.tolist(), during.names.tolist()) == ([None], [""])
    assert after.ends_us.tolist() == [to_us(MONDAY + 7 * DAY)]
    assert (found.state.tolist(), found.names.tolist()) == ([IterationState.CLOSED], ["Sprint 12"])
    assert len(history.as_of(MONDAY - DAY).iterations) == 0


def test_corrected_iteration_reads_as_before_until_the_correction_was_recorded() -> None:
    first = IterationFact(item_id(1), "12", MONDAY, starts_at=MONDAY, ends_at=MONDAY + 7 * DAY)
    moved = IterationFact(item_id(1), "12", MONDAY + 5 * DAY, starts_at=MONDAY + 5 * DAY, ends_at=MONDAY + 9 * DAY)
    history = ProjectHistory.from_facts([moved, first])

    before, after = (history.as_of(MONDAY + days * DAY).iterations for days in (4, 5))

    assert (before.ends_us.tolist(), after.ends_us.tolist()) == (
        [to_us(MONDAY + 7 * DAY)],
        [to_us(MONDAY + 9 * DAY)],
    )


def test_milestone_found_late_is_known_by_its_release_and_its_promise_from_when_it_was_recorded() -> None:
    promised = date(2024, 6, 28)
    late = MilestoneFact(
        item_id(1), "1.0", MONDAY + 9 * DAY, target_date=date(2024, 6, 28), released_date=MONDAY.date()
    )
    history = ProjectHistory.from_facts([late])

    same_day, next_day, found = (history.as_of(MONDAY + days * DAY).milestones for days in (0, 1, 9))

    assert len(same_day) == 0
    assert (next_day.target_date.tolist(), found.target_date.tolist()) == ([None], [promised])


def test_members_are_those_who_joined_and_have_not_left() -> None:
    stays = [
        StayFact(item_id(1), item_id(9), MONDAY, MONDAY, MONDAY + 2 * DAY),
        StayFact(item_id(2), item_id(9), MONDAY + 3 * DAY),  # not dated: known once found
        StayFact(item_id(3), item_id(8), MONDAY),
        StayFact(item_id(7), item_id(9), MONDAY),  # an item nobody knows
    ]
    history = ProjectHistory.from_facts([*(work_item(n, created_at=MONDAY) for n in (1, 2, 3)), *stays])

    members = [history.as_of(MONDAY + days * DAY).members_of(item_id(9)).tolist() for days in (1, 2, 3)]

    assert members == [[True, False, False], [False, False, False], [False, True, False]]


def test_assignee_is_dated_by_the_log_and_else_known_from_when_it_was_found() -> None:
    ann, ben = item_id(101), item_id(102)
    item = WorkItemFact(item_id(1), "DEMO-1", MONDAY, MONDAY + 4 * DAY, assignee_id=ben)
    given = FieldChangeFact(item_id(1), "assignee", None, str(ann), MONDAY + DAY, MONDAY + 9 * DAY)
    taken = FieldChangeFact(item_id(1), "assignee", None, None, MONDAY + 2 * DAY, MONDAY + 9 * DAY)
    history = ProjectHistory.from_facts([item, given, taken])

    carriers = [history.as_of(MONDAY + days * DAY).assignees.tolist() for days in (0, 1, 2, 4)]

    assert carriers == [[NOBODY], [key_of(ann)], [NOBODY], [key_of(ben)]]


def test_changes_by_somebody_are_activity_and_several_fields_at_once_are_one() -> None:
    ann = item_id(101)
    changes: list[HistoryFact] = [
        StatusChangeFact(item_id(1), StatusCategory.DONE, MONDAY, NOW, actor_id=ann, sequence=1),
        FieldChangeFact(item_id(1), "resolution", None, "a", MONDAY, NOW, sequence=2, actor_id=ann),
        FieldChangeFact(item_id(1), "flag", None, "a", MONDAY, NOW),  # nobody is named
    ]
    comment = ActivityFact(item_id(5), MONDAY + DAY, NOW, ActivityKind.COMMENT, contributor_id=ann)
    early = ActivityFact(item_id(6), MONDAY + 90 * DAY, MONDAY, ActivityKind.REVIEW, contributor_id=ann)

    activity = ProjectHistory.from_facts([*changes, comment, early]).as_of(MONDAY + 2 * DAY).activity

    assert activity.kind.tolist() == [CHANGE, ACTIVITY_CODES[ActivityKind.COMMENT]]
    assert activity.contributor.tolist() == [key_of(ann)] * 2


def test_run_is_running_until_it_ended_and_severity_unknown_until_it_was_recorded() -> None:
    run = CiRunFact(item_id(1), MONDAY, NOW, RunOutcome.FAILURE, MONDAY + timedelta(hours=1), "tests")
    incident = IncidentFact(item_id(1), MONDAY, MONDAY + 3 * DAY, IncidentSeverity.SEV1, MONDAY + DAY)
    history = ProjectHistory.from_facts([run, incident])

    at_start, next_day, found = (history.as_of(MONDAY + days * DAY) for days in (0, 1, 3))

    assert (at_start.ci_runs.outcome.tolist(), next_day.ci_runs.outcome.tolist()) == ([RUNNING], [FAILURE])
    assert next_day.incidents.severity.tolist() == [UNKNOWN_SEVERITY]
    assert (at_start.incidents.resolved_us.tolist(), next_day.incidents.resolved_us.tolist()) == (
        [NEVER],
        [to_us(MONDAY + DAY)],
    )
    assert found.incidents.severity.tolist() == [1]


def test_pulse_counts_once_its_period_is_over() -> None:
    pulse = PulseFact(item_id(1), NOW, "clear-goals", MONDAY.date(), MONDAY.date() + 6 * DAY, 3.5, 7)
    history = ProjectHistory.from_facts([pulse])

    assert [len(history.as_of(MONDAY + days * DAY).pulses) for days in (6, 7)] == [0, 1]


def test_what_surrounds_the_work_does_not_change_its_hash() -> None:
    work: list[HistoryFact] = [work_item(1, created_at=MONDAY)]
    incident = IncidentFact(item_id(1), MONDAY, MONDAY, IncidentSeverity.SEV1)
    alone, beside = (ProjectHistory.from_facts(facts).as_of(NOW) for facts in (work, [*work, incident]))

    assert alone.inputs_hash == beside.inputs_hash
    assert alone.incidents.digest() != beside.incidents.digest()
    assert alone.activity.digest() == beside.activity.digest()


def test_label_is_no_input() -> None:
    named = [ProjectHistory.from_facts([IterationFact(item_id(1), "1", MONDAY, name)]).as_of(NOW) for name in "ab"]

    assert named[0].iterations.digest() == named[1].iterations.digest()


@pytest.mark.parametrize("name", PROPERTIES)
def test_properties_need_a_moment(name: str) -> None:
    with pytest.raises(ValueError, match="choose a moment"):
        getattr(ProjectHistory.from_facts([]), name)


def test_keys_are_numbers_that_fit_a_column_and_tell_identifiers_apart() -> None:
    identifiers: list[UUID | str] = [
        UUID(int=2**128 - 1),
        UUID(int=0),
        UUID(int=1),
        "account",
        "other",
        str(UUID(int=1)),
    ]

    keys = [key_of(identifier) for identifier in identifiers]

    assert all(0 <= key < 2**63 for key in keys)
    assert (len(set(keys)), key_of(None), key_of("")) == (5, NOBODY, NOBODY)


def answers(history: ProjectHistory) -> dict[str, str]:
    properties = {name: fingerprint(getattr(history, name)) for name in PROPERTIES}
    members = {f"members of {n}": fingerprint(history.members_of(item_id(n))) for n in (200, 201, 202)}
    digests = {
        name: getattr(history, name).digest() for name in PROPERTIES if hasattr(getattr(history, name), "digest")
    }
    return {**properties, **members, **{f"digest of {name}": digest for name, digest in digests.items()}}


@settings(deadline=None)  # a busy machine is not a failure
@given(
    facts=generated_facts(),
    back_hours=st.integers(-24 * 25, 24 * 130),
    step_hours=st.integers(0, 24 * 60),
    order=st.randoms(use_true_random=False),
)
def test_deleting_every_later_fact_shuffling_or_going_back_in_steps_changes_nothing(
    facts: list[HistoryFact], back_hours: int, step_hours: int, order: object
) -> None:
    moment = NOW - timedelta(hours=back_hours)
    shuffled = [*facts, *facts[::-2]]
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types its Random as an abstract strategy value

    whole, cut, turned = (
        ProjectHistory.from_facts(some).as_of(moment) for some in (facts, without_later_facts(facts, moment), shuffled)
    )
    in_two_steps = ProjectHistory.from_facts(facts).as_of(moment + timedelta(hours=step_hours)).as_of(moment)

    assert answers(whole) == answers(cut) == answers(turned) == answers(in_two_steps)
    for column in fields(whole.context):
        assert fingerprint(getattr(whole.context, column.name)) == fingerprint(getattr(cut.context, column.name))


def test_observations_that_differ_only_in_what_is_not_known_yet_are_one() -> None:
    """How many there are would tell of it."""
    opened_at, recorded_at = NOW - timedelta(days=3), NOW + timedelta(hours=1)
    severities = (IncidentSeverity.SEV1, IncidentSeverity.SEV2)
    facts = [IncidentFact(item_id(200), opened_at, recorded_at, severity) for severity in severities]

    known = ProjectHistory.from_facts(facts).as_of(NOW)

    assert (len(known.context.incidents), len(known.incidents)) == (1, 1)
    assert len(ProjectHistory.from_facts(facts).as_of(recorded_at).context.incidents) == 2
