"""Backoffice pages of projects, their plan and the record of their work."""

from __future__ import annotations

from typing import Any, Final, cast
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone

from projects.domain.data_quality import newest_quality
from projects.domain.people import AccountsNotLinked, link_accounts, other_accounts, set_apart, user_changed
from projects.domain.same_work import described_elsewhere, say_same_work
from projects.enums import ImportStatus
from projects.forecast_answer import newest_forecasts
from projects.import_form import ImportForm, import_posted, told_of
from projects.models import (
    ActivityEvent,
    AnalysisRecord,
    Baseline,
    CapacityCalendar,
    CiRun,
    CoAssignee,
    Contributor,
    CostEntry,
    Deployment,
    FieldChange,
    Goal,
    ImportRun,
    Incident,
    Iteration,
    IterationMembership,
    Milestone,
    MilestoneMembership,
    Project,
    ProjectMembership,
    PulseSummary,
    ScopeApproval,
    Stakeholder,
    TimeEntry,
    WorkflowStatus,
    WorkItem,
    WorkItemLink,
)
from tenants.admin.acts import DoingPage
from tenants.admin.base import RecordAdmin, SystemAdmin, TenantAdmin, TenantInline, reads_across_tenants
from tenants.admin.columns import column, number
from tenants.domain.auditing import AuditAction
from tenants.models import User

MAY_IMPORT: Final = "projects.import_project"


class MembershipInline(TenantInline):
    """Who leads and who works on the project."""

    model = ProjectMembership


class GoalInline(TenantInline):
    """What the project promised."""

    model = Goal
    fields = ("title", "hardness", "due_date", "achieved_at", "tolerance")


