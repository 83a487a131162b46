"""The backoffice's login, which says what to do next where Django's would repeat itself."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError


class BackofficeLoginForm(AdminAuthenticationForm):
    """Tells a wrong password, a pause after bad tries, and an account that this door is not for, apart.

    The last is said only to somebody whose password was right.
    """

    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": "E-mail address and password do not match an active account. Capitals count in the password.",
        "not_for_you": "Your account is in order, but the backoffice is for administrators. Your role works through "
        "the API and the tools connected to it; an administrator of your organisation can change your role.",
    }

    def get_invalid_login_error(self) -> ValidationError:
        """Say how long to wait, where the backend refused to look at the password."""
        locked_out: Any = getattr(self.request, "locked_out", None)
        if locked_out is not None:
            return ValidationError(f"{locked_out} A right password does not help before then.", code="locked_out")
        return super().get_invalid_login_error()

    def confirm_login_allowed(self, user: Any) -> None:
        if not user.is_staff:
            raise ValidationError(self.error_messages["not_for_you"], code="not_for_you")
