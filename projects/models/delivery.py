"""What the delivery tools report: CI runs, deployments, incidents."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from projects.constraints import natural_key, not_blank, source_form
from projects.enums import IncidentSeverity, RunOutcome
from projects.models.fields import EXTERNAL_ID_MAX_LENGTH, URL_MAX_LENGTH
from projects.models.sourced_fact import SourcedFact
from tenants.audit.enums import AuditMode
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey
from tenants.value_constraints import FieldCheck, order_check

COMMIT_MAX_LENGTH = 64


def _ends_unless_running(end: str) -> models.CheckConstraint:
    return FieldCheck(
        field=end,
        condition=models.Q(outcome=RunOutcome.RUNNING) | models.Q((f"{end}__isnull", False)),
        rule="ended_unless_running",
        message="Enter when it ended: its outcome is known.",
    )


class CiRun(SourcedFact):
    """One run of one pipeline on one commit. Syncs write it.

    Always holds: a run that is not running has an end; a retry of the same commit is a row with a higher attempt,
    which is how flaky tests show.
    """

    audit_mode: ClassVar[AuditMode] = AuditMode.BULK

    project = TenantForeignKey("projects.Project", containing=True, related_name="ci_runs")
    pipeline = models.CharField(max_length=200)
    branch = models.CharField(max_length=255, blank=True)
    commit = models.CharField(max_length=COMMIT_MAX_LENGTH, blank=True)
    attempt = models.PositiveIntegerField(default=1)
    outcome = models.CharField(max_length=16, choices=RunOutcome)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    url = models.URLField("URL", max_length=URL_MAX_LENGTH, blank=True)

    class Meta(SourcedFact.Meta):
        verbose_name = "CI run"
        verbose_name_plural = "CI runs"
        ordering = ["-id"]
        constraints = [
            natural_key(),
            source_form(),
            not_blank("external_id"),
            not_blank("pipeline"),
            enum_constraint("outcome", RunOutcome),
            order_check("started_at", "finished_at"),
            _ends_unless_running("finished_at"),
        ]
        indexes = [models.Index(fields=["tenant", "project", "started_at"], name="ci_run_project_time_idx")]

    def __str__(self) -> str:
        return f"{self.pipeline} at {self.started_at:%Y-%m-%d %H:%M}: {self.get_outcome_display()}"


class Deployment(SourcedFact):
    """One attempt to bring a commit to an environment. Syncs write it.

    Always holds: a deployment that is not running has an end; `committed_at` is the oldest commit it brought, so that
    the lead time for changes is finished minus committed.
    """

    project = TenantForeignKey("projects.Project", containing=True, related_name="deployments")
    environment = models.CharField(max_length=100)
    commit = models.CharField(max_length=COMMIT_MAX_LENGTH, blank=True)
    committed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=RunOutcome)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    url = models.URLField("URL", max_length=URL_MAX_LENGTH, blank=True)

    class Meta(SourcedFact.Meta):
        verbose_name = "deployment"
        verbose_name_plural = "deployments"
        ordering = ["-id"]
        constraints = [
            natural_key(),
            source_form(),
            not_blank("external_id"),
            not_blank("environment"),
            enum_constraint("outcome", RunOutcome),
            order_check("started_at", "finished_at"),
            _ends_unless_running("finished_at"),
        ]
        indexes = [models.Index(fields=["tenant", "project", "started_at"], name="deployment_project_time_idx")]

    def __str__(self) -> str:
        return f"{self.environment} at {self.started_at:%Y-%m-%d %H:%M}: {self.get_outcome_display()}"


class Incident(SourcedFact):
    """One failure that users of the product met. Syncs write it, or people.

    Always holds: it is not resolved before it opened; the deployment that caused it is kept by the source's id,
    because the two often come from different tools and in either order.
    """

    search_columns: ClassVar[tuple[str, ...]] = ("title", "external_id")

    project = TenantForeignKey("projects.Project", containing=True, related_name="incidents")
    title = models.CharField(max_length=255, blank=True)
    severity = models.CharField(max_length=8, choices=IncidentSeverity)
    opened_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    deployment_external_id = models.CharField(
        "caused by deployment (external id)", max_length=EXTERNAL_ID_MAX_LENGTH, blank=True
    )
    url = models.URLField("URL", max_length=URL_MAX_LENGTH, blank=True)

    class Meta(SourcedFact.Meta):
        verbose_name = "incident"
        verbose_name_plural = "incidents"
        ordering = ["-id"]
        constraints = [
            natural_key(),
            source_form(),
            not_blank("external_id"),
            enum_constraint("severity", IncidentSeverity),
            order_check("opened_at", "resolved_at"),
        ]
        indexes = [models.Index(fields=["tenant", "project", "opened_at"], name="incident_project_time_idx")]

    def __str__(self) -> str:
        return f"{self.get_severity_display()} at {self.opened_at:%Y-%m-%d %H:%M}"
