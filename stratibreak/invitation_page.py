"""The page on which an invited person joins: what the invitation says, then a password.

The link of the mail carries its token behind the `#`, which browsers do not send. A script puts it into the first form;
without scripts the person pastes it there. From then on it travels in the bodies of POSTs only, and no address, log or
Referer header holds it. The page leads nowhere that a request could name.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from tenants.domain.joining import (
    AddressInUse,
    InvitationInvalid,
    OpenInvitation,
    accept_invitation,
    open_invitation,
)
from tenants.domain.login_attempts import LockedOut
from tenants.request_info import current_request_info

_PASSWORD_MAX_CHARS = 1_000
_TOKEN_MAX_CHARS = 200
_NEW_PASSWORD = forms.PasswordInput(attrs={"autocomplete": "new-password"})


class TokenForm(forms.Form):
    """The first step: the token, from the link or by hand."""

    token = forms.CharField(
        label="Code",
        max_length=_TOKEN_MAX_CHARS,
        help_text="What stands behind the # in the link of your mail.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )


class JoinForm(forms.Form):
    """The second step: who one is, and a password nobody else knows."""

    token = forms.CharField(max_length=_TOKEN_MAX_CHARS, widget=forms.HiddenInput)
    first_name = forms.CharField(
        max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "given-name"})
    )
    last_name = forms.CharField(
        max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "family-name"})
    )
    password = forms.CharField(
        max_length=_PASSWORD_MAX_CHARS, strip=False, widget=_NEW_PASSWORD, help_text="At least twelve characters."
    )
    password_again = forms.CharField(max_length=_PASSWORD_MAX_CHARS, strip=False, widget=_NEW_PASSWORD)

    def clean(self) -> dict[str, Any]:
        entered = self.cleaned_data
        if "password" in entered and entered["password"] != entered.get("password_again"):
            self.add_error("password_again", "The two passwords differ.")
        return entered


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_page(request: HttpRequest) -> HttpResponse:
    """Ask for the token, show what it invites to, and make the person."""
    if request.method != "POST":
        return _page(request, form=TokenForm())
    given = TokenForm(request.POST)
    if not given.is_valid():
        return _page(request, form=given, status=HTTPStatus.BAD_REQUEST)
    try:
        return _answer(request, given.cleaned_data["token"])
    except InvitationInvalid as invalid:
        return _page(request, refusal=str(invalid), status=HTTPStatus.BAD_REQUEST)
    except AddressInUse as used:
        return _page(request, refusal=str(used), status=HTTPStatus.CONFLICT)
    except LockedOut as locked:
        response = _page(request, refusal=str(locked), status=HTTPStatus.TOO_MANY_REQUESTS)
        response["Retry-After"] = str(locked.retry_after_s)
        return response


def _answer(request: HttpRequest, token: str) -> HttpResponse:
    """Show what the token opens, or join. Raises InvitationInvalid, AddressInUse, LockedOut."""
    if "password" not in request.POST:
        return _join_page(request, _opened(token), form=None)
    form = JoinForm(request.POST)
    if form.is_valid():
        entered = form.cleaned_data
        try:
            user = accept_invitation(
                token,
                password=entered["password"],
                first_name=entered["first_name"],
                last_name=entered["last_name"],
                ip_address=current_request_info().ip,
                at=timezone.now(),
            )
        except ValidationError as unacceptable:
            form.add_error(None, unacceptable)
        else:
            return _page(request, joined=user)
    return _join_page(request, _opened(token), form=form)


def _opened(token: str) -> OpenInvitation:
    return open_invitation(token, ip_address=current_request_info().ip, at=timezone.now())


def _join_page(request: HttpRequest, found: OpenInvitation, *, form: JoinForm | None) -> HttpResponse:
    invitation = found.invitation
    if form is None:
        known = {"first_name": invitation.first_name, "last_name": invitation.last_name}
        filled = JoinForm(initial={"token": request.POST["token"], **known})
        return _page(request, found=found, form=filled)
    return _page(request, found=found, form=form, status=HTTPStatus.BAD_REQUEST)


def _page(request: HttpRequest, *, status: int = HTTPStatus.OK, **shown: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": "Invitation", "is_nav_sidebar_enabled": False, **shown}
    return TemplateResponse(request, "invitation.html", context, status=status)
