"""Where an organisation is told of things."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from integrations.destinations.base import AddressUnfit
from integrations.destinations.registry import sender_of
from integrations.enums import DestinationKind, DigestRhythm, DisabledBecause
from integrations.http.addresses import AddressGuard
from integrations.schemas import EVENT_TYPES
from projects.constraints import not_blank
from tenants.encryption.fields import EncryptedField, EncryptedJSONField
from tenants.encryption.secret import Secret
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import json_kind_check

PLACE_MAX_LENGTH = 255
MOST_DESTINATIONS = 50
"""Each may keep a worker busy for as long as a try takes."""


class Destination(TimestampedTenantModel):
    """A place that messages are sent to: an endpoint of the organisation's own, a channel, mail addresses.

    Administrators make it. Its address is a secret, for whoever knows it may write there: an envelope that is opened to
    send, and that no door shows; `place` is what may be seen of it, such as the host. `signing` holds the secrets that
    webhooks are signed with. The sender keeps how it is doing, and switches it off when it has failed for too long;
    a person who switches it on again wipes that away.
    """

    project_path: ClassVar[str | None] = "project"
    search_columns: ClassVar[tuple[str, ...]] = ("name",)
    fixed_after_creation: ClassVar[tuple[str, ...]] = ("kind", "project")
    kept_by_system: ClassVar[tuple[str, ...]] = (
        "place",
        "digested_until",
        "last_sent_at",
        "failure_count",
        "failing_since",
        "held_until",
        "last_error_code",
        "disabled_at",
        "disabled_because",
    )
    audit_ignored_fields: ClassVar[frozenset[str]] = frozenset(
        {"digested_until", "last_sent_at", "failure_count", "failing_since", "held_until", "last_error_code"}
    )

    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=DestinationKind)
    project = TenantForeignKey(
        "projects.Project",
        containing=True,
        null=True,
        blank=True,
        related_name="destinations",
        help_text="Empty: news of all projects.",
    )
    event_types = CheckedJSONField(schema=EVENT_TYPES, default=list, blank=True, help_text="Empty: everything.")
    digest = models.CharField(
        max_length=8,
        choices=DigestRhythm,
        default=DigestRhythm.WEEKLY,
        db_default=DigestRhythm.WEEKLY,
        help_text="What was not worth a message of its own, after the quiet hours of the organisation.",
    )
    digested_until = models.DateTimeField("last digest", null=True, blank=True)
    is_active = models.BooleanField("active", default=True)
    address = EncryptedField(
        help_text="An address on the web, or mail addresses with commas between them. Stored encrypted, never shown."
    )
    place = models.CharField(max_length=PLACE_MAX_LENGTH, blank=True, default="")
    address_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    signing = EncryptedJSONField(null=True, blank=True, editable=False)
    last_sent_at = models.DateTimeField(null=True, blank=True)
    failure_count = models.PositiveIntegerField("failures in a row", default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    last_error_code = models.CharField(max_length=64, blank=True, default="")
    disabled_at = models.DateTimeField("switched off at", null=True, blank=True)
    disabled_because = models.CharField(
        "switched off because", max_length=16, choices=DisabledBecause, blank=True, default=""
    )

    class Meta(TimestampedTenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            not_blank("name"),
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="integrations_destination_name_once",
                violation_error_message="A destination has this name already.",
            ),
            enum_constraint("kind", DestinationKind),
            enum_constraint("digest", DigestRhythm),
            json_kind_check("event_types", "array"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError for an address that its kind cannot use, or for one destination too many."""
        super().clean()
        self._describe_address()
        if self._state.adding and Destination.objects.count() >= MOST_DESTINATIONS:
            raise ValidationError(f"An organisation has at most {MOST_DESTINATIONS} destinations.")

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the row. Raises ValidationError for an address that its kind cannot use."""
        self._describe_address()
        super().save(*args, **kwargs)

    def _describe_address(self) -> None:
        """Check an address that is new, and keep what may be seen of it."""
        address = self.__dict__.get("address")
        if not isinstance(address, Secret) or self.kind not in DestinationKind.values:
            return
        try:
            guard = AddressGuard.allowing(settings.INTEGRATION_NETWORKS)
            self.place = sender_of(self.kind).described(address.reveal_text(), guard)[:PLACE_MAX_LENGTH]
        except AddressUnfit as unfit:
            raise ValidationError({"address": str(unfit)}) from None
