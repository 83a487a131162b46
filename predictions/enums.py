"""Closed sets of the predictions app, and those that gaps share with it: severity, priority, states of an action.

Readiness is `projects.enums.Readiness`.
"""

from __future__ import annotations

from django.db.models import TextChoices


class PredictionType(TextChoices):
    """What is claimed to happen; the exact event is fixed in `Prediction.event`."""

    DELAY_RISK = "DELAY_RISK", "Delay risk"
    RESOURCE_SHORTAGE = "RESOURCE_SHORTAGE", "Resource shortage"
    QUALITY_ISSUE = "QUALITY_ISSUE", "Quality issue"
    BUDGET_OVERRUN = "BUDGET_OVERRUN", "Budget overrun"
    SCOPE_CREEP = "SCOPE_CREEP", "Scope creep"
    TEAM_BURNOUT = "TEAM_BURNOUT", "Sustained overload"


class PredictionStatus(TextChoices):
    """Where a prediction stands; derived from its outcome, never stored.

    CONFIRMED: the event came. FALSE_POSITIVE: we had warned, and it did not. RESOLVED: settled in any other way
    (not warned and it did not come, or the event can no longer be judged).
    """

    PENDING = "PENDING", "Pending"
    CONFIRMED = "CONFIRMED", "Confirmed"
    FALSE_POSITIVE = "FALSE_POSITIVE", "False positive"
    RESOLVED = "RESOLVED", "Resolved"


class OutcomeResult(TextChoices):
    """How the claimed event ended. CENSORED: cancelled or data lost, so that nobody can say."""

    OCCURRED = "OCCURRED", "Occurred"
    NOT_OCCURRED = "NOT_OCCURRED", "Not occurred"
    CENSORED = "CENSORED", "Censored"


class Trend(TextChoices):
    """Direction of an indicator over its recent values."""

    UP = "UP", "Up"
    DOWN = "DOWN", "Down"
    STABLE = "STABLE", "Stable"
    VOLATILE = "VOLATILE", "Volatile"


class Severity(TextChoices):
    """Adverse effect in units of the goal's tolerance: from 1, 1.5, 2 and 3 times the tolerance."""

    LOW = "LOW", "Low"
    MEDIUM = "MEDIUM", "Medium"
    HIGH = "HIGH", "High"
    CRITICAL = "CRITICAL", "Critical"


class Priority(TextChoices):
    """Order in which actions are worth taking."""

    LOW = "LOW", "Low"
    MEDIUM = "MEDIUM", "Medium"
    HIGH = "HIGH", "High"
    CRITICAL = "CRITICAL", "Critical"


class ActionStatus(TextChoices):
    """Life of a corrective or preventive action. ACTIVE and DONE need an owner and a due date."""

    SUGGESTED = "SUGGESTED", "Suggested"
    ACTIVE = "ACTIVE", "Active"
    DONE = "DONE", "Done"
    DROPPED = "DROPPED", "Dropped"
