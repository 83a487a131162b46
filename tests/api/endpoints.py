"""Every endpoint of the API as the suite knows it: an address that is not here fails `test_every_address_is_known`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.urls import URLPattern, URLResolver, get_resolver

from tenants.permissions import Action

READ = frozenset({Action.VIEW})
SAID = frozenset({Action.VIEW, Action.ADD})
FULL = frozenset({Action.VIEW, Action.ADD, Action.CHANGE, Action.DELETE})

ACTION_OF_METHOD = {
    "GET": Action.VIEW,
    "POST": Action.ADD,
    "PUT": Action.CHANGE,
    "PATCH": Action.CHANGE,
    "DELETE": Action.DELETE,
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A list and its items.  offered: what the API offers at all, whoever asks."""

    name: str
    label: str
    offered: frozenset[Action] = FULL

    @property
    def list_path(self) -> str:
        return f"/api/v1/{self.name}"

    def item_path(self, row_id: object) -> str:
        return f"/api/v1/{self.name}/{row_id}"


ENDPOINTS = (
    Endpoint("tenants", "tenants.Tenant", frozenset({Action.VIEW, Action.CHANGE})),
    Endpoint("users", "tenants.User"),
    Endpoint("invitations", "tenants.Invitation", FULL - {Action.CHANGE}),
    Endpoint("api-keys", "tenants.ApiKey"),
    Endpoint("audit-entries", "tenants.AuditEntry", READ),
    Endpoint("audit-seals", "tenants.AuditSeal", READ),
    Endpoint("projects", "projects.Project"),
    Endpoint("memberships", "projects.ProjectMembership"),
    Endpoint("stakeholders", "projects.Stakeholder"),
    Endpoint("goals", "projects.Goal"),
    Endpoint("milestones", "projects.Milestone"),
    Endpoint("milestone-memberships", "projects.MilestoneMembership"),
    Endpoint("baselines", "projects.Baseline"),
    Endpoint("scope-approvals", "projects.ScopeApproval"),
    Endpoint("capacity-calendars", "projects.CapacityCalendar"),
    Endpoint("work-items", "projects.WorkItem"),
    Endpoint("co-assignees", "projects.CoAssignee"),
    Endpoint("field-changes", "projects.FieldChange"),
    Endpoint("iterations", "projects.Iteration"),
    Endpoint("iteration-memberships", "projects.IterationMembership"),
    Endpoint("work-item-links", "projects.WorkItemLink"),
    Endpoint("workflow-statuses", "projects.WorkflowStatus"),
    Endpoint("contributors", "projects.Contributor", FULL - {Action.ADD}),
    Endpoint("activity-events", "projects.ActivityEvent"),
    Endpoint("ci-runs", "projects.CiRun"),
    Endpoint("deployments", "projects.Deployment"),
    Endpoint("incidents", "projects.Incident"),
    Endpoint("cost-entries", "projects.CostEntry"),
    Endpoint("time-entries", "projects.TimeEntry"),
    Endpoint("pulse-summaries", "projects.PulseSummary"),
    Endpoint("analysis-records", "projects.AnalysisRecord", READ),
    Endpoint("import-runs", "projects.ImportRun", READ),
    Endpoint("gaps", "gaps.Gap"),
    Endpoint("gap-transitions", "gaps.GapTransition", READ),
    Endpoint("root-causes", "gaps.RootCause"),
    Endpoint("affected-areas", "gaps.AffectedArea"),
    Endpoint("evidence", "gaps.Evidence"),
    Endpoint("corrective-actions", "gaps.CorrectiveAction"),
    Endpoint("predictions", "predictions.Prediction", READ),
    Endpoint("prediction-outcomes", "predictions.PredictionOutcome", READ),
    Endpoint("preventive-actions", "predictions.PreventiveAction"),
    Endpoint("action-transitions", "predictions.ActionTransition", READ),
    Endpoint("risk-indicators", "predictions.RiskIndicator"),
    Endpoint("alerts", "predictions.Alert", READ),
    Endpoint("alert-decisions", "predictions.AlertDecision", READ),
    Endpoint("alert-mutes", "predictions.AlertMute", SAID),
    Endpoint("prediction-overrides", "predictions.PredictionOverride", SAID),
    Endpoint("missed-events", "predictions.MissedEvent", SAID),
    Endpoint("missed-event-verdicts", "predictions.MissedEventVerdict", READ),
    Endpoint("integrations", "integrations.Integration"),
    Endpoint("sync-results", "integrations.SyncResult", READ),
    Endpoint("field-mappings", "integrations.FieldMapping"),
    Endpoint("destinations", "integrations.Destination"),
    Endpoint("outgoing-messages", "integrations.OutgoingMessage", READ),
    Endpoint("deliveries", "integrations.Delivery", READ),
)


