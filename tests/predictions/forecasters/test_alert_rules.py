"""What is pushed of what is predicted: the rules, over generated years and by hand."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.enums import AlertClosing, PushDecision, PushReason, Severity
from predictions.forecasters.alert_rules import (
    EARLY_ENOUGH,
    WEEK,
    PushChoice,
    PushPolicy,
    Standing,
    WarningPrecision,
    choose,
    closing_of,
    end_of_quiet_hours,
    gravest_first,
    local_week,
    newest_by_subject,
    news_reason,
    proposes_mute,
)

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
ALWAYS = PushPolicy("UTC", time(0), time(0))
NIGHTS = PushPolicy("Europe/Berlin", time(20), time(7))


def standing(number: int = 1, *, at: datetime = NOON, **changes: object) -> Standing:
    values: dict[str, object] = {
        "subject_key": f"subject {number}",
        "prediction_id": UUID(int=number),
        "episode_id": UUID(int=1000 + number),
        "type": "DELAY_RISK",
        "probability": 0.7,
        "impact": "MEDIUM",
        "is_alert": True,
        "is_late": False,
        "as_of": at,
        "predicted_for": at + timedelta(days=30),
    }
    return Standing(**(values | changes))  # type: ignore[arg-type]  # by name


def chosen(
    *,
    at: datetime = NOON,
    policy: PushPolicy = ALWAYS,
    pushes: list[datetime] | None = None,
    ahead: timedelta = timedelta(days=30),
    is_muted: bool = False,
    is_late: bool = False,
    is_on_probation: bool = False,
) -> PushChoice:
    news = standing(at=at, predicted_for=at + ahead)
    return choose(
        news,
        PushReason.OPENED,
        at=at,
        policy=policy,
        pushes=pushes or [],
        is_muted=is_muted,
        is_late=is_late,
        is_on_probation=is_on_probation,
    )


def test_news_by_day_is_pushed_at_once_in_the_first_place_of_its_week() -> None:
    assert chosen() == PushChoice(
        PushDecision.PUSHED, PushReason.OPENED, NOON, datetime(2026, 3, 2, tzinfo=UTC).date(), 1
    )


def test_a_type_on_probation_is_left_to_the_digest_and_a_mute_silences_it_all_the_same() -> None:
    assert chosen(is_on_probation=True) == PushChoice(PushDecision.DIGEST, PushReason.ON_PROBATION)
    assert chosen(is_on_probation=True, is_late=True).reason == PushReason.LATE
    assert chosen(is_on_probation=True, is_muted=True).decision == PushDecision.MUTED


@pytest.mark.parametrize(
    ("warned", "occurred", "share", "is_on_probation"),
    [(0, 0, None, False), (19, 0, None, False), (20, 13, 0.65, True), (20, 14, 0.7, False), (40, 40, 1.0, False)],
)
def test_probation_needs_twenty_decided_warnings_of_which_too_few_came_true(
    warned: int, occurred: int, share: float | None, is_on_probation: bool
) -> None:
    precision = WarningPrecision("QUALITY_ISSUE", warned, occurred)

    assert (precision.share, precision.is_on_probation) == (share, is_on_probation)


@pytest.mark.parametrize(
    ("ahead", "decision"),
    [(EARLY_ENOUGH, PushDecision.PUSHED), (EARLY_ENOUGH - timedelta(seconds=1), PushDecision.DIGEST)],
)
def test_less_than_72_hours_ahead_is_never_pushed(ahead: timedelta, decision: PushDecision) -> None:
    assert chosen(ahead=ahead).decision == decision


def test_a_thread_that_began_late_stays_late_and_says_so() -> None:
    assert chosen(is_late=True) == PushChoice(PushDecision.DIGEST, PushReason.LATE)


def test_a_muted_type_is_not_even_in_the_digest() -> None:
    assert chosen(is_muted=True, is_late=True) == PushChoice(PushDecision.MUTED, PushReason.TYPE_MUTED)


def test_the_fourth_push_of_seven_days_is_left_to_the_digest() -> None:
    days = [NOON - timedelta(days=n) for n in (6, 3, 1)]

    assert chosen(pushes=days).reason == PushReason.BUDGET_SPENT
    assert chosen(pushes=[NOON - WEEK, *days[1:]]).decision == PushDecision.PUSHED


@pytest.mark.parametrize(
    ("clock", "ends"),
    [
        ("2026-03-04T18:59", None),  # 19:59 in Berlin
        ("2026-03-04T19:00", "2026-03-05T06:00"),
        ("2026-03-05T05:59", "2026-03-05T06:00"),
        ("2026-03-05T06:00", None),
        ("2026-03-28T22:00", "2026-03-29T05:00"),  # the night in which clocks go forward
        ("2026-10-24T22:00", "2026-10-25T06:00"),  # and back
    ],
)
def test_quiet_hours_end_in_the_organisations_own_morning(clock: str, ends: str | None) -> None:
    moment = datetime.fromisoformat(clock).replace(tzinfo=UTC)

    end = end_of_quiet_hours(moment, NIGHTS)

    assert end == (None if ends is None else datetime.fromisoformat(ends).replace(tzinfo=UTC))


def test_what_the_quiet_hours_would_hold_until_it_is_too_late_is_not_pushed() -> None:
    evening, held_for = datetime(2026, 3, 4, 21, tzinfo=UTC), timedelta(hours=9)

    in_time = chosen(at=evening, policy=NIGHTS, ahead=EARLY_ENOUGH + held_for)
    too_late = chosen(at=evening, policy=NIGHTS, ahead=EARLY_ENOUGH + held_for - timedelta(seconds=1))

    assert (in_time.decision, in_time.deliver_at) == (PushDecision.HELD, evening + held_for)
    assert (too_late.decision, too_late.reason) == (PushDecision.DIGEST, PushReason.LATE)


def test_quiet_hours_over_midday_and_none_at_all() -> None:
    siesta = PushPolicy("UTC", time(11), time(15))

    assert end_of_quiet_hours(NOON, siesta) == NOON.replace(hour=15)
    assert end_of_quiet_hours(NOON.replace(hour=16), siesta) is None
    assert end_of_quiet_hours(NOON, PushPolicy("UTC", time(12), time(12))) is None


def test_a_held_push_takes_its_place_in_the_week_of_its_morning() -> None:
    sunday_night = datetime(2026, 3, 8, 22, tzinfo=UTC)

    choice = chosen(at=sunday_night, policy=NIGHTS)

    assert (choice.decision, choice.reason) == (PushDecision.HELD, PushReason.QUIET_HOURS)
    assert (choice.deliver_at, choice.week_start) == (
        datetime(2026, 3, 9, 6, tzinfo=UTC),
        datetime(2026, 3, 9, tzinfo=UTC).date(),
    )


def test_only_the_newest_forecast_of_a_subject_speaks() -> None:
    old, new = standing(1), standing(2, subject_key="subject 1", as_of=NOON + timedelta(days=1), is_alert=False)

    found = newest_by_subject([new, old])

    assert found == {"subject 1": new}
    assert closing_of(new) == AlertClosing.CLEARED
    assert closing_of(old) is None
    assert closing_of(None) == AlertClosing.OVER


def test_a_thread_tells_its_opening_and_that_it_got_worse_and_nothing_else() -> None:
    assert news_reason("LOW", []) == PushReason.OPENED
    assert news_reason("HIGH", ["MEDIUM", "LOW"]) == PushReason.GOT_WORSE
    assert news_reason("HIGH", ["HIGH"]) is None
    assert news_reason("LOW", ["HIGH"]) is None


def test_the_gravest_comes_first() -> None:
    news = [standing(1), standing(2, probability=0.9), standing(3, impact="CRITICAL", probability=0.6)]

    assert [each.prediction_id.int for each in gravest_first(news)] == [3, 2, 1]


def test_three_dismissals_for_the_same_reason_propose_to_mute() -> None:
    assert [proposes_mute(times) for times in (2, 3, 4)] == [False, True, True]


@settings(deadline=None, max_examples=60)
@given(
    hours=st.lists(st.integers(0, 24 * 40), min_size=1, max_size=60),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu"]),
    quiet=st.tuples(st.integers(0, 23), st.integers(0, 23)),
    impact=st.sampled_from(Severity.values),
)
def test_never_more_than_three_pushes_in_any_seven_days_nor_by_night(
    hours: list[int], zone: str, quiet: tuple[int, int], impact: str
) -> None:
    policy = PushPolicy(zone, time(quiet[0]), time(quiet[1]))
    pushes: list[datetime] = []
    slots = set()
    for hour in sorted(hours):
        at = NOON + timedelta(hours=hour)
        news = standing(at=at, impact=impact)
        choice = choose(
            news, PushReason.OPENED, at=at, policy=policy, pushes=list(pushes), is_muted=False, is_late=False
        )
        if choice.deliver_at is None:
            assert choice.decision == PushDecision.DIGEST
            continue
        assert choice.deliver_at >= at
        assert end_of_quiet_hours(choice.deliver_at, policy) is None
        assert choice.week_start == local_week(choice.deliver_at, policy)
        assert (choice.week_start, choice.week_slot) not in slots
        slots.add((choice.week_start, choice.week_slot))
        pushes.append(choice.deliver_at)

    assert pushes
    for push in pushes:
        assert sum(timedelta(0) <= other - push < WEEK for other in pushes) <= 3
