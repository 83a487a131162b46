"""Whom a mail goes to: groups of the organisation's people become addresses when a message is sent.

Only people who can log in and may see what the message is about: the project, or, where it is about all of them, the
whole organisation. Addresses that an administrator entered are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from integrations.destinations.email import parsed_recipients
from integrations.enums import DestinationKind, MailGroup
from integrations.models import Destination
from predictions.domain.action_escalation import people_to_tell
from projects.domain.queries.visibility import visible_projects
from projects.models import Project, ProjectMembership
from tenants.enums import Role
from tenants.models import User

MOST_PEOPLE: Final = 100
_ROLES: Final = {MailGroup.ADMINISTRATORS: Role.ADMIN, MailGroup.MANAGERS: Role.PROJECT_MANAGER}


def opened_address(destination: Destination, project: Project | None) -> str:
    """The address of a destination as its sender takes it. Mail: addresses with commas, "" where there is nobody."""
    entered = str(destination.address.reveal_text())
    if destination.kind != DestinationKind.EMAIL:
        return entered
    groups, addresses = parsed_recipients(entered)
    people = [email for group in groups for email in _people(group, project)]
    return ",".join(dict.fromkeys([*addresses, *people]))


def _people(group: MailGroup, project: Project | None) -> Iterable[str]:
    if group in _ROLES:
        return _emails(User.objects.filter(role=_ROLES[group]))
    if project is None:
        return ()
    return _emails(User.objects.filter(pk__in=_of_project(group, project)), project)


def _of_project(group: MailGroup, project: Project) -> list[UUID]:
    if group == MailGroup.OWNER:
        return people_to_tell(project)
    members: Any = ProjectMembership.objects.filter(project=project)
    return list(members.values_list("user_id", flat=True))


def _emails(people: Any, project: Project | None = None) -> list[str]:
    """Of those who can log in and, where there is a project, may see it."""
    found = people.filter(is_active=True).order_by("id")[:MOST_PEOPLE]
    seeing = (each for each in found if project is None or visible_projects(each).filter(pk=project.pk).exists())
    return [each.email.lower() for each in seeing]
