"""Backoffice pages of what an organisation is told: where, what, and how it goes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html_join, linebreaks
from django.utils.safestring import mark_safe

from integrations.domain.outgoing.managing import values_of_change
from integrations.domain.outgoing.replaying import send_again, send_again_since, send_test
from integrations.domain.outgoing.secrets import give_secret, replace_secret
from integrations.enums import EventType
from integrations.messages.notice import notice_of_json
from integrations.messages.plain import plain_text
from integrations.models import Delivery, Destination, OutgoingMessage
from integrations.outgoing_health import describe_destination, problem_of, reason_of
from tenants.admin.acts import Act, ActForm, ActingPage, DoingPage
from tenants.admin.base import SystemAdmin
from tenants.admin.shown_once import ShownOnce, show_once, shown_once_answer
from tenants.models import User

SHOWN_DELIVERIES = 5
MAY_SEND, MAY_CHANGE = "integrations.transition_destination", "integrations.change_destination"
_SPANS = {"1": "the last hour", "24": "the last day", "168": "the last week", "720": "the last 30 days"}


class DestinationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A destination, whose types of event are ticked."""

    event_types = forms.MultipleChoiceField(
        choices=[(each.value, each.label) for each in EventType if each != EventType.TEST],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="None ticked: everything. People are told of the last three alone, whatever else is ticked.",
    )

    class Meta:
        model = Destination
        fields = "__all__"  # noqa: DJ007 - the page leaves out what nobody writes

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "address" in self.fields:
            self.fields["address"].widget.attrs["class"] = "vURLField"  # as wide as what is entered


class SendAgainSinceForm(ActForm):
    """How far back to send again."""

    verb = "Send again"
    hours = forms.ChoiceField(label="Everything of", choices=list(_SPANS.items()), initial="24")


