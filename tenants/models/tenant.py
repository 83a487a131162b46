"""An organisation that shares the installation."""

from __future__ import annotations

from datetime import time
from typing import ClassVar

from django.db import models

from tenants.isolation.constraints import RowSecurity
from tenants.isolation.identifiers import uuid7
from tenants.isolation.models import IsolatedModel
from tenants.isolation.registry import READ
from tenants.isolation.search.index import SearchIndex
from tenants.validators import validate_line, validate_time_zone

QUIET_FROM, QUIET_UNTIL = time(20), time(7)
"""Nobody plans at night; a warning of something three days ahead can wait until the morning."""


class TenantManager(models.Manager["Tenant"]):
    """Tenants by their name in fixtures and commands."""

    def get_by_natural_key(self, name: str) -> Tenant:
        return self.get(name=name)


class Tenant(IsolatedModel):
    """One organisation: nothing of it can be reached from another.

    Made by operators (``create_tenant``); its administrators change what it is called, zone, quiet hours and
    retention.  Its data keys are rows of ``TenantDataKey``, wrapped by the key ring, and never in plain text.

    name: what operators, commands and fixtures know it by, unique over the installation, and so theirs to change:
    whoever may take names can ask which are taken;  display_name: what its own people see, unique nowhere
    """

    tenant_column: ClassVar[str | None] = "id"
    app_privileges: ClassVar[frozenset[str]] = frozenset({"SELECT", "UPDATE"})
    auth_privileges: ClassVar[frozenset[str]] = READ
    search_columns: ClassVar[tuple[str, ...]] = ("name",)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField("organisation name", max_length=200, unique=True)
    display_name = models.CharField(
        max_length=200,
        blank=True,
        db_default="",
        default="",
        validators=[validate_line],
        help_text="What your people and invitations call the organisation; empty: its name.",
    )
    is_active = models.BooleanField("active", default=True, help_text="Nobody can log in to an inactive organisation.")
    retention_days = models.PositiveIntegerField(
        "retention (days)", default=365, help_text="How long audit entries and raw payloads are kept, in days."
    )
    time_zone = models.CharField(
        max_length=63, default="UTC", validators=[validate_time_zone], help_text="IANA name, such as Europe/Berlin."
    )
    quiet_from = models.TimeField(
        "quiet hours from",
        default=QUIET_FROM,
        db_default=QUIET_FROM,
        help_text="No alert is pushed from this time of day on, in the organisation's time zone.",
    )
    quiet_until = models.TimeField(
        "quiet hours until",
        default=QUIET_UNTIL,
        db_default=QUIET_UNTIL,
        help_text="What was held is pushed from then on. The same time as the beginning: no quiet hours.",
    )
    created_at = models.DateTimeField(auto_now_add=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    objects = TenantManager()

    class Meta:
        ordering = ["name"]
        verbose_name = "organisation"
        constraints = [
            RowSecurity(name="tenants_tenant_security", tenant_column="id"),
            models.CheckConstraint(
                condition=models.Q(retention_days__gte=1, retention_days__lte=3650), name="tenants_tenant_retention"
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="tenants_tenant_name_given"),
        ]
        indexes = [SearchIndex(fields=["id", "name"], name="tena_tenant_words")]

    def __str__(self) -> str:
        return self.name

    @property
    def shown_name(self) -> str:
        """What its own people call it; never how an operator tells it from others."""
        return self.display_name or self.name

    def clean_fields(self, exclude: object = None) -> None:
        self.display_name = (self.display_name or "").strip()
        super().clean_fields(exclude=exclude)  # type: ignore[arg-type]  # narrower in the stubs than in Django

    def natural_key(self) -> tuple[str]:
        return (self.name,)
