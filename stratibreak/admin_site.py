"""The backoffice: one site for administrators of an organisation and for platform operators.

An administrator works in their organisation and sees no other.  An operator first takes a deliberate step, with a
reason: enter one organisation and work in it, or read across all of them.  Both are in the audit log before anything is
shown.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse

from stratibreak.menu import ordered_menu
from tenants.isolation.platform_access import platform_access_available
from tenants.isolation.transaction import auth_context
from tenants.operators import OperatorChoice, keep_operator_choice, operator_choice
from tenants.request_info import printable

RECENT_ENTRIES = 10
REASON_MIN_CHARS, REASON_MAX_CHARS = 5, 300
_READ_ACROSS = "across"
_LEAVE = "leave"
_ALWAYS_OPEN = ("login", "logout", "jsi18n", "password_change", "password_change_done", "operator_step")


class OperatorStepForm(forms.Form):
    """Which organisation an operator enters, or that they read across all, and why."""

    target = forms.ChoiceField(label="Work in")
    reason = forms.CharField(
        max_length=REASON_MAX_CHARS,
        min_length=REASON_MIN_CHARS,
        help_text="Kept in the audit log; the organisation's administrators can read it.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "size": 60}),
    )

    def __init__(self, *args: Any, organisations: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        across = [(_READ_ACROSS, "All organisations, reading only")] if platform_access_available() else []
        field = self.fields["target"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared above
        field.choices = [*across, *organisations]

    def clean_reason(self) -> str:
        """Count what the audit log will show: characters without a shape are no reason."""
        reason = printable(self.cleaned_data["reason"], REASON_MAX_CHARS)
        if len(reason) < REASON_MIN_CHARS:
            raise ValidationError(f"At least {REASON_MIN_CHARS} characters that can be read.")
        return reason


class CompletionView(AutocompleteJsonView):
    """Offers rows for a reference; a relation in the other direction is refused, where Django would fail."""

    def process_request(self, request: HttpRequest) -> Any:
        asked = super().process_request(request)
        if not isinstance(asked[2], models.Field):
            raise PermissionDenied
        return asked


class BackofficeSite(AdminSite):
    """Django's admin, with the operator's step before it and the audit trail instead of its own log."""

    site_header = "Stratibreak"
    site_title = "Stratibreak"
    index_title = "Backoffice"
    site_url = None  # the backoffice is the only site there is
    enable_nav_sidebar = True

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register pages, but none for the groups of django.contrib.auth: the role matrix replaces them."""
        found: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        kept = [model for model in found if model._meta.app_label not in settings.TABLELESS_APPS]
        super().register(kept, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether a person is here who may enter: a machine's key never opens a page."""
        return bool(getattr(request.user, "is_staff", False)) and getattr(request, "api_key", None) is None

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Sign in by the same path as the API; stands outside every transaction (`tenants.strangers`)."""
        from stratibreak.login_form import BackofficeLoginForm  # noqa: PLC0415  # models are loaded after sites

        self.login_form = BackofficeLoginForm
        answer: HttpResponse = super().login(request, extra_context)
        return answer

    def get_urls(self) -> list[URLResolver | URLPattern]:
        step = path("operator/", self.admin_view(self.operator_step), name="operator_step")
        from stratibreak.analysis_page import analyse_project  # noqa: PLC0415  # models are loaded after sites
        from stratibreak.answer_files import answer_file  # noqa: PLC0415
        from stratibreak.portfolio_page import portfolio  # noqa: PLC0415
        from stratibreak.trust_page import trust  # noqa: PLC0415

        analysis = path("analyse/<uuid:project_id>/", self.admin_view(analyse_project), name="analyse_project")
        trust_page = path("trust/", self.admin_view(trust), name="trust")
        portfolio_page = path("portfolio/", self.admin_view(portfolio), name="portfolio")
        file = self.admin_view(answer_file)
        files = [
            path("files/<str:answer>/", file, name="answer_file"),
            path("files/<str:answer>/<uuid:row_id>/", file, name="answer_file"),
        ]
        return [step, analysis, trust_page, portfolio_page, *files, *super().get_urls()]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Send an operator who has not taken the step to it, whatever page they asked for."""
        inner = super().admin_view(view, cacheable)

        def stepped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if any("\0" in value for values in request.GET.lists() for value in values[1]):
                return HttpResponseBadRequest("The address holds a character that no text has.")
            if needs_step(request):
                return HttpResponseRedirect(reverse("admin:operator_step"))
            answer: HttpResponse = inner(request, *args, **kwargs)
            return answer

        stepped.csrf_exempt = getattr(inner, "csrf_exempt", False)  # type: ignore[attr-defined]  # as Django's does
        return stepped

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        choice = operator_choice(request) if getattr(request.user, "is_operator", False) else None
        context["operator_choice"] = choice
        context["organisation_name"] = _organisation_name(request, choice)
        return context

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        return ordered_menu(super().get_app_list(request, app_label))

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """Show how the projects stand, the models, and what was done last, from the audit trail."""
        from stratibreak.overview import overview_rows  # noqa: PLC0415  # models are loaded after sites
        from tenants.admin.audit_words import in_words  # noqa: PLC0415
        from tenants.admin.base import reads_across_tenants  # noqa: PLC0415
        from tenants.models import AuditEntry  # noqa: PLC0415

        recent = in_words(AuditEntry.objects.all()[:RECENT_ENTRIES])
        overview = None if reads_across_tenants() else overview_rows()
        return super().index(request, {"recent_entries": recent, "overview": overview, **(extra_context or {})})

    def autocomplete_view(self, request: HttpRequest) -> Any:
        return CompletionView.as_view(admin_site=self)(request)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Change one's own password under the auth purpose, which operators have too."""
        with auth_context(actor_id=getattr(request.user, "pk", None)):
            return super().password_change(request, extra_context)

    def operator_step(self, request: HttpRequest) -> HttpResponse:
        """Let an operator enter an organisation, read across all, or leave again."""
        if not getattr(request.user, "is_operator", False):
            return HttpResponseRedirect(reverse("admin:index"))
        if request.POST.get("target") == _LEAVE:
            keep_operator_choice(request, None)
            return HttpResponseRedirect(reverse("admin:operator_step"))
        form = OperatorStepForm(request.POST or None, organisations=_organisations())
        if request.method == "POST" and form.is_valid():
            take_step(request, form.cleaned_data["target"], form.cleaned_data["reason"])
            messages.success(request, "Your step is in the audit log.")
            return HttpResponseRedirect(reverse("admin:index"))
        context = {**self.each_context(request), "title": "Where do you want to work?", "form": form}
        return TemplateResponse(request, "admin/operator_step.html", context)


class BackofficeConfig(AdminConfig):
    """Django's admin with our site as the default one."""

    default_site = "stratibreak.admin_site.BackofficeSite"


def needs_step(request: HttpRequest) -> bool:
    """Whether an operator asks for a page that needs the step they have not taken."""
    if not getattr(request.user, "is_operator", False) or operator_choice(request) is not None:
        return False
    match = request.resolver_match
    return match is None or match.url_name not in _ALWAYS_OPEN


def take_step(request: HttpRequest, target: str, reason: str) -> None:
    """Keep the choice in the session; entering an organisation is in its audit log first."""
    from tenants.domain.auditing import record_operator_enter  # noqa: PLC0415  # models are loaded after sites

    tenant_id = None if target == _READ_ACROSS else UUID(target)
    if tenant_id is not None:
        operator: Any = request.user
        record_operator_enter(tenant_id=tenant_id, operator_id=operator.pk, reason=reason)
    keep_operator_choice(request, OperatorChoice(tenant_id, reason))


def _organisations() -> list[tuple[str, str]]:
    from tenants.models import Tenant  # noqa: PLC0415  # models are loaded after sites

    with auth_context():
        found = Tenant.objects.order_by("name").values_list("id", "name")
        return [(str(tenant_id), name) for tenant_id, name in found]


def _organisation_name(request: HttpRequest, choice: OperatorChoice | None) -> str:
    from tenants.models import Tenant  # noqa: PLC0415  # models are loaded after sites

    tenant = getattr(request.user, "tenant", None)
    if tenant is not None:
        return str(tenant.shown_name)
    if choice is None or choice.tenant_id is None:
        return ""
    with auth_context():
        return Tenant.objects.values_list("name", flat=True).filter(pk=choice.tenant_id).first() or ""
