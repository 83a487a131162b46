"""The form of the backoffice's login page, which says what to do next where Django's would repeat itself."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm

from tenants.authentication import WrongCredentials, check_credentials
from tenants.domain.login_attempts import LockedOut


class BackofficeLoginForm(AdminAuthenticationForm):
    """The backoffice's way to the one sign-in path.

    Tells a wrong password, a pause after bad tries, and an account that this door is not for, apart. The last is said
    only to somebody whose password was right.
    """

    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": "E-mail address and password do not match an active account. Capitals count in the password.",
        "not_for_you": "Your account is in order, but the backoffice is for administrators. Your role works through "
        "the API and the tools connected to it; an administrator of your organisation can change your role.",
    }

    def clean(self) -> dict[str, Any]:
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        request = self.request
        if email is not None and password and request is not None:
            try:
                found = check_credentials(request, email=email, password=password)
            except LockedOut as locked:
                message = f"{locked} A right password does not help before then."
                raise forms.ValidationError(message, code="locked_out") from locked
            except WrongCredentials as wrong:
                raise self.get_invalid_login_error() from wrong
            self.confirm_login_allowed(found)
            self.user_cache = found
        return self.cleaned_data

    def confirm_login_allowed(self, user: Any) -> None:
        if not user.is_staff:
            raise forms.ValidationError(self.error_messages["not_for_you"], code="not_for_you")
