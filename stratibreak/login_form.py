"""The form of the backoffice's login page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm

from tenants.authentication import WrongCredentials, check_credentials
from tenants.domain.login_attempts import LockedOut


class BackofficeLoginForm(AdminAuthenticationForm):
    """The backoffice's way to the one sign-in path, which also says how long somebody has to wait."""

    def clean(self) -> dict[str, Any]:
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        request = self.request
        if email is not None and password and request is not None:
            try:
                found = check_credentials(request, email=email, password=password)
            except LockedOut as locked:
                raise forms.ValidationError(str(locked), code="locked_out") from locked
            except WrongCredentials as wrong:
                raise self.get_invalid_login_error() from wrong
            self.confirm_login_allowed(found)
            self.user_cache = found
        return self.cleaned_data
