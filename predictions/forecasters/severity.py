"""How bad an adverse effect is: one monotone table in units of the goal's tolerance, for gaps and for predictions.

Example: a slip of 10 d against a tolerance of 4 d is 2.5 T: HIGH.
"""

from predictions.enums import Severity

SEVERITY_FROM: tuple[tuple[float, Severity], ...] = (
    (3.0, Severity.CRITICAL),
    (2.0, Severity.HIGH),
    (1.5, Severity.MEDIUM),
    (1.0, Severity.LOW),
)
"""From so many tolerances on. Starting values, to be judged by replay."""
SCHEDULE_TOLERANCE_SHARE = 0.05
MIN_SCHEDULE_TOLERANCE_DAYS = 3.0
"""5 % of the remaining duration, at least three days: below that a plan says nothing."""


def severity_of(effect_in_tolerances: float) -> Severity | None:
    """The severity of an effect in tolerances; None below 1."""
    return next((severity for level, severity in SEVERITY_FROM if effect_in_tolerances >= level), None)


def schedule_tolerance_days(remaining_days: float) -> float:
    """What a schedule goal tolerates when it says nothing of its own: elapsed days.  remaining_days: to the target."""
    return max(MIN_SCHEDULE_TOLERANCE_DAYS, SCHEDULE_TOLERANCE_SHARE * remaining_days)