@admin.register(Project)
class ProjectPage(DoingPage):
    """Projects, with their people and goals; the page shows the forecast, so that opening it is recorded."""

    read_action = AuditAction.ACCESS_PREDICTION
    list_display = ("name", "status", "start_date", "end_date", "owner")
    list_filter = ("status",)
    list_select_related = ("owner",)
    inlines = (MembershipInline, GoalInline)
    fieldsets = (
        (None, {"fields": ("name", "description", "status", "owner", ("start_date", "end_date"), "time_zone")}),
        ("Budget", {"fields": (("planned_budget", "currency"),)}),
        (
            "Tolerances",
            {
                "classes": ("collapse",),
                "fields": (
                    ("schedule_tolerance_days", "schedule_tolerance_percent"),
                    ("budget_tolerance_percent", "scope_tolerance_percent"),
                    "accepted_risk",
                ),
            },
        ),
        ("Team", {"fields": ("team_signals_enabled",)}),
    )

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.import_view)
        return [path("<uuid:row_id>/import/", view, name="projects_project_import"), *super().get_urls()]

    def import_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Read a file into the project's record, as ``POST /projects/{id}/imports`` does."""
        return self.do_posted(request, row_id, MAY_IMPORT, self._import)

    def _import(self, request: HttpRequest, project: Project) -> None:
        form = ImportForm(request.POST, request.FILES, project=project)
        if not form.is_valid():
            wrong = " ".join(str(error) for errors in form.errors.values() for error in errors)
            messages.error(request, f"Nothing was imported. {wrong}")
            return
        run = import_posted(project, form.cleaned_data, cast("User", request.user))
        say = messages.error if run.status == ImportStatus.REFUSED else messages.success
        say(request, told_of(run))
        if run.status == ImportStatus.COMPLETED and (run.created_count or run.updated_count or run.fact_count):
            messages.info(request, "A worker analyses the project next; the forecast stands here when it is through.")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the newest forecast above the form: the question people open the page with."""
        project = self.get_object(request, object_id)
        answer = newest_forecasts([project], at=timezone.now())[0] if project is not None else None
        quality = None if project is None else newest_quality(project)
        may_analyse = not reads_across_tenants() and request.user.has_perm("projects.analyse_project")
        may_import = project is not None and self.may(request, MAY_IMPORT)
        shown = {
            "answer": answer,
            "may_analyse": may_analyse,
            "quality": quality,
            "import_form": ImportForm(project=project) if project is not None and may_import else None,
        }
        return super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})


@admin.register(ProjectMembership)
class ProjectMembershipPage(TenantAdmin):
    """Who leads and who works on which project: what a team leader sees."""

    list_display = ("project", "user", "role")
    list_filter = ("role",)
    list_select_related = ("project", "user")


@admin.register(Stakeholder)
class StakeholderPage(TenantAdmin):
    """People with an interest in a project."""

    list_display = ("name", "email", "role", "project", "user")
    list_select_related = ("project", "user")


@admin.register(Goal)
class GoalPage(TenantAdmin):
    """What projects promised."""

    list_display = ("title", "project", "hardness", "due_date", "achieved_at")
    list_filter = ("hardness",)
    list_select_related = ("project",)


@admin.register(Baseline)
class BaselinePage(TenantAdmin):
    """Approved plans."""

    list_display = ("name", "project", "approved_at", "start_date", "finish_date", "scope_item_count")
    list_select_related = ("project",)


@admin.register(ScopeApproval)
class ScopeApprovalPage(TenantAdmin):
    """Approved changes of scope."""

    list_display = ("title", "project", "approved_at", "item_count_delta", "finish_date")
    list_select_related = ("project",)


@admin.register(CapacityCalendar)
class CapacityCalendarPage(TenantAdmin):
    """Who is available when."""

    list_display = ("project", "contributor", "first_date", "last_date", "allocation_percent")
    list_select_related = ("project", "contributor")


@admin.register(WorkItem)
class WorkItemPage(RecordAdmin):
    """Issues, cards and tasks, as tools and imports report them."""

    list_display = ("key", "title", "project", "item_type", "status_name", "opened_at", "resolved_at")
    list_filter = ("status_category", "presence")
    list_select_related = ("project",)
    readonly_fields = ("elsewhere",)

    @admin.display(description="In other tools")
    def elsewhere(self, item: WorkItem) -> str:
        """Items of other tools that this one names, or that name it, such as "Same work as PROJ-12 (jira)"."""
        return ", ".join(described_elsewhere(item))


@admin.register(CoAssignee)
class CoAssigneePage(RecordAdmin):
    """Further people assigned to an item."""

    list_display = ("work_item", "contributor", "recorded_at")
    list_select_related = ("work_item", "contributor")


@admin.register(FieldChange)
class FieldChangePage(RecordAdmin):
    """The history of items, field by field."""

    list_display = ("work_item", "field", "from_text", "to_text", "changed_at", "actor")
    list_select_related = ("work_item", "actor")
    search_fields = ("external_id__exact",)


@admin.register(WorkItemLink)
class WorkItemLinkPage(RecordAdmin):
    """What blocks, causes or duplicates what."""

    list_display = ("work_item", "link_type", "direction", "target_key", "linked_at", "unlinked_at", "is_same_work")
    list_filter = ("is_same_work",)
    list_select_related = ("work_item",)
    actions = ("confirm_same_work", "reject_same_work")

    @admin.action(description="The selected links join one piece of work: count it once", permissions=["change"])
    def confirm_same_work(self, request: HttpRequest, queryset: QuerySet[WorkItemLink]) -> None:
        """Count the target, and the item that is linked to it no longer."""
        said = say_same_work(queryset, is_same=True)
        self.message_user(request, f"Counted once from the next analysis on: {said}.")

    @admin.action(description="The selected links join two pieces of work: count both", permissions=["change"])
    def reject_same_work(self, request: HttpRequest, queryset: QuerySet[WorkItemLink]) -> None:
        """Count both, whatever their tools say."""
        said = say_same_work(queryset, is_same=False)
        self.message_user(request, f"Counted apart from the next analysis on: {said}.")


@admin.register(Iteration)
class IterationPage(RecordAdmin):
    """Sprints and other time boxes."""

    list_display = ("name", "project", "state", "starts_at", "ends_at", "completed_at")
    list_filter = ("state",)
    list_select_related = ("project",)


@admin.register(IterationMembership)
class IterationMembershipPage(RecordAdmin):
    """Which item was in which iteration, from when to when."""

    list_display = ("iteration", "work_item", "joined_at", "left_at")
    list_select_related = ("iteration", "work_item")


@admin.register(Milestone)
class MilestonePage(RecordAdmin):
    """Releases and other dated marks."""

    list_display = ("name", "project", "state", "target_date", "released_date")
    list_filter = ("state",)
    list_select_related = ("project",)


@admin.register(MilestoneMembership)
class MilestoneMembershipPage(RecordAdmin):
    """Which item belonged to which milestone, from when to when."""

    list_display = ("milestone", "work_item", "joined_at", "left_at")
    list_select_related = ("milestone", "work_item")


@admin.register(WorkflowStatus)
class WorkflowStatusPage(RecordAdmin):
    """What each status of a tool means: to do, in progress or done."""

    list_display = ("name", "project", "source", "category", "category_origin")
    list_filter = ("category",)
    list_select_related = ("project",)


@admin.register(Contributor)
class ContributorPage(RecordAdmin):
    """People as the tools name them, under a pseudonym; accounts of one person have the same one under “person”."""

    list_display = ("pseudonym", "display_label", "source", "is_active", "user", "person")
    list_filter = ("is_active", "is_apart")
    list_select_related = ("user",)
    actions = ("link", "part")
    readonly_fields = ("accounts",)

    @admin.display(description="Accounts of the same person")
    def accounts(self, contributor: Contributor) -> str:
        """The others, such as "person-1f2e3d4c5b6a (jira)"."""
        return ", ".join(f"{each} ({each.source})" for each in other_accounts(contributor))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # an import knows the account; by hand nobody does

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Link accounts anew where one was given to a user, as the API does."""
        super().save_model(request, obj, form, change)
        if "user" in form.changed_data:
            user_changed()

    @admin.action(description="The selected accounts are one person's", permissions=["change"])
    def link(self, request: HttpRequest, queryset: QuerySet[Contributor]) -> None:
        """Count the people behind the accounts once."""
        try:
            link_accounts(*queryset)
        except AccountsNotLinked as refused:
            self.message_user(request, f"Nothing was linked: {refused}", messages.ERROR)
        else:
            self.message_user(request, "These accounts count as one person from the next analysis on.")

    @admin.action(description="The selected accounts are nobody else's", permissions=["change"])
    def part(self, request: HttpRequest, queryset: QuerySet[Contributor]) -> None:
        """Count each account as a person, whatever its address or user say."""
        for account in queryset:
            set_apart(account)
        self.message_user(request, "Each of these accounts counts as a person of its own from the next analysis on.")