@admin.register(Destination)
class DestinationPage(DoingPage):
    """Places that are told things; an address is entered here and shown nowhere."""

    list_display = ("name", "kind", "place", "project", "is_active", "last_sent_at", "failure_count")
    list_filter = ("kind", "is_active")
    list_select_related = ("project",)
    form = DestinationForm

    def get_urls(self) -> list[Any]:
        acts = {"test": self.test_view, "secret": self.secret_view, "replay": self.replay_view}
        mine = [
            path(f"<uuid:row_id>/{name}/", self.admin_site.admin_view(view), name=f"integrations_destination_{name}")
            for name, view in acts.items()
        ]
        return [*mine, *super().get_urls()]

    def hidden_fields(self) -> tuple[str, ...]:
        return (*super().hidden_fields(), "signing")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Say above the form how the destination is doing, and what can be done."""
        destination = self.get_object(request, object_id)
        shown = {} if destination is None else self._shown(request, destination)
        return super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})

    def _shown(self, request: HttpRequest, destination: Destination) -> dict[str, Any]:
        newest = Delivery.objects.filter(destination=destination).select_related("message").order_by("-id")
        may_send = self.may(request, MAY_SEND) and destination.is_active
        return {
            "health": describe_destination(destination, timezone.now()),
            "deliveries": [(each, problem_of(each)) for each in newest[:SHOWN_DELIVERIES]],
            "may_send": may_send,
            "may_replace": self.may(request, MAY_CHANGE) and destination.signing is not None,
            "replay_form": SendAgainSinceForm() if may_send else None,
        }

    def test_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Send a test message, as ``POST /destinations/{id}/test`` does."""
        return self.do_posted(request, row_id, MAY_SEND, self._test)

    def secret_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Make a new secret, as ``POST /destinations/{id}/secret`` does, and show it once."""
        return self.do_posted(request, row_id, MAY_CHANGE, self._replace)

    def replay_view(self, request: HttpRequest, row_id: UUID) -> HttpResponse:
        """Send everything of a span again, as ``POST /destinations/{id}/replay`` does."""
        return self.do_posted(request, row_id, MAY_SEND, self._replay)

    def _test(self, request: HttpRequest, destination: Destination) -> None:
        send_test(destination=destination, at=timezone.now())
        messages.success(request, "A test message is on its way. The newest deliveries show whether it arrives.")

    def _replace(self, request: HttpRequest, destination: Destination) -> None:
        secret = replace_secret(destination=destination, at=timezone.now())
        _show_once(request, secret, "For a day the old one signs too.")

    def _replay(self, request: HttpRequest, destination: Destination) -> None:
        form = SendAgainSinceForm(request.POST)
        if not form.is_valid():
            messages.error(request, "Nothing was sent again. Choose how far back.")
            return
        at = timezone.now()
        since = at - timedelta(hours=int(form.cleaned_data["hours"]))
        count = send_again_since(destination=destination, since=since, at=at)
        messages.success(request, f"{count:,} message{'' if count == 1 else 's'} on the way again.")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Keep what goes with the change, as the API does; the secret of a new webhook is shown once."""
        before = Destination.objects.get(pk=obj.pk) if change else obj
        changes = {name: form.cleaned_data.get(name) for name in form.changed_data}
        for name, value in values_of_change(before, changes, at=timezone.now()).items():
            setattr(obj, name, value)
        secret = None if change else give_secret(obj)
        super().save_model(request, obj, form, change)
        if secret is not None:
            _show_once(request, secret, "With it the receiver checks that a message is ours.")

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Show the secret before whatever page comes next."""
        next_page = super().response_add(request, obj, post_url_continue)
        go_on = reverse("admin:integrations_destination_change", args=[obj.pk])
        return shown_once_answer(request, self.admin_site, title=str(obj), go_on=go_on) or next_page


def _show_once(request: HttpRequest, secret: str, more: str) -> None:
    show_once(request, ShownOnce("Copy the signing secret now, it is not shown again", secret, more))


# --- messages and deliveries ---


@admin.register(OutgoingMessage)
class OutgoingMessagePage(SystemAdmin):
    """What was told."""

    list_display = ("type", "project", "occurred_at", "created_at")
    list_filter = ("type",)
    list_select_related = ("project",)
    readonly_fields = ("in_words",)
    fields = ("type", "project", "occurred_at", "in_words", "data", "kinds", "key", "thread", "created_at")

    @admin.display(description="In words")
    def in_words(self, message: OutgoingMessage) -> str:
        """As a mail says it; Slack and Teams lay the same out in their way."""
        if not message.notice:
            return "Programs are told, and no people."
        return mark_safe(linebreaks(plain_text(notice_of_json(message.notice)), autoescape=True))  # noqa: S308 - escaped


class SendAgainForm(ActForm):
    """Nothing to say."""

    verb = "Send it again"


class SendAgain(Act):
    """Send one message again."""

    name, title, permission = "again", "Send it again", "integrations.transition_delivery"

    def form(self, data: Any, row: Any) -> ActForm:
        return SendAgainForm(data)

    def is_open(self, row: Any) -> bool:
        return bool(row.destination.is_active)

    def do(self, row: Any, values: dict[str, Any], by: User) -> str:
        send_again(delivery=row, at=timezone.now())
        return "It is on its way again, with the id that it had."


@admin.register(Delivery)
class DeliveryPage(ActingPage, SystemAdmin):
    """How the telling goes."""

    act = SendAgain()
    list_display = ("message", "destination", "state", "attempts", "status_code", "why", "next_try_at", "sent_at")
    list_filter = ("state", ("destination", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("message", "destination")
    exclude = ("log", "error_code", "claimed_until")
    readonly_fields = ("why", "tries")

    def hidden_fields(self) -> tuple[str, ...]:
        return (*super().hidden_fields(), "claimed_until")

    @admin.display(description="Last error")
    def why(self, delivery: Delivery) -> str:
        return problem_of(delivery)

    @admin.display(description="Tries (UTC)")
    def tries(self, delivery: Delivery) -> str:
        return format_html_join("", "<div>{}</div>", ((_in_words(tried),) for tried in delivery.log))


def _in_words(tried: dict[str, Any]) -> str:
    """Such as "27 November, 18:40:42: 500, in 312 ms. It has an error of its own (5xx)."."""
    at = datetime.fromisoformat(tried["at"])
    status = tried["status_code"] or "no answer"
    said = f"{at:%-d %B, %H:%M:%S}: {status}, in {tried['duration_ms']:,} ms."
    return " ".join((said, reason_of(tried["error_code"]))).strip()
