"""The role matrix: who may do what, to what, and how far they see. API, admin and tests read this one table.

Every tenant model belongs to exactly one resource (`RESOURCE_OF`), and a role holds a set of actions per resource
(`MATRIX`). How far a role sees is `SCOPE`, with the few resources that differ in `SCOPE_EXCEPTIONS`. A model that is
in no resource is out of everybody's reach, so forgetting to list one closes a door instead of opening it.

Nothing here touches the database. Which rows a scope means is decided by `projects.domain.queries.visibility`.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from tenants.enums import ApiScope, Role


class Action(StrEnum):
    """What can be done to a resource. The first four are Django's own, so they name admin permissions too."""

    VIEW = "view"
    ADD = "add"
    CHANGE = "change"
    DELETE = "delete"
    ANALYSE = "analyse"
    IMPORT = "import"
    EXPORT = "export"
    TRANSITION = "transition"


class Scope(StrEnum):
    """How far a role sees within its tenant."""

    TENANT = "tenant"
    MEMBER_PROJECTS = "member_projects"
    STAKEHOLDER_PROJECTS = "stakeholder_projects"
    SELF = "self"
    NONE = "none"


class Resource(StrEnum):
    """Models that are always granted together."""

    TENANT = "tenant"
    USER = "user"
    INVITATION = "invitation"
    API_KEY = "api_key"
    AUDIT = "audit"
    KEPT_ANSWER = "kept_answer"
    PROJECT = "project"
    PEOPLE = "people"
    PLAN = "plan"
    RECORD = "record"
    CONTRIBUTOR = "contributor"
    PULSE = "pulse"
    MONEY = "money"
    RUN = "run"
    ANALYSIS = "analysis"
    GAP = "gap"
    GAP_HISTORY = "gap_history"
    CORRECTIVE_ACTION = "corrective_action"
    PREDICTION = "prediction"
    PREVENTIVE_ACTION = "preventive_action"
    ACTION_HISTORY = "action_history"
    RISK_INDICATOR = "risk_indicator"
    ALERT = "alert"
    ALERT_MUTE = "alert_mute"
    OVERRIDE = "override"
    MISSED_EVENT = "missed_event"
    MISSED_EVENT_HISTORY = "missed_event_history"
    INTEGRATION = "integration"
    SYNC_RESULT = "sync_result"
    DESTINATION = "destination"
    DELIVERY = "delivery"


MODELS: Mapping[Resource, tuple[str, ...]] = MappingProxyType(
    {
        Resource.TENANT: ("tenants.tenant",),
        Resource.USER: ("tenants.user",),
        Resource.INVITATION: ("tenants.invitation",),
        Resource.API_KEY: ("tenants.apikey",),
        Resource.AUDIT: ("tenants.auditentry", "tenants.auditseal"),
        Resource.KEPT_ANSWER: ("tenants.idempotentrequest",),
        Resource.PROJECT: ("projects.project",),
        Resource.PEOPLE: ("projects.projectmembership", "projects.stakeholder"),
        Resource.PLAN: (
            "projects.goal",
            "projects.milestone",
            "projects.baseline",
            "projects.scopeapproval",
            "projects.capacitycalendar",
        ),
        Resource.RECORD: (
            "projects.workitem",
            "projects.coassignee",
            "projects.fieldchange",
            "projects.iteration",
            "projects.iterationmembership",
            "projects.milestonemembership",
            "projects.workitemlink",
            "projects.workflowstatus",
            "projects.activityevent",
            "projects.cirun",
            "projects.deployment",
            "projects.incident",
        ),
        Resource.CONTRIBUTOR: ("projects.contributor",),
        Resource.PULSE: ("projects.pulsesummary",),
        Resource.MONEY: ("projects.costentry", "projects.timeentry"),
        Resource.RUN: ("projects.importrun",),
        Resource.ANALYSIS: ("projects.analysisrecord",),
        Resource.GAP: ("gaps.gap", "gaps.rootcause", "gaps.affectedarea", "gaps.evidence"),
        Resource.GAP_HISTORY: ("gaps.gaptransition",),
        Resource.CORRECTIVE_ACTION: ("gaps.correctiveaction",),
        Resource.PREDICTION: ("predictions.prediction", "predictions.predictionoutcome"),
        Resource.PREVENTIVE_ACTION: ("predictions.preventiveaction",),
        Resource.ACTION_HISTORY: ("predictions.actiontransition",),
        Resource.RISK_INDICATOR: ("predictions.riskindicator",),
        Resource.ALERT: ("predictions.alert", "predictions.alertdecision"),
        Resource.ALERT_MUTE: ("predictions.alertmute",),
        Resource.OVERRIDE: ("predictions.predictionoverride",),
        Resource.MISSED_EVENT: ("predictions.missedevent",),
        Resource.MISSED_EVENT_HISTORY: ("predictions.missedeventverdict",),
        Resource.INTEGRATION: ("integrations.integration", "integrations.fieldmapping"),
        Resource.SYNC_RESULT: (
            "integrations.syncresult",
            "integrations.syncprogress",
            "integrations.streamstate",
            "integrations.incomingwebhook",
            "integrations.incomingdelivery",
        ),
        Resource.DESTINATION: ("integrations.destination",),
        Resource.DELIVERY: ("integrations.outgoingmessage", "integrations.delivery"),
    }
)

