"""Closed sets of the record of the work. Stored as text with a CHECK, because PostgreSQL's enum operators
are not leakproof and would lose their index under row-level security."""

from __future__ import annotations

from enum import StrEnum

from django.db import models


class ProjectStatus(models.TextChoices):
    ACTIVE = "ACTIVE", "Active"
    INACTIVE = "INACTIVE", "Inactive"
    COMPLETED = "COMPLETED", "Completed"
    ARCHIVED = "ARCHIVED", "Archived"


class MembershipRole(models.TextChoices):
    LEAD = "LEAD", "Lead"
    MEMBER = "MEMBER", "Member"


class GoalHardness(models.TextChoices):
    HARD = "HARD", "Hard: missing it is a failure"
    SOFT = "SOFT", "Soft: missing it is a pity"


class MeasureKind(models.TextChoices):
    """What the value of a goal is made of; it decides the JSON type of the value."""

    NUMBER = "NUMBER", "Number"
    PERCENT = "PERCENT", "Percent"
    MONEY = "MONEY", "Money"
    DURATION = "DURATION", "Duration"
    DATE = "DATE", "Date"
    BOOLEAN = "BOOLEAN", "Yes or no"


class Direction(models.TextChoices):
    """On which side of its target a measure is good."""

    AT_LEAST = "AT_LEAST", "At least the target"
    AT_MOST = "AT_MOST", "At most the target"
    EXACTLY = "EXACTLY", "Exactly the target"


class StatusCategory(models.TextChoices):
    TODO = "TODO", "To do"
    IN_PROGRESS = "IN_PROGRESS", "In progress"
    DONE = "DONE", "Done"


class CategoryOrigin(models.TextChoices):
    """Who said which category a status belongs to; a person's word is never overwritten by a guess."""

    SOURCE = "SOURCE", "The tool's own category"
    GUESSED = "GUESSED", "Guessed from the name"
    PERSON = "PERSON", "Set by a person"


class Presence(models.TextChoices):
    """Whether the source still shows an item. Neither gone nor hidden counts as done."""

    LIVE = "LIVE", "Live"
    GONE = "GONE", "Gone: deleted in the source"
    HIDDEN = "HIDDEN", "Hidden: we lost access"


class TrackedField(models.TextChoices):
    """Names under which a change of a work item's field is kept, whatever the tool calls the field.

    A change of a field that has no name here is kept under the tool's own name in lower case.
    """

    STATUS = "status", "Status"
    ITERATION = "iteration", "Iteration"
    MILESTONE = "milestone", "Milestone"
    ASSIGNEE = "assignee", "Assignee"
    DUE_DATE = "due_date", "Due date"
    ESTIMATE_POINTS = "estimate_points", "Estimate (points)"
    ESTIMATE_S = "estimate_s", "Estimate (seconds)"
    PARENT = "parent", "Parent"
    PRIORITY = "priority", "Priority"
    LINK = "link", "Link"
    RESOLUTION = "resolution", "Resolution"
    ITEM_TYPE = "item_type", "Type"
    LABELS = "labels", "Labels"
    PROJECT = "project", "Project"
    FLAG = "flag", "Flag (blocked)"


class IterationState(models.TextChoices):
    FUTURE = "FUTURE", "Future"
    ACTIVE = "ACTIVE", "Active"
    CLOSED = "CLOSED", "Closed"


class MilestoneState(models.TextChoices):
    PLANNED = "PLANNED", "Planned"
    RELEASED = "RELEASED", "Released"
    ARCHIVED = "ARCHIVED", "Archived"


class LinkDirection(models.TextChoices):
    OUTWARD = "OUTWARD", "This item acts on the other (blocks, causes)"
    INWARD = "INWARD", "The other acts on this item (is blocked by, is caused by)"


class CostCategory(models.TextChoices):
    LABOUR = "LABOUR", "Labour"
    MATERIAL = "MATERIAL", "Material"
    SERVICE = "SERVICE", "Service"
    LICENCE = "LICENCE", "Licence"
    TRAVEL = "TRAVEL", "Travel"
    OTHER = "OTHER", "Other"


class ActivityKind(models.TextChoices):
    COMMENT = "COMMENT", "Comment"
    REVIEW_REQUESTED = "REVIEW_REQUESTED", "Review requested"
    REVIEW = "REVIEW", "Review"
    APPROVAL = "APPROVAL", "Approval"
    CHANGES_REQUESTED = "CHANGES_REQUESTED", "Changes requested"
    MERGE = "MERGE", "Merge"
    TOUCHPOINT = "TOUCHPOINT", "Touchpoint (meeting, stand-up)"


class ActivityRole(models.TextChoices):
    """What the contributor was to the item at that moment; enough for response times, without content."""

    AUTHOR = "AUTHOR", "Author"
    ASSIGNEE = "ASSIGNEE", "Assignee"
    REVIEWER = "REVIEWER", "Reviewer"
    OTHER = "OTHER", "Other"


class RunOutcome(models.TextChoices):
    """How a CI run or a deployment ended; RUNNING is the only one without an end."""

    RUNNING = "RUNNING", "Running"
    SUCCESS = "SUCCESS", "Success"
    FAILURE = "FAILURE", "Failure"
    CANCELLED = "CANCELLED", "Cancelled"


class IncidentSeverity(models.TextChoices):
    SEV1 = "SEV1", "1: outage"
    SEV2 = "SEV2", "2: major function lost"
    SEV3 = "SEV3", "3: minor function lost"
    SEV4 = "SEV4", "4: cosmetic"


class AnalysisKind(models.TextChoices):
    FLOW = "FLOW", "Flow metrics"
    FORECAST = "FORECAST", "Forecast"
    GAPS = "GAPS", "Gap detection"
    CAUSES = "CAUSES", "Root causes"
    REFRESH = "REFRESH", "Whole refresh"
    REPLAY = "REPLAY", "Replay over the past"


class Readiness(models.TextChoices):
    """Whether the facts carry an answer. INSUFFICIENT and MISCONFIGURED mean that there is none, never a guess."""

    OK = "OK", "Ready"
    LIMITED = "LIMITED", "Limited"
    INSUFFICIENT = "INSUFFICIENT", "Not enough facts"
    STALE = "STALE", "Facts too old"
    MISCONFIGURED = "MISCONFIGURED", "Facts not connected"


CARRYING = (Readiness.OK, Readiness.LIMITED)
"""With which a number may be given at all: a rate that nobody has recorded for a month is none of today."""


class ImportStatus(models.TextChoices):
    """RUNNING is also what an import that was killed looks like; the same file, given again, carries it on."""

    RUNNING = "RUNNING", "Running, or interrupted"
    COMPLETED = "COMPLETED", "Completed"
    REFUSED = "REFUSED", "Refused: nothing was imported"


class ProjectTask(StrEnum):
    """Jobs whose subject is a project, by the names that workers know them by."""

    REFRESH = "refresh_project"
    REPLAY = "replay_project"
