"""Backoffice pages of connected tools."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

import integrations.outgoing_admin  # noqa: F401 - registers its pages
from integrations.admin_forms import (
    FieldMappingForm,
    FieldMappingFormSet,
    IntegrationForm,
    NewCredentialsForm,
    RevocationForm,
    StatusCategoriesForm,
)
from integrations.connectors.base import ConnectionReport
from integrations.domain.connecting import begin_connection_test, end_connection_test, run_connection_test
from integrations.domain.consenting import (
    Asked,
    NotAskedFor,
    NotOffered,
    answered,
    ask_for_consent,
    is_offered,
    keep_consented,
)
from integrations.domain.credentials import replace_credentials, revoke_credentials
from integrations.domain.environment import Environment
from integrations.domain.mappings import (
    change_mappings,
    field_mappings_change,
    known_statuses,
    read_items_anew,
    settings_changed,
)
from integrations.domain.progress import run_under_way
from integrations.domain.starting import start_sync, switch_off
from integrations.health import describe_health, report_sentences
from integrations.http.errors import ToolError
from integrations.models import FieldMapping, Integration, StreamState, SyncProgress, SyncResult
from integrations.webhook_admin import WebhookActs
from tenants.admin.base import SystemAdmin, TenantAdmin, TenantInline, reads_across_tenants
from tenants.domain.invitation_mail import public_url_problem
from tenants.domain.refusals import Refusal
from tenants.outside import Question, is_answered, told

SHOWN_RUNS = 5
CONSENTED, CONSENTS = "integrations_integration_consented", "consents"
"""Name of the address that tools send people back to, and of what a session keeps of what it asked for."""
MAY_TEST, MAY_SYNC = "integrations.change_integration", "projects.import_project"


class FieldMappingInline(TenantInline):
    """Which external field becomes which of ours."""

    model = FieldMapping
    formset = FieldMappingFormSet


@admin.register(Integration)
class IntegrationPage(WebhookActs):
    """Connections to tools; credentials are entered here and shown nowhere."""

    list_display = ("name", "project", "type", "status", "last_sync_at", "error_count")
    list_filter = ("type", "status")
    list_select_related = ("project",)
    form = IntegrationForm
    inlines = (FieldMappingInline,)

    def get_urls(self) -> list[Any]:
        acts = {
            "test": self.test_view,
            "sync": self.sync_view,
            "off": self.switch_off_view,
            "statuses": self.statuses_view,
            "credentials": self.credentials_view,
            "revoke": self.revoke_view,
            "consent": self.consent_view,
        }
        mine = [
            path(f"<uuid:row_id>/{name}/", self.admin_site.admin_view(view), name=f"integrations_integration_{name}")
            for name, view in acts.items()
        ]
        back = path("consented/", self.admin_site.admin_view(self.consented_view), name=CONSENTED)
        return [back, *mine, *self.webhook_urls(), *super().get_urls()]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Credentials that are stored are replaced by a form of their own, which has them tested first."""
        names = super().get_fields(request, obj)
        return names if obj is None else [name for name in names if name != "credentials"]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Say above the form how the connection is doing, and what can be done about it."""
        integration = self.get_object(request, object_id)
        shown = {} if integration is None else self._shown(request, integration)
        return super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """To the page of the new connection, which says what to do first; not back to a list that does not."""
        if {"_addanother", "_popup"} & set(request.POST):
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, f"“{obj}” was added.")
        return HttpResponseRedirect(reverse("admin:integrations_integration_change", args=[obj.pk]))

    def _shown(self, request: HttpRequest, integration: Integration) -> dict[str, Any]:
        runs = list(SyncResult.objects.filter(integration=integration).order_by("-id")[:SHOWN_RUNS])
        under_way = None if reads_across_tenants() else run_under_way(integration)
        latest = runs[0] if runs else None
        shown: dict[str, Any] = {
            "health": describe_health(integration, latest, under_way, at=timezone.now()),
            "runs": runs,
            "under_way": under_way,
            "may_test": self.may(request, MAY_TEST),
            "may_sync": self.may(request, MAY_SYNC),
            **self.shown_webhook(request, integration),
        }
        if self.may(request, MAY_TEST):
            shown["credentials_form"] = NewCredentialsForm(tool=integration.type)
            shown["may_consent"] = _may_be_connected_by_consent(integration)
            shown["revocation_form"] = RevocationForm() if integration.is_connected else None
        if self.may(request, MAY_TEST) and (statuses := known_statuses(integration)):
            shown["status_form"] = StatusCategoriesForm(statuses=statuses)
        return shown

    def test_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Ask the tool who we are, as ``POST /integrations/{id}/test`` does, and say on the page what it said."""
        if is_answered(request):
            return self.do_posted(request, row_id, MAY_TEST, self._end_test)
        questions: list[Question] = []

        def begin(_: HttpRequest, integration: Integration) -> None:
            questions.append(Question(begin_connection_test(integration, Environment.configured())))

        response = self.do_posted(request, row_id, MAY_TEST, begin)
        return questions[0] if questions else response

    def sync_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Have the tool read now, as ``POST /integrations/{id}/sync`` does."""
        return self.do_posted(request, row_id, MAY_SYNC, self._sync)

    def switch_off_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Read the tool no more, as ``POST /integrations/{id}/switch-off`` does."""
        return self.do_posted(request, row_id, MAY_TEST, self._switch_off)

    def statuses_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Keep what the tool's statuses count as."""
        return self.do_posted(request, row_id, MAY_TEST, self._keep_statuses)

    def credentials_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Put new credentials in place, as ``POST /integrations/{id}/credentials`` does."""
        return self.do_posted(request, row_id, MAY_TEST, self._replace)

    def revoke_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Take the credentials away, as ``DELETE /integrations/{id}/credentials`` does."""
        return self.do_posted(request, row_id, MAY_TEST, self._revoke)

    def _replace(self, request: HttpRequest, integration: Integration) -> None:
        form = NewCredentialsForm(request.POST, tool=integration.type)
        if not form.is_valid() or not (entered := form.credentials()):
            messages.error(request, "Nothing was changed. Enter at least one credential.")
            return
        try:
            done = replace_credentials(
                integration=integration,
                credentials=entered,
                environment=Environment.configured(),
                at=timezone.now(),
                is_tested=form.cleaned_data["is_tested"],
            )
        except ValidationError as refused:
            messages.error(request, f"Nothing was changed. {' '.join(refused.messages)}")
            return
        said = report_sentences(replace(done.report, error=done.error)) if done.report else ["They were not tested."]
        if done.error is not None:
            messages.error(request, " ".join(["The credentials before stay in place.", *said]))
        else:
            messages.success(request, " ".join(["The credentials are replaced.", *said]))

    def _revoke(self, request: HttpRequest, integration: Integration) -> None:
        if not RevocationForm(request.POST).is_valid():
            messages.error(request, "Nothing was changed. Say that you are sure.")
            return
        done = revoke_credentials(integration=integration, environment=Environment.configured(), at=timezone.now())
        say = messages.success if done.is_confirmed else messages.warning
        say(request, done.sentence)

    def consent_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Say where the tool asks the person to let the operator's app in: forms lead to no other site."""
        shown: dict[str, Any] = {}

        def ask(request: HttpRequest, integration: Integration) -> None:
            if problem := _no_way_back():
                raise NotOffered(problem)
            shown["address"], request.session[CONSENTS] = ask_for_consent(
                request.session.get(CONSENTS, {}),
                integration=integration,
                environment=Environment.configured(),
                redirect_uri=_way_back(),
                at=timezone.now(),
            )
            shown["original"] = integration

        response = self.do_posted(request, row_id, MAY_TEST, ask)
        if not shown:
            return response
        context = {**self.admin_site.each_context(request), "title": "Connect", "opts": self.opts, **shown}
        return TemplateResponse(request, "admin/integrations/integration/consent.html", context)

    def consented_view(self, request: HttpRequest) -> HttpResponse:
        """Where a tool sends a person back to, with a code or without one."""
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        if not self.may(request, MAY_TEST):
            raise PermissionDenied
        try:
            state = request.GET.get("state", "")
            asked, request.session[CONSENTS] = answered(request.session.get(CONSENTS, {}), state, at=timezone.now())
        except NotAskedFor as refused:
            messages.error(request, f"Nothing was changed. {refused}")
            return HttpResponseRedirect(reverse("admin:integrations_integration_changelist"))
        integration = get_object_or_404(self.get_queryset(request), pk=asked.integration_id)
        self._keep_consented(request, integration, asked)
        return HttpResponseRedirect(reverse("admin:integrations_integration_change", args=[integration.pk]))

    def _keep_consented(self, request: HttpRequest, integration: Integration, asked: Asked) -> None:
        code = request.GET.get("code", "")
        if not code:
            messages.error(request, "Nothing was changed. The tool says that the app was not let in.")
            return
        environment = Environment.configured()
        try:
            keep_consented(
                integration=integration,
                asked=asked,
                code=code,
                environment=environment,
                redirect_uri=_way_back(),
                at=timezone.now(),
            )
        except (Refusal, ToolError) as refused:
            messages.error(request, f"Nothing was changed. {refused}")
            return
        messages.success(request, "The tool is connected.")
        integration.refresh_from_db()
        self._say(request, run_connection_test(integration, Environment.configured()))

    def _end_test(self, request: HttpRequest, integration: Integration) -> None:
        report: ConnectionReport = told(request)
        end_connection_test(integration, report)
        self._say(request, report)

    def _say(self, request: HttpRequest, report: ConnectionReport) -> None:
        say = messages.success if report.is_ok else messages.warning if report.error is None else messages.error
        say(request, " ".join(report_sentences(report)))

    def _sync(self, request: HttpRequest, integration: Integration) -> None:
        if start_sync(integration=integration, at=timezone.now()):
            messages.success(request, "The tool was read just now; the newest run says what it brought.")
        else:
            messages.success(request, "It is first in line: a worker reads it next. Progress is shown here.")

    def _switch_off(self, request: HttpRequest, integration: Integration) -> None:
        switch_off(integration=integration)
        messages.success(request, "It is switched off. What was read stays; a run under way ends with its next step.")

    def _keep_statuses(self, request: HttpRequest, integration: Integration) -> None:
        form = StatusCategoriesForm(request.POST, statuses=known_statuses(integration))
        if not form.is_valid():
            messages.error(request, "Nothing was changed. A status counts as to do, in progress or done.")
            return
        change_mappings(integration=integration, categories=form.categories())
        messages.success(request, "The categories are kept. The next run reads everything anew with them.")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Keep when the credentials changed, and let changed categories take effect, as the API does."""
        if "credentials" in form.changed_data:
            obj.credentials_changed_at = timezone.now()
        before = dict(form.initial.get("config") or {}) if change else obj.config
        super().save_model(request, obj, form, change)
        settings_changed(obj, before)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Let changed field mappings take effect, as the API does."""
        super().save_formset(request, form, formset, change)
        if formset.has_changed():
            read_items_anew(form.instance)


