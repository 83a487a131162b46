"""Analyse projects as they were known at a moment: flow, forecast, predictions, gaps."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from projects.enums import ProjectStatus
from projects.management.project_argument import find_project
from projects.models import Project
from stratibreak.pipeline import ProjectRefresh, refresh_project
from stratibreak.refresh_report import refresh_line, refresh_row
from tenants.isolation.transaction import tenant_context
from tenants.management.tenant_argument import add_tenant_argument, find_tenant
from tenants.models import Tenant

REASON = "refresh"


class Command(BaseCommand):
    """One transaction for each project: an interrupted run keeps what is finished, and nothing by halves."""

    help = "Analyse a tenant's active projects, or one project. Safe to repeat: unchanged facts change nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_tenant_argument(parser)
        parser.add_argument("--project", metavar="P", help="the project's name or id; default: all active projects")
        parser.add_argument(
            "--as-of",
            metavar="T",
            help="look at the record as it was known then: an instant with its offset, or a day (its beginning in UTC)",
        )
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout instead of lines")
        parser.add_argument("--progress", action="store_true", help="show progress although stderr is no terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        as_of = parse_moment(options["as_of"]) if options["as_of"] else now
        if as_of > now:
            raise CommandError("--as-of lies in the future, and the future is not on record.")
        tenant = find_tenant(options["tenant"])
        project_ids = _project_ids(tenant, options["project"])
        shows_progress = options["progress"] or self.stderr.isatty()
        rows = []
        for number, refresh in enumerate(_refreshes(tenant, project_ids, as_of=as_of, at=now), start=1):
            rows.append(refresh_row(refresh))
            if not options["json"]:
                self.stdout.write(refresh_line(refresh))
            if shows_progress:
                self.stderr.write(f"{number} of {len(project_ids)} projects")
        if options["json"]:
            self.stdout.write(json.dumps({"tenant": tenant.name, "as_of": as_of.isoformat(), "projects": rows}))
        elif not rows:
            self.stdout.write("There is no active project.")


def parse_moment(text: str) -> datetime:
    """An instant with its offset, or the beginning of a day in UTC. Raises CommandError for anything else."""
    try:
        return datetime.combine(date.fromisoformat(text), time.min, tzinfo=UTC)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"“{text}” is neither a day (2026-03-01) nor an instant (2026-03-01T09:00:00Z).") from None
    if moment.tzinfo is None:
        raise CommandError(f"“{text}” has no offset from UTC; add one, such as Z or +02:00.")
    return moment.astimezone(UTC)


def _project_ids(tenant: Tenant, name_or_id: str | None) -> list[UUID]:
    with tenant_context(tenant.pk, reason=REASON):
        if name_or_id:
            return [find_project(name_or_id).pk]
        active = Project.objects.filter(status=ProjectStatus.ACTIVE)
        return list(active.order_by("name_lower").values_list("pk", flat=True))


def _refreshes(tenant: Tenant, project_ids: list[UUID], *, as_of: datetime, at: datetime) -> Iterator[ProjectRefresh]:
    """Refresh one project after the other, each committed by itself; one that is gone meanwhile is passed over."""
    for project_id in project_ids:
        with tenant_context(tenant.pk, reason=REASON):
            project = Project.objects.filter(pk=project_id).first()
            refresh = None if project is None else refresh_project(project=project, as_of=as_of, at=at)
        if refresh is not None:
            yield refresh
