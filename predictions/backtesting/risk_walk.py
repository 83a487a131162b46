"""Any risk forecaster walked through a past: what it would have claimed when, and what came of each claim.

1. At each moment the record is restricted to it, and the forecaster answers as it would have then. What it gives is its
   claim, or that it abstains.
2. Each claim is settled by the rule of its type, from the record at the end of the walk; claims whose end lies after it
   are left out, because only those that occur early would be known.
3. Forecasts are scored (Brier, against their own base rates), but events are counted: forecasts whose windows overlap
   are about one event, so of them only windows that fit side by side count.
4. A warning is an unbroken streak of alerts. It was right if any of its claims occurred. An occurrence is what all
   claims that were issued before its moment were about; it was caught if a warning covered it from 72 h before.
5. Several projects are pooled; intervals draw whole projects with replacement.

Assumes that today's forecaster may be asked about the past: it is fitted to none of it. What the record learned late
(bulk imports, deleted items) the forecaster may have been spared.

Example: asked weekly about 28 days for a year, there are 49 forecasts of at most 12 distinct windows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np

from predictions.calibration.reliability import ReliabilityBin, expected_calibration_error, reliability_bins
from predictions.calibration.scoring import brier_score
from predictions.enums import OutcomeResult
from predictions.forecasters.alert_rules import EARLY_ENOUGH
from predictions.forecasters.resolution import Circumstances, Resolver
from predictions.forecasters.risk import IssuedClaim, RiskForecast
from projects.history.project_history import ProjectHistory

Ask = Callable[[ProjectHistory, datetime], RiskForecast]
"""A forecaster with everything but the history and the moment filled in."""

BOOTSTRAP_DRAWS = 1_000


@dataclass(frozen=True, slots=True)
class WalkedForecast:
    """One answer and what came of it.  result: None while its end lies after the walk

    probability, base_rate, ends_at: None where it abstained
    """

    as_of: datetime
    ends_at: datetime | None = None
    probability: float | None = None
    base_rate: float | None = None
    is_alert: bool = False
    result: OutcomeResult | None = None
    decided_at: datetime | None = None
    model: str = ""

    @property
    def occurred(self) -> bool | None:
        """Whether the event happened; None where nobody can say, or not yet."""
        if self.result in (None, OutcomeResult.CENSORED):
            return None
        return self.result == OutcomeResult.OCCURRED


Walk = tuple[WalkedForecast, ...]


def walk_risk(
    history: ProjectHistory, *, ask: Ask, resolve: Resolver, moments: Iterable[datetime], until: datetime
) -> Walk:
    """Ask at every moment, oldest first, and settle by the record at `until`, which was looked at then."""
    walker = Walker(history.as_of(until), resolve, Circumstances(until, observed_until=until))
    for moment in moments:
        walker.see(ask(history.as_of(moment), moment))
    return tuple(walker.steps)


@dataclass(frozen=True, slots=True)
class Walker:
    """Takes the answers of one forecaster, oldest first, and settles each by the record of the end of the walk.

    today: restricted to it;  now: what settlement knows then
    """

    today: ProjectHistory
    resolve: Resolver
    now: Circumstances
    steps: list[WalkedForecast] = field(default_factory=list)

    def see(self, forecast: RiskForecast) -> None:
        """The next answer."""
        moment, claim, probability = forecast.as_of, forecast.claim, forecast.probability
        if claim is None or probability is None:
            self.steps.append(WalkedForecast(moment))
            return
        is_over = claim.ends_at <= self.now.at
        issued = IssuedClaim(claim, moment, moment)
        resolution = self.resolve(self.today, issued, self.now) if is_over else None
        self.steps.append(
            WalkedForecast(
                as_of=moment,
                ends_at=claim.ends_at,
                probability=probability.value,
                base_rate=forecast.base_rate,
                is_alert=forecast.should_alert(was_alerting=bool(self.steps) and self.steps[-1].is_alert),
                result=None if resolution is None else resolution.result,
                decided_at=None if resolution is None else resolution.decided_at,
                model=forecast.model.id,
            )
        )


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One event that happened.  lead_time_h: of the warning that covered it, None where none did in time

    is_foreseeable: whether it was asked about at least 72 h before
    """

    at: datetime
    lead_time_h: float | None
    is_foreseeable: bool


def distinct_events(walk: Walk) -> int:
    """Settled windows that fit side by side."""
    count, free_from = 0, None
    for step in walk:
        if step.occurred is None or step.ends_at is None:
            continue
        if free_from is None or step.as_of >= free_from:
            count, free_from = count + 1, step.ends_at
    return count


def occurrences(walk: Walk) -> tuple[Occurrence, ...]:
    """The events that happened, each once."""
    found: list[Occurrence] = []
    last: datetime | None = None
    for step in walk:
        if not step.occurred or step.decided_at is None or (last is not None and step.as_of < last):
            continue
        last = min(
            other.decided_at
            for other in walk
            if other.occurred and other.decided_at is not None and other.as_of >= step.as_of
        )
        found.append(_occurrence(walk, last))
    return tuple(found)


