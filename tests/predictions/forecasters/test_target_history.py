from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from predictions.forecasters.target_history import (
    EndDate,
    PlanVersion,
    TargetInForce,
    TargetSource,
    targets_in_force,
)

JANUARY, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 4, 5))
JUNE, AUGUST, OCTOBER = date(2026, 6, 30), date(2026, 8, 31), date(2026, 10, 31)
BASELINE, APPROVAL, PROJECT, NONE = (
    TargetSource.BASELINE,
    TargetSource.SCOPE_APPROVAL,
    TargetSource.PROJECT,
    TargetSource.NONE,
)


def test_edit_of_a_plan_moves_the_target_from_then_on_and_not_what_it_was() -> None:
    versions = [
        PlanVersion(BASELINE, JANUARY, JANUARY, APRIL, JUNE),
        PlanVersion(BASELINE, JANUARY, APRIL, None, AUGUST),
    ]

    assert targets_in_force([EndDate(JANUARY, None)], versions) == (
        TargetInForce(JUNE, JANUARY, BASELINE),
        TargetInForce(AUGUST, APRIL, BASELINE),
    )


def test_own_end_date_goes_before_the_plan_while_it_stands() -> None:
    plan = PlanVersion(BASELINE, JANUARY, JANUARY, None, JUNE)

    found = targets_in_force([EndDate(JANUARY, None), EndDate(APRIL, OCTOBER), EndDate(MAY, None)], [plan])

    assert [(each.target_date, each.source) for each in found] == [
        (JUNE, BASELINE),
        (OCTOBER, PROJECT),
        (JUNE, BASELINE),
    ]


def test_plan_that_is_taken_away_leaves_the_one_before() -> None:
    plans = [
        PlanVersion(BASELINE, JANUARY, JANUARY, None, JUNE),
        PlanVersion(APPROVAL, APRIL, APRIL, MAY, AUGUST),
    ]

    assert targets_in_force([], plans) == (
        TargetInForce(JUNE, JANUARY, BASELINE),
        TargetInForce(AUGUST, APRIL, APPROVAL),
        TargetInForce(JUNE, MAY, BASELINE),
    )


def test_target_that_was_taken_away_is_told() -> None:
    assert targets_in_force([EndDate(JANUARY, JUNE), EndDate(APRIL, None)], []) == (
        TargetInForce(JUNE, JANUARY, PROJECT),
        TargetInForce(None, APRIL, NONE),
    )


def test_without_any_target_there_is_no_history() -> None:
    assert targets_in_force([EndDate(JANUARY, None)], []) == ()


_moments = st.integers(0, 200).map(lambda day: JANUARY + timedelta(days=day))
_days = st.none() | st.sampled_from([JUNE, AUGUST, OCTOBER])
_ends = st.lists(st.builds(EndDate, since=_moments, target_date=_days), max_size=5)
_plans = st.lists(
    st.builds(
        PlanVersion,
        source=st.sampled_from([BASELINE, APPROVAL]),
        approved_at=_moments,
        since=_moments,
        until=st.none() | _moments,
        target_date=_days,
    ),
    max_size=5,
)


@given(ends=_ends, plans=_plans, cut=_moments)
def test_what_happens_later_changes_nothing_before(
    ends: list[EndDate], plans: list[PlanVersion], cut: datetime
) -> None:
    whole = [each for each in targets_in_force(ends, plans) if each.since <= cut]

    earlier_ends = [each for each in ends if each.since <= cut]
    earlier_plans = [
        PlanVersion(
            each.source,
            each.approved_at,
            each.since,
            each.until if each.until is not None and each.until <= cut else None,
            each.target_date,
        )
        for each in plans
        if each.since <= cut
    ]
    assert [each for each in targets_in_force(earlier_ends, earlier_plans) if each.since <= cut] == whole
