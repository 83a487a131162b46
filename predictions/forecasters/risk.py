"""What every risk forecast says, whatever the event: probability, base rate, when, until when, what moves it."""

from dataclasses import dataclass
from datetime import datetime

from predictions.enums import PredictionType, Severity
from predictions.forecasters.answers import Driver, EvidenceFact, ModelIdentity, ProbabilityEstimate
from predictions.forecasters.indicators import Indicator
from predictions.forecasters.prevention import PreventionWindow
from projects.history.readiness import ReadinessReport


@dataclass(frozen=True, slots=True)
class HoursToEvent:
    """Hours from t to the moment the event happens, if it does."""

    p10: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskForecast:
    """The probability of one event, or why it cannot be said: then every number is None and nothing is listed.

    base_rate: in (0, 1), same horizon;  impact: by the effect to be expected if the event happens
    Each type of risk adds its event, its actions and its effect.
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
