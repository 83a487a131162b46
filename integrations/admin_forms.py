"""What people enter on a connection's page beside its fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError

from integrations.connectors.options import MOMENT, Option
from integrations.connectors.registry import known_types, options_of
from integrations.domain.credentials import check_address_stays
from integrations.domain.mappings import KnownStatus, check_not_running, chosen_categories
from integrations.models import FieldMapping, Integration
from projects.enums import CategoryOrigin, StatusCategory
from tenants.admin.widgets import NamedInlineFormSet
from tenants.domain.refusals import Refusal
from tenants.encryption.forms import SecretInput

_WHO_SAID = {
    CategoryOrigin.SOURCE: "as the tool says",
    CategoryOrigin.GUESSED: "as guessed",
    CategoryOrigin.PERSON: "as set on the status itself",
}


class StatusCategoriesForm(forms.Form):
    """What each status of the tool counts as; one that is left alone counts as the tool says, or as we guessed."""

    template_name = "admin/integrations/integration/status_fields.html"
    verb = "Save the categories"

    def __init__(self, data: Any = None, *, statuses: Sequence[KnownStatus]) -> None:
        super().__init__(data, auto_id="act_%s", label_suffix="")
        self.statuses = {f"status_{number}": status for number, status in enumerate(statuses)}
        for name, status in self.statuses.items():
            self.fields[name] = forms.ChoiceField(
                label=status.name or status.status_id,
                choices=[("", _unchosen(status)), *StatusCategory.choices],
                initial=status.category if status.is_chosen else "",
                required=False,
            )

    def categories(self) -> dict[str, StatusCategory]:
        """What was chosen, by status id."""
        chosen = cast("dict[str, str]", self.cleaned_data)
        return {self.statuses[name].status_id: StatusCategory(value) for name, value in chosen.items() if value}


def _unchosen(status: KnownStatus) -> str:
    if status.is_chosen:
        return "As the tool says, or guessed"
    return f"{StatusCategory(status.category).label}, {_WHO_SAID[CategoryOrigin(status.origin)]}"


class NewCredentialsForm(forms.Form):
    """A whole set of credentials for one tool, which never comes back with a value."""

    template_name = "admin/integrations/integration/credential_fields.html"
    verb = "Replace the credentials"
    is_tested = forms.BooleanField(
        label="Keep them only if the tool accepts them", required=False, initial=True, help_text=""
    )

    def __init__(self, data: Any = None, *, tool: str) -> None:
        super().__init__(data, prefix="credentials", auto_id="act_%s", label_suffix="")
        secrets = options_of(tool).secrets if tool in known_types() else ()
        entered = {option.name: _secret_field(option) for option in secrets}
        self.fields = {**entered, **self.fields}

    def credentials(self) -> dict[str, str]:
        """What was entered, by name."""
        return {name: value for name, value in self.cleaned_data.items() if name != "is_tested" and value}


class RevocationForm(forms.Form):
    """Asks once more: what is deleted has to be entered anew."""

    template_name = "admin/integrations/integration/credential_fields.html"
    verb = "Revoke the credentials"
    is_sure = forms.BooleanField(label="Have the tool end them, and delete them here")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, prefix="revocation", auto_id="act_%s", label_suffix="")


def _secret_field(option: Option) -> forms.CharField:
    """A moment is no secret for whoever types it in, and is easily mistyped unseen."""
    widget = forms.TextInput(attrs={"autocomplete": "off"}) if option.schema == MOMENT else SecretInput()
    return forms.CharField(label=option.label, required=False, help_text=option.help, widget=widget)


class IntegrationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A connection, whose status categories do not change under a run."""

    class Meta:
        model = Integration
        fields = "__all__"  # noqa: DJ007 - the page leaves out what nobody writes

    def clean(self) -> Any:
        cleaned = super().clean() or {}
        config, before = cleaned.get("config"), chosen_categories(self.instance.config)
        if not self.instance._state.adding and isinstance(config, dict) and chosen_categories(config) != before:
            _refuse_under_a_run(self.instance)
        if not self.instance._state.adding and isinstance(config, dict):
            try:
                check_address_stays(self.initial.get("config") or {}, config, are_stored=self.instance.is_connected)
            except Refusal as refused:
                self.add_error("config", str(refused))
        return cleaned


class FieldMappingForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A field mapping, which does not change under a run."""

    class Meta:
        model = FieldMapping
        fields = "__all__"  # noqa: DJ007 - the page leaves out what nobody writes

    def clean(self) -> Any:
        cleaned = super().clean() or {}
        integration = cleaned.get("integration")
        if integration is None and not self.instance._state.adding:
            integration = self.instance.integration
        if integration is not None:
            _refuse_under_a_run(integration)
        return cleaned


class FieldMappingFormSet(NamedInlineFormSet):
    """The same for mappings that are edited on the page of their connection."""

    def clean(self) -> None:
        super().clean()
        if self.has_changed():
            _refuse_under_a_run(self.instance)


def _refuse_under_a_run(integration: Integration) -> None:
    try:
        check_not_running(integration)
    except Refusal as refused:
        raise ValidationError(str(refused)) from refused