RESOURCE_OF: Mapping[str, Resource] = MappingProxyType(
    {label: resource for resource, labels in MODELS.items() for label in labels}
)

SYSTEM_WRITTEN = frozenset(
    {
        Resource.AUDIT,
        Resource.KEPT_ANSWER,
        Resource.RUN,
        Resource.ANALYSIS,
        Resource.GAP_HISTORY,
        Resource.ACTION_HISTORY,
        Resource.PREDICTION,
        Resource.ALERT,
        Resource.MISSED_EVENT_HISTORY,
        Resource.SYNC_RESULT,
        Resource.DELIVERY,
    }
)
"""Resources the system creates: nobody adds, changes or deletes their rows through a door."""

_VIEW = frozenset({Action.VIEW})
_READ = frozenset({Action.VIEW, Action.EXPORT})
_WRITE = frozenset({Action.VIEW, Action.ADD, Action.CHANGE, Action.DELETE})
_OWN = _WRITE | {Action.EXPORT}
_RUN_ANALYSIS = _READ | {Action.ANALYSE}
_SAY = frozenset({Action.VIEW, Action.ADD})
"""What people say once and nobody edits: overrides, reports, mutes."""

MATRIX: Mapping[Role, Mapping[Resource, frozenset[Action]]] = MappingProxyType(
    {
        Role.ADMIN: {
            Resource.TENANT: frozenset({Action.VIEW, Action.CHANGE}),
            Resource.USER: _OWN,
            Resource.INVITATION: _OWN,
            Resource.API_KEY: _WRITE,
            Resource.AUDIT: _READ,
            Resource.KEPT_ANSWER: _VIEW,
            Resource.PROJECT: _OWN | {Action.ANALYSE, Action.IMPORT},
            Resource.PEOPLE: _OWN,
            Resource.PLAN: _OWN,
            Resource.RECORD: _OWN,
            Resource.CONTRIBUTOR: _OWN,
            Resource.PULSE: _OWN,
            Resource.MONEY: _OWN,
            Resource.RUN: _READ,
            Resource.ANALYSIS: _RUN_ANALYSIS,
            Resource.GAP: _OWN | {Action.TRANSITION},
            Resource.GAP_HISTORY: _READ,
            Resource.CORRECTIVE_ACTION: _OWN | {Action.TRANSITION},
            Resource.PREDICTION: _RUN_ANALYSIS,
            Resource.PREVENTIVE_ACTION: _OWN | {Action.TRANSITION},
            Resource.ACTION_HISTORY: _READ,
            Resource.RISK_INDICATOR: _OWN,
            Resource.ALERT: _READ | {Action.TRANSITION},
            Resource.ALERT_MUTE: _SAY | {Action.EXPORT, Action.TRANSITION},
            Resource.OVERRIDE: _SAY | {Action.EXPORT},
            Resource.MISSED_EVENT: _SAY | {Action.EXPORT, Action.TRANSITION},
            Resource.MISSED_EVENT_HISTORY: _READ,
            Resource.INTEGRATION: _OWN,
            Resource.SYNC_RESULT: _READ,
            # Where news of the organisation goes is its administrators' word.
            Resource.DESTINATION: _OWN | {Action.TRANSITION},
            Resource.DELIVERY: _READ | {Action.TRANSITION},
        },
        Role.PROJECT_MANAGER: {
            Resource.TENANT: _VIEW,
            Resource.USER: _VIEW,
            Resource.PROJECT: _OWN | {Action.ANALYSE, Action.IMPORT},
            Resource.PEOPLE: _OWN,
            Resource.PLAN: _OWN,
            Resource.RECORD: _OWN,
            Resource.CONTRIBUTOR: _OWN,
            Resource.PULSE: _READ,
            Resource.MONEY: _OWN,
            Resource.RUN: _READ,
            Resource.ANALYSIS: _RUN_ANALYSIS,
            Resource.GAP: _OWN | {Action.TRANSITION},
            Resource.GAP_HISTORY: _READ,
            Resource.CORRECTIVE_ACTION: _OWN | {Action.TRANSITION},
            Resource.PREDICTION: _RUN_ANALYSIS,
            Resource.PREVENTIVE_ACTION: _OWN | {Action.TRANSITION},
            Resource.ACTION_HISTORY: _READ,
            Resource.RISK_INDICATOR: _OWN,
            Resource.ALERT: _READ | {Action.TRANSITION},
            Resource.ALERT_MUTE: _SAY | {Action.EXPORT, Action.TRANSITION},
            Resource.OVERRIDE: _SAY | {Action.EXPORT},
            Resource.MISSED_EVENT: _SAY | {Action.EXPORT, Action.TRANSITION},
            Resource.MISSED_EVENT_HISTORY: _READ,
            Resource.INTEGRATION: _OWN,
            Resource.SYNC_RESULT: _READ,
            Resource.DESTINATION: _READ,
            Resource.DELIVERY: _READ,
        },
        Role.TEAM_LEADER: {
            Resource.TENANT: _VIEW,
            Resource.USER: _VIEW,
            Resource.PROJECT: _VIEW,
            Resource.PEOPLE: _VIEW,
            Resource.PLAN: _VIEW,
            Resource.RECORD: _VIEW,
            Resource.RUN: _VIEW,
            Resource.ANALYSIS: _VIEW,
            Resource.GAP: _WRITE | {Action.TRANSITION},
            Resource.GAP_HISTORY: _VIEW,
            Resource.CORRECTIVE_ACTION: _WRITE | {Action.TRANSITION},
            Resource.PREDICTION: _VIEW,
            Resource.PREVENTIVE_ACTION: _WRITE | {Action.TRANSITION},
            Resource.ACTION_HISTORY: _VIEW,
            Resource.RISK_INDICATOR: _VIEW,
            Resource.ALERT: _VIEW | {Action.TRANSITION},
            Resource.ALERT_MUTE: _VIEW,
            Resource.OVERRIDE: _VIEW,
            Resource.MISSED_EVENT: _SAY,
            Resource.MISSED_EVENT_HISTORY: _VIEW,
        },
        Role.ANALYST: {
            Resource.TENANT: _VIEW,
            Resource.USER: _VIEW,
            Resource.PROJECT: _READ | {Action.ANALYSE},
            Resource.PEOPLE: _READ,
            Resource.PLAN: _READ,
            Resource.RECORD: _READ,
            Resource.CONTRIBUTOR: _READ,
            Resource.PULSE: _READ,
            Resource.MONEY: _READ,
            Resource.RUN: _READ,
            Resource.ANALYSIS: _RUN_ANALYSIS,
            Resource.GAP: _READ,
            Resource.GAP_HISTORY: _READ,
            Resource.CORRECTIVE_ACTION: _READ,
            Resource.PREDICTION: _RUN_ANALYSIS,
            Resource.PREVENTIVE_ACTION: _READ,
            Resource.ACTION_HISTORY: _READ,
            Resource.RISK_INDICATOR: _READ,
            Resource.ALERT: _READ,
            Resource.ALERT_MUTE: _READ,
            Resource.OVERRIDE: _READ,
            Resource.MISSED_EVENT: _READ,
            Resource.MISSED_EVENT_HISTORY: _READ,
            Resource.INTEGRATION: _READ,
            Resource.SYNC_RESULT: _READ,
            Resource.DESTINATION: _READ,
            Resource.DELIVERY: _READ,
        },
        Role.STAKEHOLDER: {
            Resource.TENANT: _VIEW,
            Resource.USER: _VIEW,
            Resource.PROJECT: _VIEW,
            Resource.PLAN: _VIEW,
            Resource.ANALYSIS: _VIEW,
            Resource.GAP: _VIEW,
            Resource.GAP_HISTORY: _VIEW,
            Resource.CORRECTIVE_ACTION: _VIEW,
            Resource.PREDICTION: _VIEW,
            Resource.PREVENTIVE_ACTION: _VIEW,
            Resource.ACTION_HISTORY: _VIEW,
            Resource.RISK_INDICATOR: _VIEW,
            Resource.ALERT: _VIEW,
            Resource.ALERT_MUTE: _VIEW,
            Resource.OVERRIDE: _VIEW,
            Resource.MISSED_EVENT: _VIEW,
            Resource.MISSED_EVENT_HISTORY: _VIEW,
        },
    }
)

