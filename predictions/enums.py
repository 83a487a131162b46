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


class ActionKind(TextChoices):
    """What an action is about: a gap that is there, or a prediction that may come true."""

    CORRECTIVE = "CORRECTIVE", "Corrective"
    PREVENTIVE = "PREVENTIVE", "Preventive"


class ActionMove(TextChoices):
    """What happened to an action. ESCALATED changes no status: it is overdue, and somebody above was named."""

    ACTIVATED = "ACTIVATED", "Activated"
    COMPLETED = "COMPLETED", "Done"
    DROPPED = "DROPPED", "Dropped"
    ESCALATED = "ESCALATED", "Escalated: overdue"


class AlertState(TextChoices):
    """Where a thread of warnings stands. CLOSED: it cleared, its event is over, or nobody can say any more."""

    OPEN = "OPEN", "Open"
    DISMISSED = "DISMISSED", "Dismissed"
    CLOSED = "CLOSED", "Closed"


MAX_PUSHES_PER_WEEK = 3
"""What a project may push in any seven days; the database keeps as many slots a week."""


class AlertClosing(TextChoices):
    """Why a thread of warnings ended."""

    CLEARED = "CLEARED", "The probability fell below the level that worries"
    OVER = "OVER", "The event was decided, or its time is over"


class PushDecision(TextChoices):
    """What becomes of a piece of news. HELD is a push that waits for the end of the quiet hours."""

    PUSHED = "PUSHED", "Pushed"
    HELD = "HELD", "Held until the quiet hours end"
    DIGEST = "DIGEST", "Left to the digest"
    MUTED = "MUTED", "Muted"


class PushReason(TextChoices):
    """Why it was decided so."""

    OPENED = "OPENED", "A new warning"
    GOT_WORSE = "GOT_WORSE", "A greater impact than was told before"
    QUIET_HOURS = "QUIET_HOURS", "It is night"
    LATE = "LATE", "Less than 72 hours ahead"
    BUDGET_SPENT = "BUDGET_SPENT", "As many pushes as a week may have"
    TYPE_MUTED = "TYPE_MUTED", "This kind of warning is muted in the project"
    ON_PROBATION = "ON_PROBATION", "Warnings of this kind were wrong too often"


class DismissalReason(TextChoices):
    """Why a person does not want to hear of a warning."""

    ALREADY_KNOWN = "ALREADY_KNOWN", "We know already"
    WRONG_FACTS = "WRONG_FACTS", "The record is wrong"
    ACCEPTED = "ACCEPTED", "We accept the risk"
    NOT_IN_OUR_HANDS = "NOT_IN_OUR_HANDS", "We cannot do anything about it"
    NOT_RELEVANT = "NOT_RELEVANT", "It does not matter here"
    OTHER = "OTHER", "Something else"


class MuteState(TextChoices):
    """Whether a kind of warning is silent in a project. Only ACTIVE is; PROPOSED waits for a person."""

    PROPOSED = "PROPOSED", "Proposed"
    ACTIVE = "ACTIVE", "Muted"
    DECLINED = "DECLINED", "Declined"
    LIFTED = "LIFTED", "Lifted"


class MissedEventStatus(TextChoices):
    """What became of a report that something happened and nobody was warned.

    LINKED: an open claim covers it, and its outcome decides. COVERED: the ledger counts it already, as a hit or as a
    miss. CONFIRMED: no claim covered it, and a person vouches for it: it counts as a miss.
    """

    REPORTED = "REPORTED", "Waits for a person"
    LINKED = "LINKED", "Waits for a claim's outcome"
    COVERED = "COVERED", "Covered by a claim"
    CONFIRMED = "CONFIRMED", "A miss"
    REJECTED = "REJECTED", "Rejected"
