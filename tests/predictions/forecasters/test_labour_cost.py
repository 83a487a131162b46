"""What an hour costs and what an option costs by it, against figures worked out by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.enums import PredictionType, Priority
from predictions.forecasters.answers import ModelIdentity, Money
from predictions.forecasters.labour_cost import LabourCost, labour_cost, option_cost, priced
from predictions.forecasters.risk import Claim, PreventiveOption, RiskForecast
from projects.history.facts import BudgetFact, CostFact, HistoryFact
from projects.history.project_history import ProjectHistory
from projects.history.readiness import report
from projects.history.team_facts import CapacityFact
from tests.project_histories import DAY, NOW, WEEK, approved

PEOPLE = tuple(UUID(int=700 + number) for number in range(6))
FIVE_DAYS = (8.0, 8.0, 8.0, 8.0, 8.0, 0.0, 0.0)
KNOWN_SINCE = NOW - 60 * WEEK


def sheets(people: int = 5, *, hours: float | None = 80.0, amount: float = 4_800.0, every: int = 4) -> list[CostFact]:
    """A time sheet of each person every so many weeks, the last a day ago, twelve weeks back."""
    days = [(NOW - DAY - weeks * WEEK).date() for weeks in range(0, 12, every)]
    return [
        cost(100 * number + person, day, amount, hours=hours, contributor_id=PEOPLE[person])
        for number, day in enumerate(days)
        for person in range(people)
    ]


def cost(
    number: int,
    day: date,
    amount: float,
    *,
    currency: str = "EUR",
    hours: float | None = None,
    contributor_id: UUID | None = None,
    is_labour: bool = True,
    recorded_at: datetime = NOW - DAY / 2,
) -> CostFact:
    return CostFact(
        UUID(int=20_000 + number), day, recorded_at, amount, currency, hours, contributor_id, is_labour=is_labour
    )


def calendars(people: int = 5, *, allocation: float = 0.5) -> list[CapacityFact]:
    return [
        CapacityFact(
            UUID(int=900 + number), KNOWN_SINCE, person, KNOWN_SINCE.date(), None, FIVE_DAYS, allocation=allocation
        )
        for number, person in enumerate(PEOPLE[:people])
    ]


def rate(facts: Iterable[HistoryFact]) -> LabourCost | None:
    return labour_cost(ProjectHistory.from_facts(list(facts)).as_of(NOW))


def test_booked_hours_tell_what_an_hour_costs() -> None:
    found = rate(sheets())

    assert found is not None
    assert (found.per_hour, found.currency, found.people) == (60.0, "EUR", 5)
    # 1,200 h, from the day of the first sheet eight weeks ago until now
    assert found.hours_per_week == pytest.approx(1_200 / (8 + 1 / 7), rel=0.02)


def test_what_is_not_somebodys_hours_does_not_count() -> None:
    besides = [
        cost(901, NOW.date() - DAY, 90_000.0, is_labour=False),
        cost(902, NOW.date() - DAY, 9_000.0, hours=10.0),  # of nobody
        cost(903, (NOW - 14 * WEEK).date(), 90_000.0, hours=10.0, contributor_id=PEOPLE[0]),  # too long ago
        cost(904, (NOW + WEEK).date(), 90_000.0, hours=10.0, contributor_id=PEOPLE[0]),  # not incurred yet
    ]

    assert rate([*sheets(), *besides]) == rate(sheets())


def test_a_reversal_takes_its_hours_back() -> None:
    wrong = cost(901, NOW.date() - DAY, 4_000.0, hours=20.0, contributor_id=PEOPLE[0])
    back = cost(902, NOW.date() - DAY, -4_000.0, hours=20.0, contributor_id=PEOPLE[0])

    assert rate([*sheets(), wrong, back]) == rate(sheets())


def test_labour_without_hours_is_held_against_the_calendars() -> None:
    """Three bookings of four weeks: the last two pay for eight weeks of five people at half of 40 h, 800 h."""
    bookings = [cost(number, (NOW - DAY - 4 * number * WEEK).date(), 24_000.0) for number in range(3)]
    found = rate([*bookings, *calendars()])

    assert found is not None
    assert (found.per_hour, found.people, found.hours_per_week) == (60.0, 5, 100.0)


def test_one_booking_says_nothing_of_the_time_it_pays_for() -> None:
    assert rate([cost(1, NOW.date() - DAY, 24_000.0), *calendars()]) is None


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param([], id="nothing"),
        pytest.param(sheets(4), id="four people"),
        pytest.param(sheets(hours=None), id="no hours and no calendars"),
        pytest.param(sheets(hours=1.0), id="fifteen hours"),
        pytest.param(sheets(amount=-100.0), id="only reversals"),
        pytest.param([*sheets(), cost(901, NOW.date() - DAY, 5.0, currency="USD")], id="two currencies, no budget"),
        pytest.param([*sheets(), approved(1_000.0, currency="USD")], id="budget in another currency"),
        pytest.param(
            [cost(n, (NOW - DAY - 4 * n * WEEK).date(), 24_000.0) for n in range(3)] + calendars(4),
            id="calendars of four people",
        ),
    ],
)
def test_no_rate_where_the_record_does_not_say_or_would_tell_a_salary(facts: list[HistoryFact]) -> None:
    assert rate(facts) is None


def test_the_budget_chooses_the_currency() -> None:
    other = cost(901, NOW.date() - DAY, 5.0, currency="USD")
    budget = BudgetFact(KNOWN_SINCE, KNOWN_SINCE, 100_000.0, "EUR")

    assert rate([*sheets(), other, budget]) == rate(sheets())


# --- an option ---

SIXTY = LabourCost(60.0, "EUR", people=5, hours_per_week=100.0)


def test_an_option_costs_its_hours() -> None:
    found = option_cost("LEAVE_OUT_SCOPE", effort_h=8.0, labour=SIXTY, weeks_left=None)

    assert found == Money(Decimal("480.00"), "EUR")


def test_people_who_join_cost_until_the_date() -> None:
    a_fifth = option_cost("ADD_CAPACITY", effort_h=80.0, labour=SIXTY, weeks_left=10.0)
    one = option_cost("ADD_PERSON", effort_h=40.0, labour=SIXTY, weeks_left=10.0)

    assert a_fifth == Money(Decimal("17000.00"), "EUR")  # (80 + 0.2 * 100 * 10) * 60 = 16,800
    assert one == Money(Decimal("14000.00"), "EUR")  # (40 + 100 / 5 * 10) * 60 = 14,400


@pytest.mark.parametrize("weeks_left", [None, 0.0, -3.0])
def test_without_time_ahead_nobody_can_say_what_people_cost(weeks_left: float | None) -> None:
    assert option_cost("ADD_PERSON", effort_h=40.0, labour=SIXTY, weeks_left=weeks_left) is None


def test_without_hours_or_a_rate_there_is_no_cost() -> None:
    assert option_cost("LEAVE_OUT_SCOPE", effort_h=None, labour=SIXTY, weeks_left=4.0) is None
    assert option_cost("LEAVE_OUT_SCOPE", effort_h=8.0, labour=None, weeks_left=4.0) is None


@given(
    effort_h=st.floats(0.0, 1e5),
    per_hour=st.floats(1e-3, 1e5),
    weeks=st.floats(0.01, 600.0),
    code=st.sampled_from(("LEAVE_OUT_SCOPE", "ADD_CAPACITY", "ADD_PERSON", "of_nobody")),
)
def test_a_cost_is_within_the_rounding_and_grows_with_the_hours(
    effort_h: float, per_hour: float, weeks: float, code: str
) -> None:
    labour = replace(SIXTY, per_hour=per_hour)
    found = option_cost(code, effort_h=effort_h, labour=labour, weeks_left=weeks)
    more = option_cost(code, effort_h=effort_h + 1, labour=labour, weeks_left=weeks)

    assert found is not None
    assert more is not None
    assert Decimal(0) <= found.amount <= more.amount
    assert float(found.amount) >= 0.94 * effort_h * per_hour - 0.01


# --- a forecast ---


def test_every_option_of_a_forecast_is_priced_until_its_claim_ends() -> None:
    options = [
        PreventiveOption(code, code, "", Priority.HIGH, 0.1, None)
        for code in ("LEAVE_OUT_SCOPE", "ADD_CAPACITY", "UNKNOWN")
    ]
    risk = RiskForecast(
        as_of=NOW,
        type=PredictionType.DELAY_RISK,
        readiness=report(()),
        is_reconstructed=False,
        model=ModelIdentity("model", "1"),
        inputs_hash="",
        claim=Claim(description="Late.", ends_at=NOW + timedelta(weeks=10)),
        options=tuple(options),
    )

    costs = [None if option.cost is None else option.cost.amount for option in priced(risk, SIXTY).options]

    assert costs == [Decimal("480.00"), Decimal("17000.00"), None]
    assert priced(risk, None) == risk
