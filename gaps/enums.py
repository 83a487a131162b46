"""Closed sets of the gaps app. Severity, readiness and action states are shared: see predictions.enums."""

from __future__ import annotations

from django.db.models import TextChoices


class GapType(TextChoices):
    """What differs from the intention; one detector for each."""

    RESOURCE = "RESOURCE", "Resource"
    PROCESS = "PROCESS", "Process"
    COMMUNICATION = "COMMUNICATION", "Communication"
    TECHNOLOGY = "TECHNOLOGY", "Technology"
    CULTURE = "CULTURE", "Culture"
    TIMELINE = "TIMELINE", "Timeline"
    QUALITY = "QUALITY", "Quality"
    SKILL = "SKILL", "Skill"
    BUDGET = "BUDGET", "Budget"


class GapCategory(TextChoices):
    """Who has to act: the level at which a gap or a cause is dealt with."""

    OPERATIONAL = "OPERATIONAL", "Operational"
    STRATEGIC = "STRATEGIC", "Strategic"
    TACTICAL = "TACTICAL", "Tactical"
    TECHNICAL = "TECHNICAL", "Technical"
    ORGANIZATIONAL = "ORGANIZATIONAL", "Organizational"


class GapStatus(TextChoices):
    """RESOLVED: the difference is gone. CLOSED: nobody follows it any more, gone or not."""

    OPEN = "OPEN", "Open"
    IN_PROGRESS = "IN_PROGRESS", "In progress"
    RESOLVED = "RESOLVED", "Resolved"
    CLOSED = "CLOSED", "Closed"


class GapOrigin(TextChoices):
    """Who found it: an analysis run, or a person."""

    DETECTED = "DETECTED", "Detected"
    MANUAL = "MANUAL", "Entered by hand"


class TransitionKind(TextChoices):
    """What happened to a gap."""

    OPENED = "OPENED", "Opened"
    UPDATED = "UPDATED", "Updated"
    WORSENED = "WORSENED", "Worsened"
    EASED = "EASED", "Eased"
    STARTED = "STARTED", "Work started"
    PAUSED = "PAUSED", "Work paused"
    RESOLVED = "RESOLVED", "Resolved"
    CLOSED = "CLOSED", "Closed"
    REOPENED = "REOPENED", "Reopened"


class AreaKind(TextChoices):
    """What sort of thing an affected area is. Never a person."""

    WORK_ITEMS = "WORK_ITEMS", "Work items"
    WORKFLOW_STATE = "WORKFLOW_STATE", "Workflow state"
    ITERATION = "ITERATION", "Iteration"
    MILESTONE = "MILESTONE", "Milestone"
    GOAL = "GOAL", "Goal"
    COMPONENT = "COMPONENT", "Component"
    TEAM = "TEAM", "Team"
    SUPPLIER = "SUPPLIER", "Supplier"
    OTHER = "OTHER", "Other"
