"""Say what became of predictions whose target is over or whose scope is done, and of actions that are due."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from gaps.domain.acting import projects_with_open_actions
from predictions.domain.settlement import Settlement, projects_with_claims
from predictions.enums import OutcomeResult
from projects.management.project_argument import find_project
from projects.models import Project
from stratibreak.pipeline import settle_project
from tenants.isolation.transaction import tenant_context
from tenants.management.tenant_argument import add_tenant_argument, all_tenants, find_tenant
from tenants.models import Tenant

REASON = "settle"


class Command(BaseCommand):
    """One transaction for each project; projects that are no longer active are settled like the others."""

    help = "Settle the predictions that are decided, of one organisation or of all. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_tenant_argument(parser, required=False)
        parser.add_argument("--project", metavar="P", help="the project's name or id; needs --tenant")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["project"] and not options["tenant"]:
            raise CommandError("--project needs --tenant: names of projects are known within an organisation only.")
        tenants = [find_tenant(options["tenant"])] if options["tenant"] else all_tenants()
        found = [(tenant, project_id) for tenant in tenants for project_id in _project_ids(tenant, options["project"])]
        for tenant, project_id in found:
            self._settle(tenant, project_id)
        if not found:
            self.stdout.write("No project has an open claim, nor an action to follow.")

    def _settle(self, tenant: Tenant, project_id: UUID) -> None:
        with tenant_context(tenant.pk, reason=REASON):
            project = Project.objects.filter(pk=project_id).first()
            settlement = None if project is None else settle_project(project=project, at=timezone.now())
        if project is not None:
            self.stdout.write(f"{tenant.name}, {project.name}: {_line(settlement)}")


def _project_ids(tenant: Tenant, name_or_id: str | None) -> list[UUID]:
    with tenant_context(tenant.pk, reason=REASON):
        if name_or_id:
            return [find_project(name_or_id).pk]
        return list(dict.fromkeys([*projects_with_claims(), *projects_with_open_actions()]))


def _line(settlement: Settlement | None) -> str:
    if settlement is None:
        return "another run is at it; nothing was changed"
    counts: Counter[str] = settlement.by_result
    told = ", ".join(f"{counts[result]} {result.label.lower()}" for result in OutcomeResult)
    waiting = f", {settlement.waiting} wait for the record to be renewed" if settlement.waiting else ""
    return f"{told}; {settlement.pending} open{waiting}"
