"""What every risk forecast says, whatever the event: probability, base rate, when, until when, what moves it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from predictions.enums import PredictionType, Priority, Severity
from predictions.forecasters.answers import Driver, EvidenceFact, ModelIdentity, Money, ProbabilityEstimate
from predictions.forecasters.indicators import Indicator
from predictions.forecasters.prevention import Action, PreventionWindow
from projects.history.readiness import ReadinessReport

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HoursToEvent:
    """Hours from t to the moment the event happens, if it does."""

    p10: float
    p50: float
    p90: float

    @classmethod
    def known(cls, hours: float) -> "HoursToEvent":
        """Of an event that happens at that moment, if it does."""
        return cls(hours, hours, hours)

    @classmethod
    def of_trials(cls, hours: FloatArray) -> "HoursToEvent | None":
        """hours: of the trials in which it happens, in any order;  None where it happens in none"""
        if hours.size == 0:
            return None
        return cls(*(float(value) for value in np.quantile(hours, (0.1, 0.5, 0.9))))


@dataclass(frozen=True, slots=True)
class Subject:
    """What a claim is about.  type: project, milestone, iteration or work_item;  id: empty for the project itself."""

    type: str = "project"
    id: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A resolvable event, fixed at issue: what is said to happen, of what, by when, against which scope and level.

    description: one sentence a person can check;  ends_at: aware; from then on the claim can be decided
    target_date: local day, None where the event has none;  scope_items, scope_hash: of the items it is about, if any
    threshold, unit: the level that makes it happen, None where the event has none
    terms: whatever else settlement needs, as it was at issue (names to scalars)
    """

    subject: Subject = Subject()
    description: str
    ends_at: datetime
    target_date: date | None = None
    scope_items: int | None = None
    scope_hash: str = ""
    threshold: float | None = None
    unit: str = ""
    terms: Mapping[str, str | float | int | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IssuedClaim:
    """A claim as the ledger holds it.  as_of: of the facts;  issued_at: when it was written, both aware"""

    claim: Claim
    as_of: datetime
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class PreventiveOption:
    """What one thing that can be done would do if it started now.

    probability_after: of the event, in [0, 1];  latest_start_h: hours from t, None where it cannot help enough
    days_saved_p85, money_saved_p85: None where the option saves none, or nobody can say;  cost: None likewise
    """

    code: str
    title: str
    description: str
    priority: Priority
    probability_after: float
    latest_start_h: float | None
    days_saved_p85: float | None = None
    money_saved_p85: float | None = None
    cost: Money | None = None

    @classmethod
    def of(
        cls,
        action: Action[Any],
        *,
        probability_after: float,
        latest_start_h: float | None,
        money_saved_p85: float | None = None,
    ) -> "PreventiveOption":
        """HIGH where it restores the accepted probability, which is where it has a latest start at all."""
        return cls(
            code=action.code,
            title=action.title,
            description=action.description,
            priority=Priority.MEDIUM if latest_start_h is None else Priority.HIGH,
            probability_after=probability_after,
            latest_start_h=latest_start_h,
            money_saved_p85=money_saved_p85,
        )


def best_first(options: Iterable[PreventiveOption]) -> tuple[PreventiveOption, ...]:
    """The option that helps most first."""
    return tuple(sorted(options, key=lambda option: (option.probability_after, option.code)))


@dataclass(frozen=True, slots=True)
class Quantile:
    """With this probability the value is at most so much, or on so early a day; None: beyond what can be said."""

    probability: float
    value: float | date | None


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A distribution behind a claim.  unit: "date", or that of the numbers (an ISO currency, points)"""

    unit: str
    points: tuple[Quantile, ...]


@dataclass(frozen=True, slots=True)
class AlertLevels:
    """An alert opens at the one probability and closes at the other, so that one in between does not flicker.

    times_base: it opens only at so many times the base rate, too: what is always so is no news
    """

    open_at: float
    clear_at: float
    times_base: float = 1.0

    def opens(self, probability: float, base_rate: float | None) -> bool:
        """Whether a probability begins an alert.  base_rate: None where nobody knows it, which then asks nothing"""
        usual = 0.0 if base_rate is None or self.times_base <= 1.0 else self.times_base * base_rate
        return probability >= max(self.open_at, usual)


ALERT_LEVELS: Mapping[PredictionType, AlertLevels] = {
    PredictionType.DELAY_RISK: AlertLevels(0.6, 0.4),
    PredictionType.RESOURCE_SHORTAGE: AlertLevels(0.6, 0.4),
    PredictionType.QUALITY_ISSUE: AlertLevels(0.25, 0.15, times_base=1.5),
    PredictionType.BUDGET_OVERRUN: AlertLevels(0.5, 0.35),
    PredictionType.SCOPE_CREEP: AlertLevels(0.6, 0.4),
    PredictionType.TEAM_BURNOUT: AlertLevels(0.4, 0.25, times_base=2.0),
}
"""Judged on simulated projects by false alarms and by what is caught 72 h before (decisions/alert-levels.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskForecast:
    """The probability of one event, or why it cannot be said: then every number is None and nothing is listed.

    base_rate: in (0, 1), same horizon;  impact: by the effect to be expected if the event happens
    claim: None when it abstains;  alerts_anyway: a rule beside the probability says so (TCPI of a budget)
    assumptions: sentences for people;  quantiles: of the date or amount that decides, where there is one
    """

    as_of: datetime
    type: PredictionType
    readiness: ReadinessReport
    is_reconstructed: bool
    model: ModelIdentity
    inputs_hash: str
    probability: ProbabilityEstimate | None = None
    base_rate: float | None = None
    time_to_occurrence: HoursToEvent | None = None
    prevention_window: PreventionWindow | None = None
    impact: Severity | None = None
    drivers: tuple[Driver, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    evidence: tuple[EvidenceFact, ...] = ()
    claim: Claim | None = None
    options: tuple[PreventiveOption, ...] = ()
    assumptions: tuple[str, ...] = ()
    alerts_anyway: bool = False
    quantiles: Quantiles | None = None

    def ranked_by_need(self, accepted_probability: float) -> Self:
        """The same, its options LOW where so much risk is accepted: whatever is done then restores what is there.

        accepted_probability: that the event stays away, in (0, 1)
        """
        if self.probability is None or self.alerts_anyway or self.probability.value > 1 - accepted_probability:
            return self
        options = tuple(replace(option, priority=Priority.LOW) for option in self.options)
        return replace(self, options=options)

    def should_alert(self, *, was_alerting: bool) -> bool:
        """Whether it is an alert now, with hysteresis; an abstention never is."""
        if self.probability is None:
            return False
        levels, p = ALERT_LEVELS[self.type], self.probability.value
        return self.alerts_anyway or levels.opens(p, self.base_rate) or (was_alerting and p > levels.clear_at)
