"""Closed sets of the integrations app."""

from __future__ import annotations

from django.db.models import TextChoices


class IntegrationType(TextChoices):
    """The tools that can be read."""

    JIRA = "JIRA", "Jira"
    ASANA = "ASANA", "Asana"
    TRELLO = "TRELLO", "Trello"
    MONDAY = "MONDAY", "monday.com"
    BITRIX24 = "BITRIX24", "Bitrix24"
    SLACK = "SLACK", "Slack"
    GITHUB = "GITHUB", "GitHub"
    GITLAB = "GITLAB", "GitLab"
    TEAMS = "TEAMS", "Microsoft Teams"


class IntegrationStatus(TextChoices):
    """ACTIVE: synchronised by the clock. INACTIVE: switched off. SYNCING: a run is under way. ERROR: see last_error."""

    ACTIVE = "ACTIVE", "Active"
    INACTIVE = "INACTIVE", "Inactive"
    ERROR = "ERROR", "Error"
    SYNCING = "SYNCING", "Syncing"


class SyncStatus(TextChoices):
    """How a run ended. PARTIAL: what came is kept, and the missing streams are named."""

    SUCCEEDED = "SUCCEEDED", "Succeeded"
    PARTIAL = "PARTIAL", "Partial"
    FAILED = "FAILED", "Failed"


class InternalField(TextChoices):
    """Fields of the record of the work that a mapping may fill."""

    TITLE = "title", "Title"
    ITEM_TYPE = "item_type", "Type"
    STATUS = "status", "Status"
    STATUS_CATEGORY = "status_category", "Status category"
    PRIORITY = "priority", "Priority"
    CREATED_AT = "created_at", "Created at"
    RESOLVED_AT = "resolved_at", "Resolved at"
    DUE_DATE = "due_date", "Due date"
    ESTIMATE_POINTS = "estimate_points", "Estimate in points"
    ESTIMATE_S = "estimate_s", "Estimate in seconds"
    ASSIGNEE = "assignee", "Assignee"
    REPORTER = "reporter", "Reporter"
    PARENT_KEY = "parent_key", "Parent"
    LABELS = "labels", "Labels"
    ITERATION = "iteration", "Iteration"
    MILESTONE = "milestone", "Milestone"
    CUSTOM = "custom", "Kept as an extra field"


class Transformation(TextChoices):
    """How an external value becomes ours. A closed list: mappings never hold code."""

    COPY = "COPY", "As it is"
    TRIM = "TRIM", "Without surrounding white space"
    LOWER_CASE = "LOWER_CASE", "In lower case"
    UPPER_CASE = "UPPER_CASE", "In upper case"
    NUMBER = "NUMBER", "As a number"
    DATE = "DATE", "As a day"
    INSTANT = "INSTANT", "As an instant, with its time zone"
    EPOCH_SECONDS = "EPOCH_SECONDS", "From seconds since 1970 to an instant"
    EPOCH_MILLISECONDS = "EPOCH_MILLISECONDS", "From milliseconds since 1970 to an instant"
    MINUTES_TO_SECONDS = "MINUTES_TO_SECONDS", "From minutes to seconds"
    HOURS_TO_SECONDS = "HOURS_TO_SECONDS", "From hours to seconds"
    SPLIT_ON_COMMA = "SPLIT_ON_COMMA", "Split on commas into a list"
    YES_NO = "YES_NO", "As yes or no"
    STATUS_CATEGORY = "STATUS_CATEGORY", "Through the status categories of the configuration"


class DestinationKind(TextChoices):
    """Ways to tell an organisation something. Each has a sender in `integrations.destinations`."""

    WEBHOOK = "WEBHOOK", "Webhook"
    SLACK = "SLACK", "Slack"
    TEAMS = "TEAMS", "Microsoft Teams"
    EMAIL = "EMAIL", "E-mail"


class EventType(TextChoices):
    """What there is to tell. The values are the `type` of a message, and are never renamed."""

    SYNC_FINISHED = "sync.finished", "A tool was read"
    SYNC_FAILED = "sync.failed", "A tool could not be read"
    GAP_OPENED = "gap.opened", "A gap was found"
    GAP_WORSENED = "gap.worsened", "A gap became worse"
    GAP_RESOLVED = "gap.resolved", "A gap was closed"
    PREDICTION_ALERTED = "prediction.alerted", "A warning was issued"
    PREDICTION_DIGEST = "prediction.digest", "The digest"
    ACTION_OVERDUE = "action.overdue", "Actions became overdue"
    TEST = "test", "A test, asked for by a person"


class DeliveryState(TextChoices):
    """WAITING: to be sent (again). FAILED: tried for the last time. CANCELLED: its destination was switched off."""

    WAITING = "WAITING", "Waiting"
    SENT = "SENT", "Sent"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


class DisabledBecause(TextChoices):
    """Why the system switched a destination off."""

    GONE = "GONE", "It said that it is gone for good"
    FAILING = "FAILING", "It has failed for days"


class DigestRhythm(TextChoices):
    """How often a destination gets what was not worth a message of its own, after the quiet hours of the day."""

    OFF = "OFF", "Never"
    DAILY = "DAILY", "Every working day"
    WEEKLY = "WEEKLY", "Every Monday"


class MailGroup(TextChoices):
    """People of the organisation that a mail goes to, beside the addresses that are named; only who may see it."""

    ADMINISTRATORS = "ADMINISTRATORS", "Administrators"
    MANAGERS = "MANAGERS", "Project managers"
    OWNER = "OWNER", "Owner of the project"
    MEMBERS = "MEMBERS", "Members of the project"