def _occurrence(walk: Walk, at: datetime) -> Occurrence:
    early = [step for step in walk if step.as_of <= at - EARLY_ENOUGH]
    about = [step for step in early if step.ends_at is not None and step.ends_at >= at]
    lead_time_h = None
    if about and about[-1] is early[-1] and about[-1].is_alert:
        streak = early[-1]
        for step in reversed(early):
            if not step.is_alert:
                break
            streak = step
        lead_time_h = (at - streak.as_of).total_seconds() / 3600
    return Occurrence(at, lead_time_h, bool(about))


def warnings_right(walk: Walk) -> tuple[bool, ...]:
    """Of each unbroken streak of alerts that can be judged, whether any of its claims occurred."""
    verdicts: list[bool] = []
    for is_alert, streak in groupby(walk, key=lambda step: step.is_alert):
        settled = [claim.occurred for claim in streak if is_alert and claim.occurred is not None]
        verdicts += [any(settled)] if settled else []
    return tuple(verdicts)


@dataclass(frozen=True, slots=True)
class RiskScore:
    """How good the walks of some projects were.

    forecasts: that were settled;  abstained, censored: answers without a number, and claims nobody could decide
    events: distinct ones;  frequency: of the forecasts whose event occurred
    skill: 1 - Brier / Brier of the base rates, with its 95 % interval over projects, None where undefined
    precision: of warnings;  recall: of foreseeable occurrences caught 72 h before;  lead_time_h: median of those
    """

    projects: int
    forecasts: int
    abstained: int
    censored: int
    events: int
    occurrences: int
    foreseeable: int
    frequency: float
    brier: float
    brier_of_base_rate: float
    skill: float | None
    skill_interval: tuple[float, float] | None
    calibration_error: float
    bins: tuple[ReliabilityBin, ...]
    warnings: int
    precision: float | None
    recall: float | None
    lead_time_h: float | None

    def as_json(self) -> dict[str, Any]:
        """Everything but the bins, and those as rows."""
        rows = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "bins"}
        return {**rows, "bins": [[row.forecast, row.observed, row.low, row.high, row.n] for row in self.bins]}


def score_walks(walks: Sequence[Walk], *, bins: int = 10) -> RiskScore:
    """Pool the walks of projects.  Raises ValueError where no forecast was settled."""
    settled = [[step for step in walk if step.occurred is not None] for walk in walks]
    steps = [step for walk in settled for step in walk]
    if not steps:
        raise ValueError("no forecast was settled")
    probabilities, base_rates, truth = _columns(steps)
    happened = [event for walk in walks for event in occurrences(walk)]
    foreseeable = [event for event in happened if event.is_foreseeable]
    leads = [event.lead_time_h for event in foreseeable if event.lead_time_h is not None]
    verdicts = [verdict for walk in walks for verdict in warnings_right(walk)]
    everything = [step for walk in walks for step in walk]
    return RiskScore(
        projects=sum(bool(walk) for walk in settled),
        forecasts=len(steps),
        abstained=sum(step.probability is None for step in everything),
        censored=sum(step.result == OutcomeResult.CENSORED for step in everything),
        events=sum(distinct_events(walk) for walk in walks),
        occurrences=len(happened),
        foreseeable=len(foreseeable),
        frequency=float(np.mean(truth)),
        brier=brier_score(probabilities, truth),
        brier_of_base_rate=brier_score(base_rates, truth),
        skill=_skill([walk for walk in settled if walk]),
        skill_interval=_skill_interval([walk for walk in settled if walk]),
        calibration_error=expected_calibration_error(probabilities, truth, bins=bins),
        bins=reliability_bins(probabilities, truth, bins=bins),
        warnings=len(verdicts),
        precision=float(np.mean(verdicts)) if verdicts else None,
        recall=len(leads) / len(foreseeable) if foreseeable else None,
        lead_time_h=float(np.median(leads)) if leads else None,
    )


def _columns(steps: Sequence[WalkedForecast]) -> tuple[list[float], list[float], list[bool]]:
    known = [
        (step.probability, step.base_rate, step.occurred)
        for step in steps
        if step.probability is not None and step.base_rate is not None and step.occurred is not None
    ]
    return [row[0] for row in known], [row[1] for row in known], [row[2] for row in known]


def _skill(walks: Sequence[Sequence[WalkedForecast]]) -> float | None:
    losses = _losses(walks).sum(axis=0)
    return float(1 - losses[0] / losses[1]) if losses[1] > 0 else None


def _skill_interval(walks: Sequence[Sequence[WalkedForecast]]) -> tuple[float, float] | None:
    if len(walks) < 2:  # noqa: PLR2004  # one project has nothing to draw from
        return None
    losses = _losses(walks)
    draws = np.random.default_rng(0).integers(0, len(walks), (BOOTSTRAP_DRAWS, len(walks)))
    sums = losses[draws].sum(axis=1)
    sums = sums[sums[:, 1] > 0]
    if not len(sums):
        return None
    low, high = np.quantile(1 - sums[:, 0] / sums[:, 1], (0.025, 0.975))
    return float(low), float(high)


def _losses(walks: Sequence[Sequence[WalkedForecast]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Sum of squared errors of the forecasts and of their base rates: shape (projects, 2)."""
    rows = []
    for walk in walks:
        probabilities, base_rates, truth = (np.array(column, dtype=np.float64) for column in _columns(walk))
        rows.append([float(((probabilities - truth) ** 2).sum()), float(((base_rates - truth) ** 2).sum())])
    return np.array(rows, dtype=np.float64)
