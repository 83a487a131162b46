"""Connections between projects and the tools they are planned in."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from integrations.enums import IntegrationStatus, IntegrationType
from integrations.schemas import CONFIG, check_address, config_schema
from projects.constraints import not_blank
from tenants.encryption.fields import EncryptedJSONField
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import json_kind_check, range_check

SHORTEST_INTERVAL_MINUTES = 5
LONGEST_INTERVAL_MINUTES = 7 * 24 * 60
DEFAULT_INTERVAL_MINUTES = 60
LAST_ERROR_MAX_LENGTH = 1000


class Integration(TimestampedTenantModel):
    """One tool that a project is read from; at most one of a type for a project.

    Made by people; synchronisation keeps status, times and the error fields. `config` holds settings that anyone who
    may see the project may see, checked by the schema of the tool; secrets live in `credentials` only: an envelope
    that is opened by an explicit `reveal()`, and that no door ever shows. `error_count` counts failed runs since the
    last good one; `last_error` never repeats bodies, addresses or secrets.
    """

    project_path: ClassVar[str | None] = "project"
    search_columns: ClassVar[tuple[str, ...]] = ("name",)
    fixed_after_creation: ClassVar[tuple[str, ...]] = ("type",)
    kept_by_system: ClassVar[tuple[str, ...]] = ("status", "next_run_at", "last_sync_at", "error_count", "last_error")

    project = TenantForeignKey("projects.Project", containing=True, related_name="integrations")
    name = models.CharField(max_length=200)
    type = models.CharField(max_length=32, choices=IntegrationType)
    status = models.CharField(max_length=16, choices=IntegrationStatus, default=IntegrationStatus.INACTIVE)
    config = CheckedJSONField(schema=CONFIG, default=dict, blank=True)
    credentials = EncryptedJSONField(null=True, blank=True)
    credentials_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    sync_interval_minutes = models.PositiveIntegerField(
        "sync interval (min)",
        default=DEFAULT_INTERVAL_MINUTES,
        validators=[MinValueValidator(SHORTEST_INTERVAL_MINUTES), MaxValueValidator(LONGEST_INTERVAL_MINUTES)],
    )
    next_run_at = models.DateTimeField(null=True, blank=True)
    last_sync_at = models.DateTimeField(null=True, blank=True)
    error_count = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=LAST_ERROR_MAX_LENGTH, blank=True, default="")

    class Meta(TimestampedTenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            not_blank("name"),
            models.UniqueConstraint(
                fields=["tenant", "project", "type"],
                name="integrations_integration_type_per_project",
                violation_error_message="The project already has an integration of this type.",
            ),
            enum_constraint("type", IntegrationType),
            enum_constraint("status", IntegrationStatus),
            range_check("sync_interval_minutes", low=SHORTEST_INTERVAL_MINUTES, high=LONGEST_INTERVAL_MINUTES),
            json_kind_check("config", "object"),
        ]
        indexes = [
            models.Index(fields=["tenant", "status", "next_run_at", "id"], name="integrations_by_next_run"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_connected(self) -> bool:
        """Whether credentials are stored; whether they are any good is another matter."""
        return self.credentials is not None

    def clean(self) -> None:
        """Check the settings against the schema of the tool. Raises ValidationError for `config`."""
        super().clean()
        self.check_config()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the row. Raises ValidationError for `config` that the tool does not accept."""
        self.check_config()
        super().save(*args, **kwargs)

    def check_config(self) -> None:
        """Refuse settings that the tool does not have, or lacks. An unknown type is reported by the type itself."""
        if self.type not in IntegrationType.values:
            return
        try:
            config_schema(str(self.type))(self.config)
            check_address(self.config)
        except ValidationError as error:
            raise ValidationError({"config": error.error_list}) from error
