"""The roles behind a slip, read from the record in five queries at most, none where there is no slip to explain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from django.db.models import Q

from gaps.detectors.detection import DetectionContext
from gaps.detectors.finding import Finding
from gaps.detectors.roles import HoursOff, Roles, added_items, hours_off_by_role, with_roles
from gaps.domain.assessments import Assessment
from gaps.enums import GapType
from projects.enums import MembershipRole
from projects.history.instants import to_us
from projects.models import Contributor, Project, ProjectMembership, WorkItem
from tenants.enums import Role

LEAD = "lead of the project"


def told_in_roles(
    assessments: Iterable[Assessment], *, project: Project, context: DetectionContext
) -> list[Assessment]:
    """The same, and the causes of a slip with the roles of whoever added work or was away."""
    return [_told(assessment, project, context) for assessment in assessments]


def _told(assessment: Assessment, project: Project, context: DetectionContext) -> Assessment:
    detection = assessment.detection
    if detection.type != GapType.TIMELINE or detection.finding is None:
        return assessment
    finding = _with_roles(detection.finding, project, context)
    return replace(assessment, detection=replace(detection, finding=finding))


def _with_roles(finding: Finding, project: Project, context: DetectionContext) -> Finding:
    known = context.known
    items = WorkItem.objects.filter(pk__in=added_items(finding), reporter__isnull=False)
    put_in_by = {str(item_id): account for item_id, account in items.values_list("pk", "reporter_id")}
    with_calendars = {fact.contributor_id for fact in known.capacity.facts if fact.contributor_id is not None}
    of_account = _roles_of(project, {*put_in_by.values(), *with_calendars})
    hours_off = _hours_off(context, of_account) if with_calendars else []
    return with_roles(finding, Roles(of_account, put_in_by), hours_off)


def _hours_off(context: DetectionContext, of_account: dict[UUID, str]) -> list[HoursOff]:
    """From the first day of the plan in force until now, as the slip is measured; nothing without a plan."""
    known, calendar = context.known, context.calendar
    if known.baseline is None:
        return []
    first = known.baseline.start_date or calendar.local_date(to_us(known.baseline.approved_at))
    return hours_off_by_role(known.capacity, of_account, first, calendar.local_date(known.known_at_us))


def _roles_of(project: Project, accounts: set[UUID]) -> dict[UUID, str]:
    """Account -> role of its person, of those that any account of the person gives to a user of ours."""
    if not accounts:
        return {}
    rows = Contributor.objects.filter(pk__in=accounts)
    people = {account: person or account for account, person in rows.values_list("pk", "person")}
    known = Contributor.objects.filter(Q(pk__in=people) | Q(person__in=set(people.values())), user__isnull=False)
    rows_of_users = known.values_list("pk", "person", "user_id", "user__role")
    users = {person or account: (user, role) for account, person, user, role in rows_of_users}
    leads = set(
        ProjectMembership.objects.filter(project=project, role=MembershipRole.LEAD).values_list("user_id", flat=True)
    )
    return {
        account: LEAD if users[person][0] in leads else Role(users[person][1]).label.lower()
        for account, person in people.items()
        if person in users
    }