SCOPE: Mapping[Role, Scope] = MappingProxyType(
    {
        Role.ADMIN: Scope.TENANT,
        Role.PROJECT_MANAGER: Scope.TENANT,
        Role.TEAM_LEADER: Scope.MEMBER_PROJECTS,
        Role.ANALYST: Scope.TENANT,
        Role.STAKEHOLDER: Scope.STAKEHOLDER_PROJECTS,
    }
)

SCOPE_EXCEPTIONS: Mapping[tuple[Role, Resource], Scope] = MappingProxyType(
    {
        (Role.TEAM_LEADER, Resource.TENANT): Scope.TENANT,
        (Role.STAKEHOLDER, Resource.TENANT): Scope.TENANT,
        # A stakeholder reads about the work, not about the people who do it; a team leader assigns actions, and so
        # keeps the project scope here: the people who share a project with them.
        (Role.STAKEHOLDER, Resource.USER): Scope.SELF,
    }
)

KEY_ACTIONS: Mapping[ApiScope, frozenset[Action]] = MappingProxyType(
    {
        ApiScope.READ: frozenset({Action.VIEW}),
        ApiScope.WRITE: frozenset({Action.VIEW, Action.ADD, Action.CHANGE, Action.DELETE, Action.TRANSITION}),
        ApiScope.ANALYSE: frozenset({Action.ANALYSE}),
        ApiScope.IMPORT: frozenset({Action.IMPORT}),
        ApiScope.EXPORT: frozenset({Action.EXPORT}),
    }
)
"""What a scope of an API key lets its bearer do, where the role of the key allows it as well."""

