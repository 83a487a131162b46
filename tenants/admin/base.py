"""The base of every page of the backoffice that shows a tenant's rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.db import IntegrityError, models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from tenants.admin.audit_words import in_words
from tenants.admin.deletion import contained_counts, described_counts
from tenants.admin.pagination import CappedPaginator
from tenants.admin.widgets import NamedInlineFormSet, NamedSplitDateTime, name_after_column
from tenants.api.access import visible_of
from tenants.api.exports import Export, export_response, view_of
from tenants.domain.auditing import AuditAction, Operation, record
from tenants.domain.recorded_edits import record_creation, recorded_change, recorded_deletion
from tenants.domain.refusals import Refusal
from tenants.isolation.context import Purpose, current_context
from tenants.isolation.models import TenantModel, fixed_fields
from tenants.isolation.references import TenantForeignKey
from tenants.isolation.search.matching import MOST_MATCHES, SearchTooLong, find_matches
from tenants.isolation.search.sources import is_searchable
from tenants.models import AuditEntry
from tenants.permissions import Action

HISTORY_ROWS = 200
WITHHELD_COLUMNS = frozenset(
    {"password", "secret_digest", "pepper_version", "row_hash", "leaves", "leaves_digest", "previous_mac", "mac"}
)
MANY_MATCHES = (
    f"More than {MOST_MATCHES:,} match. Only the newest {MOST_MATCHES:,} are shown: add a word to find fewer."
)
SEARCH_HELP = "Words in any order, each by its beginning. A key such as ABC-123 finds itself."
REFUSED_LOOKUPS = frozenset({"regex", "iregex", "year", "iso_year"})
"""Patterns, and years that no date has: both fail while rows are read."""
_OK = 200


def reads_across_tenants() -> bool:
    """Whether this request is an operator's read across all tenants, in which nothing is written."""
    context = current_context()
    return context is not None and context.purpose is Purpose.PLATFORM


def asks_unseen(model: Any, path: list[str]) -> bool:
    """Whether a filter's path leads to a column that nobody sees: what is sealed, or declared to be shown to nobody.

    path: names of fields, then perhaps of a comparison
    """
    for name in path:
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            return False
        if isinstance(field, models.BinaryField) or name in _declared(model, "shown_to_nobody"):
            return True
        if field.related_model is None:
            return False
        model = field.related_model
    return False


def is_key_of(field: models.Field[Any, Any], text: object) -> bool:
    """Whether the text can be a value of a key, there or not: Django answers anything else with an error page."""
    try:
        field.to_python(text)
    except ValidationError:
        return False
    return True


class ReferenceSelect(AutocompleteSelect):
    """Completes a reference by typing; what cannot be a key selects nothing."""

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        key = self.field.remote_field.model._meta.pk
        return super().optgroups(name, [each for each in value if is_key_of(key, each)], attrs)


