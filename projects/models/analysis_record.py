from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from projects.constraints import not_blank, sha256_form
from projects.enums import AnalysisKind, Readiness
from projects.schemas import REASONS, RESULTS, RESULTS_MAX_BYTES
from tenants.append_only import AppendOnly
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.validators import CheckedJSONField, JsonSchema
from tenants.value_constraints import FieldCheck, json_kind_check, range_check

SCORE_MAX = 100.0


class AnalysisRecord(AppendOnly, TenantModel):
    """One run of one analysis over one project: what it read, what it said, how long it took.

    The pipeline writes it, once, and nothing rewrites it. Always holds: the same
    `inputs_hash`, model and version gave the same results; without readiness there is no score, never a guess.
    """

    project_path: ClassVar[str | None] = "project"

    project = TenantForeignKey("projects.Project", containing=True, related_name="analysis_records")
    kind = models.CharField("kind of analysis", max_length=32, choices=AnalysisKind)
    as_of = models.DateTimeField(help_text="The record as it was known at this instant.")
    results = CheckedJSONField(schema=JsonSchema(RESULTS, max_bytes=RESULTS_MAX_BYTES), default=dict, blank=True)
    overall_score = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(SCORE_MAX)],
        help_text="100 (1 - P(any hard goal is missed)).",
    )
    duration_ms = models.PositiveBigIntegerField("execution time (ms)")
    inputs_hash = models.CharField(max_length=64, help_text="SHA-256 of everything the analysis read, hexadecimal.")
    model_id = models.CharField(max_length=64)
    model_version = models.CharField(max_length=32)
    readiness = models.CharField(max_length=16, choices=Readiness)
    readiness_reasons = CheckedJSONField(schema=REASONS, default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = "analysis record"
        verbose_name_plural = "analysis records"
        ordering = ["-id"]
        constraints = [
            enum_constraint("kind", AnalysisKind),
            enum_constraint("readiness", Readiness),
            range_check("overall_score", low=0.0, high=SCORE_MAX),
            sha256_form("inputs_hash"),
            not_blank("model_id"),
            not_blank("model_version"),
            json_kind_check("results", "object"),
            json_kind_check("readiness_reasons", "array"),
            FieldCheck(
                field="overall_score",
                condition=models.Q(overall_score__isnull=True)
                | ~models.Q(readiness__in=[Readiness.INSUFFICIENT, Readiness.MISCONFIGURED]),
                rule="score_needs_readiness",
                message="Leave the score empty where the facts do not carry an answer.",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "project", "kind", "-as_of"], name="analysis_project_kind_idx")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} as of {self.as_of:%Y-%m-%d %H:%M}"