KEYLESS = frozenset({Resource.API_KEY, Resource.USER, Resource.INVITATION})
"""Resources no API key may write: a stolen key must not make itself a second one, nor a new administrator."""


def allowed(role: str | None, action: str, model_label: str) -> bool:
    """Whether a role may do something to a model at all. Says nothing about which rows: see `scope`.

    model_label: `Model._meta.label`, in any case. An unknown role, action or model is never allowed.
    """
    resource = RESOURCE_OF.get(model_label.lower())
    if resource is None or role is None or role not in MATRIX:
        return False
    return action in MATRIX[Role(role)].get(resource, frozenset())


def scope(role: str | None, model_label: str) -> Scope:
    """How far a role sees among the rows of a model; NONE where it may not view the model."""
    if role is None or not allowed(role, Action.VIEW, model_label):
        return Scope.NONE
    known = Role(role)
    return SCOPE_EXCEPTIONS.get((known, RESOURCE_OF[model_label.lower()]), SCOPE[known])


def allowed_by_name(role: str | None, permission: str) -> bool:
    """Answer Django's form of the question, such as "gaps.change_rootcause", from the same table."""
    app_label, _, codename = permission.partition(".")
    action, _, model_name = codename.partition("_")
    return allowed(role, action, f"{app_label}.{model_name}")


def key_allows(scopes: Iterable[str], action: str, model_label: str) -> bool:
    """Whether an API key with these scopes may be used for an action; its role is asked separately."""
    if action != Action.VIEW and RESOURCE_OF.get(model_label.lower()) in KEYLESS:
        return False
    return any(action in KEY_ACTIONS[ApiScope(name)] for name in scopes if name in ApiScope.values)
