"""How commands are told a project: by its name or its id."""

from __future__ import annotations

from uuid import UUID

from django.core.management.base import CommandError

from projects.models import Project


def find_project(name_or_id: str) -> Project:
    """The project of the tenant that is current. Raises CommandError when there is none of that name or id."""
    try:
        found: Project | None = Project.objects.filter(pk=UUID(name_or_id)).first()
    except ValueError:
        found = Project.objects.filter(name_lower=name_or_id.lower()).first()
    if found is None:
        raise CommandError(f"There is no project “{name_or_id}” in this organisation. Give its name or its id.")
    return found
