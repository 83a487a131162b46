"""Telling people, as jobs: which are due, and what each does.

A notice job is of a project (its warnings and overdue actions), a digest job of a destination. Both write messages and
send none. The clock asks every organisation once a minute, so what was held over night, and what an analysis outside
of the queue found, is told as well; after an analysis by a worker nobody waits for that minute.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final
from uuid import UUID

from integrations.messages.words import plural
from integrations.models import Destination
from projects.models import Project
from stratibreak.notifying.alerts import projects_with_warnings, tell_warnings
from stratibreak.notifying.digest import due_digests, tell_digest
from stratibreak.notifying.overdue import projects_with_overdue_actions, tell_overdue
from tenants.isolation.context import require_tenant_id
from tenants.isolation.queue import defer_job
from tenants.models import Tenant

logger = logging.getLogger(__name__)

NOTIFY_TASK: Final = "notify_of_project"
DIGEST_TASK: Final = "write_digest"
GONE: Final = "it is not there any more"


def defer_notices(at: datetime) -> list[UUID | None]:
    """Defer what there is to tell of the current tenant. Returns the jobs, None for each that waits already."""
    is_told = Destination.objects.filter(is_active=True).exists()
    if not is_told or not Tenant.objects.get(pk=require_tenant_id()).is_active:
        return []
    projects = dict.fromkeys([*projects_with_warnings(at), *projects_with_overdue_actions(at)])
    return [
        *(defer_job(NOTIFY_TASK, subject=project_id, is_needless_while_running=True) for project_id in projects),
        *(defer_job(DIGEST_TASK, subject=each, is_needless_while_running=True) for each in due_digests(at)),
    ]


def tell_of_project(project_id: UUID, at: datetime) -> str:
    """Put in the messages that are due of a project."""
    project = Project.objects.filter(pk=project_id).first()
    if project is None:
        return GONE
    warnings = tell_warnings(project=project, at=at)
    actions = tell_overdue(project=project, at=at)
    return f"{plural(warnings, 'warning')} and {plural(actions, 'overdue action')} put in."


def write_digest(destination_id: UUID, at: datetime) -> str:
    return "put in" if tell_digest(destination_id=destination_id, at=at) else "nothing to tell, or told already"
