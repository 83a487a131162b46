"""Forms with which an administrator invites and changes people, and makes keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.forms import ReadOnlyPasswordHashField
from django.contrib.auth.password_validation import validate_password
from django.utils import timezone

from tenants.admin.widgets import NamedSplitDateTime
from tenants.domain.invitations import check_address
from tenants.enums import ApiScope
from tenants.models import ApiKey, Invitation, User


class InvitationAddForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Somebody to invite: they choose their password themselves, when they answer."""

    class Meta:
        model = Invitation
        fields = ("email", "role", "first_name", "last_name")

    def clean(self) -> Any:
        entered = super().clean()
        if email := self.cleaned_data.get("email"):
            check_address(Invitation(email=email.strip().lower()))
        return entered


class UserChangeForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """What an administrator may change about a person; the password only by setting a new one."""

    password = ReadOnlyPasswordHashField(label="Password", help_text="Not readable. Set a new one below if needed.")
    new_password = forms.CharField(
        required=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), label="New password"
    )

    class Meta:
        model = User
        fields = ("email", "role", "first_name", "last_name", "username", "is_active")

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        if password:
            validate_password(password, self.instance)
        return password

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data["new_password"]:
            self.instance.set_password(self.cleaned_data["new_password"])
        return super().save(commit)


class ApiKeyAddForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A new key: what uses it, as whom, for what and until when."""

    scopes = forms.MultipleChoiceField(choices=ApiScope.choices, initial=[ApiScope.READ])
    expires_at = forms.SplitDateTimeField(
        widget=NamedSplitDateTime, initial=lambda: timezone.now() + timedelta(days=90), label="Expires (UTC)"
    )

    class Meta:
        model = ApiKey
        fields = ("name", "user", "scopes", "expires_at")