def _may_be_connected_by_consent(integration: Integration) -> bool:
    has_app = integration.type in settings.INTEGRATION_APPS
    return has_app and not _no_way_back() and is_offered(integration, Environment.configured())


def _no_way_back() -> str:
    """Why tools cannot send people back, "" where they can: the address is never built from a request's Host header."""
    return "PUBLIC_URL is not set." if public_url_problem(settings.PUBLIC_URL) else ""


def _way_back() -> str:
    return f"{settings.PUBLIC_URL.rstrip('/')}{reverse(f'admin:{CONSENTED}')}"


@admin.register(FieldMapping)
class FieldMappingPage(TenantAdmin):
    """Which external field becomes which of ours, and how."""

    list_display = ("external_field", "internal_field", "integration", "transformation", "is_required")
    list_select_related = ("integration",)
    form = FieldMappingForm

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        read_items_anew(obj.integration)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with field_mappings_change(obj.integration):
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with field_mappings_change(*Integration.objects.filter(field_mappings__in=queryset).distinct()):
            super().delete_queryset(request, queryset)


@admin.register(SyncResult)
class SyncResultPage(SystemAdmin):
    """Runs of connections: how many, how long, what failed."""

    list_display = ("integration", "status", "started_at", "duration_ms", "created_count", "failed_count")
    list_filter = ("status",)
    list_select_related = ("integration",)


@admin.register(SyncProgress)
class SyncProgressPage(SystemAdmin):
    """Runs that are under way, or were interrupted."""

    list_display = ("integration", "started_at", "seen_at", "pass_number", "request_count")
    list_select_related = ("integration",)


@admin.register(StreamState)
class StreamStatePage(SystemAdmin):
    """How far each stream has been read."""

    list_display = ("integration", "stream", "partition", "cursor", "checkpoint_at", "census_at")
    list_filter = ("stream",)
    list_select_related = ("integration",)
