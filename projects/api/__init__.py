"""Endpoints of the projects app: the project with its people and plan, the record of the work, runs of analyses."""

from __future__ import annotations

from projects.api.people import PEOPLE_VIEWS
from projects.api.plan import PLAN_ROUTES
from projects.api.project import PROJECT_ROUTES
from projects.api.record import RECORD_ROUTES
from projects.api.runs import ITEM_VIEWS as RUN_VIEWS
from projects.api.runs import RUN_ROUTES
from tenants.api.viewsets import Routes

__all__ = ["ITEM_VIEWS", "ROUTES"]

ROUTES: Routes = {**PROJECT_ROUTES, **PLAN_ROUTES, **RECORD_ROUTES, **RUN_ROUTES}
"""View sets by the last part of their address."""

ITEM_VIEWS = {**RUN_VIEWS, **PEOPLE_VIEWS}
"""Further things to ask of an item, by address."""