@dataclass(frozen=True, slots=True)
class ItemAction:
    """One thing that can be asked of an item, beside reading and changing it.

    label: the model of the item;  asked_of: the model the matrix is asked about
    bare_status: what a request without a body gets where it is allowed
    """

    route: str
    method: str
    label: str
    asked_of: str
    action: Action
    bare_status: int

    def path(self, row_id: object) -> str:
        return f"/api/v1/{self.route.replace('<id>', str(row_id))}"


_ANSWERS = (
    ItemAction("invitations/<id>/resend", "POST", "tenants.Invitation", "tenants.Invitation", Action.CHANGE, 200),
    ItemAction("gaps/<id>/transitions", "POST", "gaps.Gap", "gaps.Gap", Action.TRANSITION, 400),
    ItemAction("gaps/<id>/recompute", "POST", "gaps.Gap", "gaps.Gap", Action.VIEW, 200),
    ItemAction("gaps/<id>/cause-map", "GET", "gaps.Gap", "gaps.Gap", Action.VIEW, 200),
    ItemAction(
        "corrective-actions/<id>/transitions",
        "POST",
        "gaps.CorrectiveAction",
        "gaps.CorrectiveAction",
        Action.TRANSITION,
        400,
    ),
    ItemAction(
        "preventive-actions/<id>/transitions",
        "POST",
        "predictions.PreventiveAction",
        "predictions.PreventiveAction",
        Action.TRANSITION,
        400,
    ),
    ItemAction("goals/<id>/sponsor-page", "GET", "projects.Goal", "gaps.Gap", Action.VIEW, 200),
    ItemAction("goals/<id>/sponsor-page.html", "GET", "projects.Goal", "gaps.Gap", Action.VIEW, 200),
    ItemAction("goals/<id>/sponsor-page.pdf", "GET", "projects.Goal", "gaps.Gap", Action.VIEW, 200),
    ItemAction("alerts/<id>/dismissal", "POST", "predictions.Alert", "predictions.Alert", Action.TRANSITION, 400),
    ItemAction(
        "alert-mutes/<id>/decision", "POST", "predictions.AlertMute", "predictions.AlertMute", Action.TRANSITION, 400
    ),
    ItemAction(
        "missed-events/<id>/verdicts",
        "POST",
        "predictions.MissedEvent",
        "predictions.MissedEvent",
        Action.TRANSITION,
        400,
    ),
    ItemAction(
        "integrations/<id>/test", "POST", "integrations.Integration", "integrations.Integration", Action.CHANGE, 424
    ),
    ItemAction(
        "integrations/<id>/credentials",
        "POST",
        "integrations.Integration",
        "integrations.Integration",
        Action.CHANGE,
        400,
    ),
    ItemAction(
        "integrations/<id>/credentials",
        "DELETE",
        "integrations.Integration",
        "integrations.Integration",
        Action.CHANGE,
        409,
    ),
    ItemAction("integrations/<id>/sync", "POST", "integrations.Integration", "projects.Project", Action.IMPORT, 202),
    ItemAction(
        "integrations/<id>/switch-off",
        "POST",
        "integrations.Integration",
        "integrations.Integration",
        Action.CHANGE,
        204,
    ),
    ItemAction(
        "integrations/<id>/runs", "GET", "integrations.Integration", "integrations.SyncResult", Action.VIEW, 200
    ),
    ItemAction(
        "integrations/<id>/mappings", "GET", "integrations.Integration", "integrations.FieldMapping", Action.VIEW, 200
    ),
    ItemAction(
        "integrations/<id>/mappings",
        "PATCH",
        "integrations.Integration",
        "integrations.FieldMapping",
        Action.CHANGE,
        428,
    ),
    ItemAction(
        "integrations/<id>/preview", "GET", "integrations.Integration", "integrations.Integration", Action.CHANGE, 424
    ),
    ItemAction(
        "destinations/<id>/secret", "POST", "integrations.Destination", "integrations.Destination", Action.CHANGE, 200
    ),
    ItemAction(
        "destinations/<id>/test", "POST", "integrations.Destination", "integrations.Destination", Action.TRANSITION, 409
    ),
    ItemAction(
        "destinations/<id>/replay",
        "POST",
        "integrations.Destination",
        "integrations.Destination",
        Action.TRANSITION,
        400,
    ),
    ItemAction(
        "deliveries/<id>/replay", "POST", "integrations.Delivery", "integrations.Delivery", Action.TRANSITION, 409
    ),
    ItemAction("contributors/<id>/person", "POST", "projects.Contributor", "projects.Contributor", Action.CHANGE, 400),
    ItemAction(
        "contributors/<id>/person", "DELETE", "projects.Contributor", "projects.Contributor", Action.CHANGE, 204
    ),
    ItemAction(
        "integrations/<id>/webhook", "GET", "integrations.Integration", "integrations.Integration", Action.VIEW, 200
    ),
    ItemAction(
        "integrations/<id>/webhook", "POST", "integrations.Integration", "integrations.Integration", Action.CHANGE, 201
    ),
    ItemAction(
        "integrations/<id>/webhook",
        "DELETE",
        "integrations.Integration",
        "integrations.Integration",
        Action.CHANGE,
        404,
    ),
    ItemAction(
        "integrations/<id>/webhook/secret",
        "POST",
        "integrations.Integration",
        "integrations.Integration",
        Action.CHANGE,
        400,
    ),
    ItemAction("projects/<id>/imports", "POST", "projects.Project", "projects.Project", Action.IMPORT, 400),
    ItemAction("projects/<id>/refresh", "POST", "projects.Project", "projects.Project", Action.ANALYSE, 200),
    ItemAction("projects/<id>/replay", "GET", "projects.Project", "projects.AnalysisRecord", Action.VIEW, 200),
    ItemAction("projects/<id>/replay", "POST", "projects.Project", "projects.AnalysisRecord", Action.ANALYSE, 201),
    ItemAction("projects/<id>/data-quality", "GET", "projects.Project", "projects.AnalysisRecord", Action.VIEW, 200),
    ItemAction(
        "projects/<id>/analyses/compare", "GET", "projects.Project", "projects.AnalysisRecord", Action.VIEW, 400
    ),
    ItemAction("projects/<id>/forecast", "GET", "projects.Project", "predictions.Prediction", Action.VIEW, 200),
    ItemAction("projects/<id>/forecast/moves", "GET", "projects.Project", "predictions.Prediction", Action.VIEW, 200),
    ItemAction("projects/<id>/slip", "GET", "projects.Project", "predictions.Prediction", Action.VIEW, 200),
    ItemAction("projects/<id>/what-if", "POST", "projects.Project", "predictions.Prediction", Action.VIEW, 200),
)

