from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from projects.constraints import not_blank, sha256_form, source_form
from projects.enums import ImportStatus
from projects.models.fields import source_field
from projects.schemas import IMPORT_ERRORS, IMPORT_NOTES
from tenants.audit.enums import AuditMode
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import FieldCheck, json_kind_check, order_check


class ImportRun(TenantModel):
    """One reading of one file into one project: how far it came and what became of every record.

    The importer writes it, and people read it. Always holds: the checkpoint is committed together with the facts it
    counts, so that a killed import goes on where it stopped; of one file there is at most one unfinished run in a
    project; `errors` keeps the first broken lines, `failed_count` counts them all.
    """

    project_path: ClassVar[str | None] = "project"
    audit_mode: ClassVar[AuditMode] = AuditMode.BULK
    app_privileges: ClassVar[frozenset[str]] = frozenset({"SELECT", "INSERT", "UPDATE"})
    search_columns: ClassVar[tuple[str, ...]] = ("file_name",)

    project = TenantForeignKey("projects.Project", containing=True, related_name="import_runs")
    file_name = models.CharField(max_length=255, blank=True)
    file_digest = models.CharField(max_length=64, help_text="SHA-256 of the file as it was given, hexadecimal.")
    profile = models.CharField(max_length=32, help_text="How the file was read.")
    source = source_field()
    time_zone = models.CharField(
        max_length=63, blank=True, help_text="For instants without a UTC offset; empty: they were refused."
    )
    is_strict = models.BooleanField("strict", default=False, help_text="One broken line and nothing is imported.")
    status = models.CharField(max_length=16, choices=ImportStatus, default=ImportStatus.RUNNING)
    checkpoint = models.PositiveBigIntegerField(default=0, help_text="Records of the file that are dealt with.")
    created_count = models.PositiveBigIntegerField("items created", default=0)
    updated_count = models.PositiveBigIntegerField("items updated", default=0)
    unchanged_count = models.PositiveBigIntegerField("items unchanged", default=0)
    fact_count = models.PositiveBigIntegerField(
        "other facts written", default=0, help_text="Changes, statuses, memberships, links, iterations and milestones."
    )
    failed_count = models.PositiveBigIntegerField("broken lines", default=0)
    errors = CheckedJSONField(schema=IMPORT_ERRORS, default=list, blank=True)
    notes = CheckedJSONField(schema=IMPORT_NOTES, default=dict, blank=True)
    requested_by_id = models.UUIDField(null=True, blank=True, help_text="The user who asked for it.")
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = "import run"
        verbose_name_plural = "import runs"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "project", "file_digest", "profile", "time_zone"],
                condition=Q(status=ImportStatus.RUNNING),
                name="%(app_label)s_%(class)s_unfinished_unique",
            ),
            enum_constraint("status", ImportStatus),
            not_blank("profile"),
            source_form(),
            sha256_form("file_digest"),
            FieldCheck(
                field="finished_at",
                condition=Q(status=ImportStatus.RUNNING, finished_at__isnull=True)
                | (~Q(status=ImportStatus.RUNNING) & Q(finished_at__isnull=False)),
                rule="finished_at_fits_status",
                message="A run has an end exactly when it is not running.",
            ),
            order_check("started_at", "finished_at"),
            json_kind_check("errors", "array"),
            json_kind_check("notes", "object"),
        ]
        indexes = [models.Index(fields=["tenant", "project", "-id"], name="import_run_project_idx")]

    def __str__(self) -> str:
        return f"{self.file_name or self.profile}, {self.started_at:%Y-%m-%d %H:%M}: {self.get_status_display()}"