@admin.register(CostEntry)
class CostEntryPage(RecordAdmin):
    """Money and hours spent."""

    list_display = ("project", "incurred_on_date", "amount", "currency", "category", "hours")
    list_select_related = ("project",)


@admin.register(TimeEntry)
class TimeEntryPage(RecordAdmin):
    """Time written down as worked on items: when and how long, never what was said of it."""

    list_display = ("project", "work_item", "worked_on_date", "duration_s", "contributor", "removed_at")
    list_select_related = ("project", "work_item", "contributor")


@admin.register(ActivityEvent)
class ActivityEventPage(RecordAdmin):
    """Comments and reviews: when and in which role, never what was said."""

    list_display = ("project", "work_item", "kind", "contributor_role", "occurred_at")
    list_select_related = ("project", "work_item")


@admin.register(CiRun)
class CiRunPage(RecordAdmin):
    """Runs of build pipelines."""

    list_display = ("project", "pipeline", "branch", "outcome", "started_at", "finished_at")
    list_select_related = ("project",)


@admin.register(Deployment)
class DeploymentPage(RecordAdmin):
    """Deployments."""

    list_display = ("project", "environment", "outcome", "started_at", "finished_at")
    list_select_related = ("project",)


@admin.register(Incident)
class IncidentPage(RecordAdmin):
    """Incidents in operation."""

    list_display = ("title", "project", "severity", "opened_at", "resolved_at")
    list_filter = ("severity",)
    list_select_related = ("project",)


@admin.register(PulseSummary)
class PulseSummaryPage(RecordAdmin):
    """Opt-in pulses, only ever as an average of five or more."""

    list_display = ("project", "question_code", "first_date", "last_date", "mean_score", "respondent_count")
    list_select_related = ("project",)


@admin.register(AnalysisRecord)
class AnalysisRecordPage(SystemAdmin):
    """What was computed, from what, with which result: one row a run."""

    read_action = AuditAction.ACCESS_PREDICTION
    list_display = (
        "project",
        "kind",
        "as_of",
        "readiness",
        column("overall_score", "Score (of 100)", number),
        column("duration_ms", "Took (ms)", number),
        "created_at",
    )
    list_filter = ("kind", "readiness")
    list_select_related = ("project",)


@admin.register(ImportRun)
class ImportRunPage(SystemAdmin):
    """Imports of histories: how far, how many, what failed."""

    list_display = ("file_name", "project", "status", "created_count", "updated_count", "failed_count", "started_at")
    list_filter = ("status",)
    list_select_related = ("project",)
