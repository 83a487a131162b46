"""When a gap opens, how bad it is, and when it closes: the same rule for all nine types.

1. e is the adverse effect to be expected if nothing changes, in units of the goal's tolerance T.
2. A gap opens when P(effect > T) is at least 80 %, or P(breach) exceeds the accepted risk, and the record can carry it.
3. Severity is one monotone table of e: LOW from 1 T, MEDIUM 1.5 T, HIGH 2 T, CRITICAL 3 T. A gap that opened on its
   probability with e below 1 is LOW.
4. It closes when e stays below half of what it opened with for two runs, and where a breach is at stake, P(breach)
   below half of the accepted risk: a probability that wavers about what is accepted is one gap, not many.

Example: opened at e = 2.4 (HIGH); it closes after two runs below 1.2. Opened at e = .4 because P(breach) was .16 where
.15 is accepted; it closes after two runs with e below .5 and P(breach) below .075.
"""

from collections.abc import Mapping

from predictions.enums import Severity
from predictions.forecasters.severity import SEVERITY_FROM, severity_of
from projects.history.readiness import ReadinessReport

OPENS_AT_PROBABILITY = 0.8
"""Of an effect beyond tolerance. Starting value, to be judged by replay."""
CLOSES_BELOW_SHARE = 0.5
CLOSES_AFTER_RUNS = 2
"""Half the opening level, twice: one good week does not close what one bad week did not open."""

SEVERITY_RANK: Mapping[str, int] = {severity.value: rank for rank, severity in enumerate(Severity)}
"""The worse, the higher."""


def gap_severity(effect_in_tolerances: float) -> Severity:
    """The severity of a gap that is open."""
    return severity_of(effect_in_tolerances) or Severity.LOW


def opens(
    *, p_beyond_tolerance: float, readiness: ReadinessReport, p_breach: float = 0.0, accepted_breach: float = 1.0
) -> bool:
    """Whether a gap opens. All probabilities in [0, 1]; where nobody accepted a breach, only the effect counts."""
    at_risk = p_beyond_tolerance >= OPENS_AT_PROBABILITY or p_breach > accepted_breach
    return readiness.carries_value and at_risk


def closing_effect(opened_at_effect: float) -> float:
    """Below which effect in tolerances a gap that opened with another is on its way to be closed."""
    return CLOSES_BELOW_SHARE * max(opened_at_effect, SEVERITY_FROM[-1][0])


def is_below_opening(*, opened_at_effect: float, effect: float, breach: float | None = None) -> bool:
    """Whether a run sees a gap below half of what it opened with.

    opened_at_effect, effect: in tolerances;  breach: P(breach) over the accepted risk, None where none is at stake
    """
    return effect < closing_effect(opened_at_effect) and (breach is None or breach < CLOSES_BELOW_SHARE)
