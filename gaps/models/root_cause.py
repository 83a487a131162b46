"""Why a gap is there."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from gaps.enums import GapCategory
from gaps.schemas import CAUSE_CODES
from predictions.schemas import EVIDENCE_ROWS
from projects.constraints import not_blank
from projects.models.fields import currency_field, money_field
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import FieldCheck, json_kind_check, range_check


class RootCause(TimestampedTenantModel):
    """One cause of a gap, with the part of it that it explains.

    Written by the detection run, which replaces the causes of its gaps (`code` names the factor, such as
    "SCOPE_ADDED"), or by a person for a manual gap. `rank` 1 explains most. Contributions are in days of the finish
    (positive is later), in money (positive is dearer) and as a share of the gap, which may lie outside [0, 1] where
    causes work against each other; null means not measured. "Unexplained" is a cause of its own. `depends_on` holds the
    codes of causes of the same gap that have to be dealt with before this one.
    """

    project_path: ClassVar[str | None] = "gap__project"
    search_columns: ClassVar[tuple[str, ...]] = ("description",)

    gap = TenantForeignKey("gaps.Gap", containing=True, related_name="root_causes")
    rank = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1)])
    code = models.SlugField(max_length=64, blank=True, default="", db_index=False)
    description = models.TextField()
    category = models.CharField(max_length=32, choices=GapCategory)
    confidence = models.FloatField(null=True, blank=True)
    contribution_days = models.FloatField("contribution (days)", null=True, blank=True)
    contribution_money = money_field("contribution (money)", null=True, blank=True)
    contribution_currency = currency_field(blank=True, default="")
    contribution_share = models.FloatField("contribution (share)", null=True, blank=True)
    depends_on = CheckedJSONField(schema=CAUSE_CODES, default=list, db_default=[], blank=True)
    evidence_for = CheckedJSONField(schema=EVIDENCE_ROWS, default=list, blank=True)
    evidence_against = CheckedJSONField(schema=EVIDENCE_ROWS, default=list, blank=True)

    class Meta(TimestampedTenantModel.Meta):
        ordering = ["gap", "rank"]
        constraints = [
            not_blank("description"),
            models.UniqueConstraint(
                fields=["tenant", "gap", "rank"],
                name="gaps_rootcause_rank_per_gap",
                violation_error_message="The gap already has a cause of this rank.",
            ),
            enum_constraint("category", GapCategory),
            range_check("rank", low=1, high=1000),
            range_check("confidence", low=0, high=1),
            range_check("contribution_days"),
            range_check("contribution_share"),
            FieldCheck(
                field="contribution_currency",
                condition=Q(contribution_money__isnull=True) | Q(contribution_currency__regex=r"^[A-Z]{3}$"),
                rule="contribution_has_currency",
                message="A contribution in money needs its currency, three capital letters.",
            ),
            json_kind_check("depends_on", "array"),
            json_kind_check("evidence_for", "array"),
            json_kind_check("evidence_against", "array"),
        ]

    def __str__(self) -> str:
        return f"{self.rank}. {self.description[:100]}"
