"""The order of the menu: answers first, then the plan, the record they rest on, and administration."""

from __future__ import annotations

from typing import Any

_ORDER = ("gaps", "predictions", "projects", "integrations", "tenants")
_PLAN = (
    "Project",
    "Goal",
    "Milestone",
    "Stakeholder",
    "ProjectMembership",
    "Baseline",
    "ScopeApproval",
    "CapacityCalendar",
    "CostEntry",
)
_LEADING = {"gaps": "Gap", "predictions": "Prediction", "integrations": "Integration", "tenants": "User"}


def ordered_menu(apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Order Django's list of apps and models; the record of the work becomes a section of its own."""
    sections: list[dict[str, Any]] = []
    for app in sorted(apps, key=lambda app: _ORDER.index(app["app_label"]) if app["app_label"] in _ORDER else 99):
        if app["app_label"] == "projects":
            sections += _projects(app)
        else:
            leading = _LEADING.get(app["app_label"])
            sections.append({**app, "models": sorted(app["models"], key=lambda m: m["object_name"] != leading)})
    return sections


def _projects(app: dict[str, Any]) -> list[dict[str, Any]]:
    plan = sorted(
        (model for model in app["models"] if model["object_name"] in _PLAN),
        key=lambda model: _PLAN.index(model["object_name"]),
    )
    record = [model for model in app["models"] if model["object_name"] not in _PLAN]
    return [
        {**app, "name": name, "models": models}
        for name, models in (("Projects and plans", plan), ("Record of the work", record))
        if models
    ]
