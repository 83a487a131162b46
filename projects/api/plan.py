"""What was intended: goals, milestones, baselines, approved changes of scope, capacity."""

from __future__ import annotations

from projects.models import Baseline, CapacityCalendar, Goal, Milestone, MilestoneMembership, ScopeApproval
from tenants.api.filters import EXACT, NULLABLE_RANGE, RANGE, SET
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import Routes, TenantViewSet


class GoalViewSet(TenantViewSet[Goal]):
    """What a project promised to reach, measurable, with a day."""

    model = Goal
    serializer_class = serializer_for(Goal)
    filters = {"project": EXACT, "hardness": SET, "due_date": NULLABLE_RANGE, "achieved_at": NULLABLE_RANGE}


class MilestoneViewSet(TenantViewSet[Milestone]):
    """Dated promises of a part of the scope: fix versions, releases."""

    model = Milestone
    serializer_class = serializer_for(Milestone)
    filters = {"project": EXACT, "state": SET, "target_date": NULLABLE_RANGE, "released_date": NULLABLE_RANGE}


class MilestoneMembershipViewSet(TenantViewSet[MilestoneMembership]):
    """Stays of work items in milestones."""

    model = MilestoneMembership
    serializer_class = serializer_for(MilestoneMembership)
    filters = {"milestone": EXACT, "work_item": EXACT}


class BaselineViewSet(TenantViewSet[Baseline]):
    """Approved plans: scope, budget and finish as they stood when somebody said yes."""

    model = Baseline
    serializer_class = serializer_for(Baseline)
    filters = {"project": EXACT, "approved_at": RANGE}


class ScopeApprovalViewSet(TenantViewSet[ScopeApproval]):
    """Changes of scope, budget or date that somebody approved."""

    model = ScopeApproval
    serializer_class = serializer_for(ScopeApproval)
    filters = {"project": EXACT, "approved_at": RANGE}


class CapacityCalendarViewSet(TenantViewSet[CapacityCalendar]):
    """The hours a contributor, or the whole team, can give a project."""

    model = CapacityCalendar
    serializer_class = serializer_for(CapacityCalendar)
    filters = {"project": EXACT, "contributor": EXACT, "first_date": RANGE}


PLAN_ROUTES: Routes = {
    "goals": GoalViewSet,
    "milestones": MilestoneViewSet,
    "milestone-memberships": MilestoneMembershipViewSet,
    "baselines": BaselineViewSet,
    "scope-approvals": ScopeApprovalViewSet,
    "capacity-calendars": CapacityCalendarViewSet,
}