class CompletedReferences:
    """What a page and the rows edited on it share: every reference is completed by typing.

    A list of all rows would be a page of a million options.
    """

    model: Any
    admin_site: Any
    fk_name: str | None = None

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Return every reference that people write, except the one from a row to the page it is edited on."""
        return tuple(
            field.name
            for field in self.model._meta.concrete_fields
            if isinstance(field, TenantForeignKey) and field.editable and field.name != self.fk_name
        )

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", ReferenceSelect(db_field, self.admin_site, using=kwargs.get("using")))
        page: Any = super()
        return page.formfield_for_foreignkey(db_field, request, **kwargs)


class TenantAdmin(CompletedReferences, admin.ModelAdmin):  # type: ignore[type-arg]  # one base for all models
    """Lists fast at a million rows, completes references, writes only inside one tenant.

    Who may do what comes from the role matrix through ``User.has_perm``; the tenant from the request's context.
    read_action: recorded when somebody opens a row (None: reads are not recorded)
    """

    read_action: ClassVar[AuditAction | None] = None

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "admin/exportable_change_list.html"
    paginator = CappedPaginator
    formfield_overrides: ClassVar[dict[Any, Any]] = {
        models.URLField: {"assume_scheme": "https"},
        models.DateTimeField: {"form_class": forms.SplitDateTimeField, "widget": NamedSplitDateTime},
    }

    # Which rows

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request).order_by(*self.get_ordering(request))
        return rows.none() if self.is_closed_across() else rows

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """Order by the primary key, newest first: the index of every tenant table, also across tenants."""
        ordering: tuple[Any, ...] = tuple(self.ordering or ("-id",))
        if reads_across_tenants() and self.has_tenant():
            return ("-tenant", *ordering)
        return ordering

    def is_closed_across(self) -> bool:
        """Whether an operator reads across tenants who may do so with other rows, and not with these."""
        return reads_across_tenants() and not self.model.platform_privileges

    def has_tenant(self) -> bool:
        """Whether the rows name their tenant, which an operator reading across sees as a column."""
        return any(field.name == "tenant" for field in self.model._meta.concrete_fields)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        columns = tuple(self.list_display)
        if not reads_across_tenants() or not self.has_tenant():
            return columns
        return (columns[0], "tenant", *columns[1:])

    def get_list_select_related(self, request: HttpRequest) -> tuple[str, ...]:
        wanted = tuple(self.list_select_related) if isinstance(self.list_select_related, list | tuple) else ()
        return (*wanted, "tenant") if reads_across_tenants() and self.has_tenant() else wanted

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse filters over what nobody sees, which would give it away letter by letter, and those that may fail."""
        parts = lookup.split("__")
        if not WITHHELD_COLUMNS.isdisjoint(parts) or not REFUSED_LOOKUPS.isdisjoint(parts):
            return False
        if asks_unseen(self.model, parts):
            return False
        allowed: bool = super().lookup_allowed(lookup, value, request)
        return allowed

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return tuple(self.model.search_columns if is_searchable(self.model) else self.search_fields)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Find rows by the words of their text; where a model has none, by the exact values in ``search_fields``."""
        typed = search_term.replace("\0", "").strip()
        if not typed or not self.get_search_fields(request):
            return queryset, False
        if not is_searchable(self.model):
            condition = models.Q()
            for name in self.search_fields:
                condition |= models.Q((name, typed))
            return queryset.filter(condition), False
        noted: Any = request
        try:
            matches = find_matches(self.model, typed)
        except SearchTooLong as error:
            noted.search_notice = str(error)
            return queryset.none(), False
        if matches.are_cut:
            noted.search_notice = MANY_MATCHES
        return matches.among(queryset), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Say above the list what a search left out; a completion, which searches too, has no place to say it."""
        instance = super().get_changelist_instance(request)
        if is_searchable(self.model):
            instance.search_help_text = SEARCH_HELP
        if notice := getattr(request, "search_notice", None):
            self.message_user(request, notice, messages.WARNING)
        return instance

    # Who may

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not self.is_closed_across() and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not reads_across_tenants() and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not reads_across_tenants() and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not reads_across_tenants() and super().has_delete_permission(request, obj)

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Whether the rows may leave as a file. Not while an operator reads across tenants: no trail would hold it."""
        if reads_across_tenants() or view_of(self.model) is None:
            return False
        name = f"{self.opts.app_label}.{Action.EXPORT}_{self.opts.model_name}"
        return bool(cast("Any", request.user).has_perm(name))

    # Exports

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the export on every page, beside the actions that a page names itself."""
        actions: dict[str, Any] = super().get_actions(request)
        if IS_POPUP_VAR not in request.GET and self.has_export_permission(request):
            actions["export_as_csv"] = self.get_action("export_as_csv")
            actions["export_as_xlsx"] = self.get_action("export_as_xlsx")
        return actions

    @admin.action(description="Export the selected %(verbose_name_plural)s as CSV")
    def export_as_csv(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponseBase:
        """Send the selected rows as a file: the API's own, with its columns and its audit entry."""
        return self._exported(request, queryset, "csv")

    @admin.action(description="Export the selected %(verbose_name_plural)s as Excel workbook")
    def export_as_xlsx(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponseBase:
        """The same as a workbook."""
        return self._exported(request, queryset, "xlsx")

    def _exported(self, request: HttpRequest, queryset: models.QuerySet[Any], format_name: str) -> HttpResponseBase:
        if not self.has_export_permission(request):
            raise PermissionDenied
        view = view_of(self.model)
        assert view is not None  # noqa: S101  # asked above
        return export_response(
            Export(view, visible_of(queryset, request.user), asked=request.GET.dict()),
            format_name=format_name,
            at=timezone.now(),
        )

    def export_view(self, request: HttpRequest, format_name: str) -> HttpResponseBase:
        """Send every row of the list as it is narrowed at the moment."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        listed = self.get_changelist_instance(request).get_queryset(request)
        if getattr(request, "search_notice", None):
            self.message_user(
                request, "Nothing was exported: the file would lack what the search left out.", messages.ERROR
            )
            changelist = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
            return HttpResponseRedirect(f"{changelist}?{request.GET.urlencode()}")
        return self._exported(request, listed, format_name)

    def get_urls(self) -> list[Any]:
        base, view = (
            f"{self.opts.app_label}_{self.opts.model_name}_export",
            self.admin_site.admin_view(self.export_view),
        )
        return [
            path("export/", view, {"format_name": "csv"}, name=base),
            path("export-xlsx/", view, {"format_name": "xlsx"}, name=f"{base}_xlsx"),
            *super().get_urls(),
        ]

    # Forms

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Show what the system writes (times, versions, counts) below what people write, and keep what is fixed."""
        shown = (*super().get_readonly_fields(request, obj), *_declared(self.model, "kept_by_system"))
        if obj is None:
            return shown
        written = (
            field.name
            for field in self.model._meta.concrete_fields
            if not field.editable and not field.primary_key and field.name not in self.hidden_fields()
        )
        fixed = fixed_fields(self.model) if issubclass(self.model, TenantModel) else ()
        return tuple(dict.fromkeys([*shown, *fixed, *written]))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out of a new row what the system will write."""
        names = super().get_fields(request, obj)
        return names if obj is not None else [name for name in names if name not in self.get_readonly_fields(request)]

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        hidden = (*(super().get_exclude(request, obj) or ()), *_declared(self.model, "shown_to_nobody"))
        return hidden or None  # None lets a form's own Meta speak

    def hidden_fields(self) -> tuple[str, ...]:
        """Return the names of fields that no page shows: the tenant stands in the header, secrets nowhere."""
        generated = (field.name for field in self.model._meta.concrete_fields if field.generated)
        return ("tenant", "password", *_declared(self.model, "shown_to_nobody"), *generated)

    # Writes, each kept in the audit trail whatever the model

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        save_recorded(obj, lambda: super(TenantAdmin, self).save_model(request, obj, form, change), is_new=not change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save the rows edited with another one."""
        for row in formset.save(commit=False):
            save_recorded(row, row.save, is_new=row._state.adding)
        with recorded_deletion(*formset.deleted_objects):
            for row in formset.deleted_objects:
                row.delete()
        formset.save_m2m()

    def response_action(
        self, request: HttpRequest, queryset: models.QuerySet[Any], *more: Any, **named: Any
    ) -> HttpResponse | None:
        """Do what was chosen for the marked rows. Raises DisallowedModelAdminLookup for a mark that is no key."""
        key = self.model._meta.pk
        if not all(is_key_of(key, mark) for mark in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            raise DisallowedModelAdminLookup("A marked row is none of this list.")
        done: HttpResponse | None = super().response_action(request, queryset, *more, **named)
        return done

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete one row; what still refers to it is named instead of a page of errors."""
        try:
            with transaction.atomic(), recorded_deletion(obj):
                super().delete_model(request, obj)
        except IntegrityError as error:
            raise StillReferred(self.model) from error

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        try:
            with transaction.atomic(), recorded_deletion(*queryset):
                super().delete_queryset(request, queryset)
        except IntegrityError as error:
            raise StillReferred(self.model) from error

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        export = {"may_export": self.has_export_permission(request)}
        try:
            return super().changelist_view(request, {**export, **(extra_context or {})})
        except Refusal as refused:
            return self._refused_deletion(request, refused)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except Refusal as refused:
            return self._refused_deletion(request, refused)

    def _refused_deletion(self, request: HttpRequest, refused: Refusal) -> HttpResponse:
        self.message_user(request, f"Nothing was deleted: {refused}", messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name what is deleted and count what goes with it, in as many queries as there are models."""
        rows = list(objs)
        counts = contained_counts(rows)
        named = [str(row) for row in rows[:HISTORY_ROWS]]
        with_it = described_counts(counts)
        to_delete = [*named, with_it] if with_it else named
        model_count = {str(self.model._meta.verbose_name_plural): len(rows)}
        missing = set() if self.has_delete_permission(request) else {str(self.model._meta.verbose_name)}
        return to_delete, model_count, missing, []

    # The audit trail instead of Django's own log

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Leave it to the audit trail, which every write reaches."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Leave it to the audit trail, which every write reaches."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Leave it to the audit trail, which every write reaches."""

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one row; that a gap or a prediction was shown is recorded, also below what was wrongly entered."""
        response = super().change_view(request, object_id, form_url, extra_context)
        if self.read_action and response.status_code == _OK and not reads_across_tenants():
            record(
                action=self.read_action,
                operation=Operation.READ,
                resource=(self.model._meta.label_lower, object_id),
            )
        return response

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Show the audit entries of one row, newest first."""
        obj = self.get_object(request, object_id)
        if obj is None:
            options: Any = self
            missing: HttpResponse = options._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {obj}",
            "entries": in_words(AuditEntry.objects.get_for_object(obj)[:HISTORY_ROWS]),
            "object": obj,
            "opts": self.opts,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/audit_history.html", context)


def save_recorded(row: models.Model, save: Callable[[], None], *, is_new: bool) -> None:
    """Save a row as a person's edit of it."""
    if is_new:
        save()
        record_creation(row)
    else:
        with recorded_change(row):
            save()


def _declared(model: Any, name: str) -> tuple[str, ...]:
    """What a tenant's model declares about its fields; people and organisations, who are none, declare nothing."""
    found: tuple[str, ...] = getattr(model, name, ())
    return found


class StillReferred(Refusal):
    """A row cannot be deleted because others refer to it."""

    def __init__(self, model: type[models.Model]) -> None:
        name = model._meta.verbose_name
        super().__init__(f"other records still refer to this {name}. Change or delete those first.")


class RecordAdmin(TenantAdmin):
    """A page of rows that people may correct, but that tools and imports write."""


class SystemAdmin(TenantAdmin):
    """A page of rows that the system writes: read-only for everybody."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class TenantInline(CompletedReferences, admin.TabularInline):  # type: ignore[type-arg]  # one base for all models
    """Rows contained in another one, edited with it."""

    extra = 0
    show_change_link = True
    formset = NamedInlineFormSet

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        return name_after_column(super().formfield_for_dbfield(db_field, request, **kwargs))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not reads_across_tenants() and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not reads_across_tenants() and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not reads_across_tenants() and super().has_delete_permission(request, obj)
