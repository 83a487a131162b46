"""Gaps: where a project differs from what was intended."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from gaps.enums import GapCategory, GapOrigin, GapStatus, GapType
from gaps.schemas import MEASURE
from predictions.enums import Severity
from projects.constraints import not_blank
from projects.enums import Readiness
from projects.schemas import REASONS
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import FieldCheck, hash_check, json_kind_check, order_check, range_check

LIVE = (GapStatus.OPEN, GapStatus.IN_PROGRESS)
SHA256_CHARACTERS = 64


class Gap(TimestampedTenantModel):
    """One difference between what a project intended and what is happening, followed until it is gone.

    Detected gaps are written by the detection run, which finds its own again by `fingerprint` (unique in the
    project); manual ones by people, without fingerprint or detector. Status changes only through
    `gaps.domain.lifecycle`, which leaves a GapTransition behind.

    `effect_tolerance_units` is the expected adverse effect if nothing changes, in units of the goal's tolerance;
    severity follows from it. `urgency_h` is the time left to act, in hours from `last_seen_at`. `opening_effect` and
    `below_since` (first run that saw the gap below half of it) serve the hysteresis of closing. `last_seen_at` is
    the `as_of` of the last run that had something new to say: a run on unchanged facts writes nothing.
    """

    project_path: ClassVar[str | None] = "project"
    search_columns: ClassVar[tuple[str, ...]] = ("title", "description", "impact")
    fixed_after_creation: ClassVar[tuple[str, ...]] = ("identified_at",)
    # What a detection run and the moves of a gap keep; a person who could write them could forge a finding.
    kept_by_system: ClassVar[tuple[str, ...]] = (
        "status",
        "origin",
        "last_seen_at",
        "resolved_at",
        "closed_at",
        "readiness",
        "readiness_reasons",
        "effect_tolerance_units",
        "urgency_h",
        "fingerprint",
        "detector_id",
        "detector_version",
        "inputs_hash",
        "opening_effect",
        "below_since",
    )

    project = TenantForeignKey("projects.Project", containing=True, related_name="gaps")
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    type = models.CharField(max_length=32, choices=GapType)
    category = models.CharField(max_length=32, choices=GapCategory)
    severity = models.CharField(max_length=16, choices=Severity)
    status = models.CharField(max_length=16, choices=GapStatus, default=GapStatus.OPEN)
    current_value = CheckedJSONField(schema=MEASURE, null=True, blank=True)
    target_value = CheckedJSONField(schema=MEASURE, null=True, blank=True)
    impact = models.TextField(blank=True, default="")
    effect_tolerance_units = models.FloatField("effect (tolerances)", null=True, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    urgency_h = models.FloatField("urgency (h left to act)", null=True, blank=True)
    owner = TenantForeignKey("tenants.User", null=True, blank=True, related_name="+")
    origin = models.CharField(max_length=16, choices=GapOrigin, default=GapOrigin.MANUAL)
    identified_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    readiness = models.CharField(max_length=16, choices=Readiness, default=Readiness.OK)
    readiness_reasons = CheckedJSONField(schema=REASONS, default=list, blank=True)
    fingerprint = models.CharField(max_length=SHA256_CHARACTERS, blank=True, default="")
    detector_id = models.CharField(max_length=64, blank=True, default="")
    detector_version = models.CharField(max_length=32, blank=True, default="")
    inputs_hash = models.CharField(max_length=SHA256_CHARACTERS, blank=True, default="")
    opening_effect = models.FloatField(null=True, blank=True)
    below_since = models.DateTimeField(null=True, blank=True)

    class Meta(TimestampedTenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            not_blank("title"),
            models.UniqueConstraint(
                fields=["tenant", "project", "fingerprint"],
                condition=~Q(fingerprint=""),
                name="gaps_gap_fingerprint_per_project",
                violation_error_message="The project already has this detected gap.",
            ),
            enum_constraint("type", GapType),
            enum_constraint("category", GapCategory),
            enum_constraint("severity", Severity),
            enum_constraint("status", GapStatus),
            enum_constraint("origin", GapOrigin),
            enum_constraint("readiness", Readiness),
            range_check("confidence", low=0, high=1),
            range_check("effect_tolerance_units"),
            range_check("opening_effect"),
            range_check("urgency_h", low=0),
            order_check("identified_at", "resolved_at"),
            order_check("identified_at", "closed_at"),
            FieldCheck(
                field="resolved_at",
                condition=(Q(status__in=LIVE) & Q(resolved_at__isnull=True))
                | Q(status=GapStatus.RESOLVED, resolved_at__isnull=False)
                | Q(status=GapStatus.CLOSED),
                rule="resolved_at_fits_status",
                message="A resolved gap has the instant of its resolution; an open one has none.",
            ),
            FieldCheck(
                field="closed_at",
                condition=Q(status=GapStatus.CLOSED, closed_at__isnull=False)
                | (~Q(status=GapStatus.CLOSED) & Q(closed_at__isnull=True)),
                rule="closed_at_fits_status",
                message="A gap has the instant of its closing exactly when it is closed.",
            ),
            FieldCheck(
                field="origin",
                condition=(Q(origin=GapOrigin.DETECTED) & ~Q(fingerprint="") & ~Q(detector_id="") & ~Q(inputs_hash=""))
                | Q(origin=GapOrigin.MANUAL, fingerprint="", detector_id="", inputs_hash=""),
                rule="origin_fits_detector",
                message="A detected gap names its detector, fingerprint and inputs; a manual one has none of them.",
            ),
            json_kind_check("current_value", "object"),
            json_kind_check("target_value", "object"),
            json_kind_check("readiness_reasons", "array"),
            hash_check("fingerprint", empty=True),
            hash_check("inputs_hash", empty=True),
        ]
        indexes = [
            models.Index(fields=["tenant", "project", "status", "id"], name="gaps_by_project_status"),
            models.Index(fields=["tenant", "status", "severity", "id"], name="gaps_by_status_severity"),
            models.Index(fields=["tenant", "type", "id"], name="gaps_by_type"),
            models.Index(fields=["tenant", "identified_at", "id"], name="gaps_by_identified_at"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_live(self) -> bool:
        """Whether somebody still has to deal with it."""
        return self.status in LIVE