WITHOUT_FILE = {
    "gaps/<id>/recompute": "two values of one gap side by side, no table",
    "goals/<id>/sponsor-page": "sentences for one reader; it has a form for printing",
    "goals/<id>/sponsor-page.html": "the page itself",
    "goals/<id>/sponsor-page.pdf": "a file already",
    "integrations/<id>/runs": "the list of sync results, which is exported; the run under way changes by the second",
    "integrations/<id>/mappings": "the list of field mappings, which is exported",
    "integrations/<id>/webhook": "one address and its counters",
}
"""What one may view of an item and that has no tables to export, with the reason."""

_FILES = tuple(
    replace(each, route=f"{each.route}/export", action=Action.EXPORT)
    for each in _ANSWERS
    if each.action == Action.VIEW and each.route not in WITHOUT_FILE
)
ITEM_ACTIONS = (*_ANSWERS, *_FILES)

REPORTS = {
    "calibration": "predictions.Prediction",
    "action-efficacy": "gaps.CorrectiveAction",
    "me/briefing": "gaps.Gap",
    "portfolio": "gaps.Gap",
    "suspicious-activity": "tenants.AuditEntry",
}
"""Reports over many rows by address, with the model whose readers may ask."""

REPORT_FILES = {f"{route}/export": label for route, label in REPORTS.items()}
"""Their tables as files, with the model that one must be allowed to export."""

OPEN_TO_STRANGERS = {
    "session": "whoever signs in is a stranger before",
    "invitation-acceptances": "whoever answers an invitation has no account yet",
    "openapi.json": "describes the API and nobody's data",
    "docs": "shows the same description",
}


def resolved_routes() -> set[str]:
    """Every address below /api/v1/ that the URL resolver knows, ids written as <id>."""
    prefix = "api/v1/"
    return {route.removeprefix(prefix) for route in _walk(get_resolver(), "") if route.startswith(prefix)}


def _walk(resolver: URLResolver, before: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield route.replace("<str:pk>", "<id>")
        else:
            yield from _walk(entry, route)
