"""The facts a gap rests on."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q

from gaps.schemas import EVIDENCE_VALUE
from projects.constraints import not_blank
from projects.models.fields import EXTERNAL_ID_MAX_LENGTH, URL_MAX_LENGTH
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import FieldCheck


class Evidence(TimestampedTenantModel):
    """One fact that a gap rests on: which object, which field, what it said, and when that was seen.

    Written by the detection run, which replaces the evidence of its gaps, or by a person. It names its object by
    type, id and key instead of referring to the row: evidence must outlive the item it was read from (an item that
    is deleted in the tool does not un-happen), and a reference would forbid or cascade that deletion.
    `object_id` is our row's id for recorded work, otherwise the id the source uses.
    """

    project_path: ClassVar[str | None] = "gap__project"
    search_columns: ClassVar[tuple[str, ...]] = ("object_key", "field")

    gap = TenantForeignKey("gaps.Gap", containing=True, related_name="evidence")
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=EXTERNAL_ID_MAX_LENGTH, blank=True, default="")
    object_key = models.CharField(max_length=EXTERNAL_ID_MAX_LENGTH, blank=True, default="")
    field = models.CharField(max_length=100)
    value = CheckedJSONField(schema=EVIDENCE_VALUE, null=True, blank=True)
    observed_at = models.DateTimeField(null=True, blank=True)
    # Not a URLField: its form field guesses a scheme, which Django 5.2 announces with a deprecation warning.
    url = models.CharField(
        max_length=URL_MAX_LENGTH, blank=True, default="", validators=[URLValidator(schemes=["http", "https"])]
    )

    class Meta(TimestampedTenantModel.Meta):
        ordering = ["gap", "id"]
        verbose_name_plural = "evidence"
        constraints = [
            not_blank("object_type"),
            not_blank("field"),
            FieldCheck(
                field="url",
                condition=Q(url="") | Q(url__regex=r"^https?://"),
                rule="url_is_web",
                message="Enter a web address.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.object_type} {self.object_key or self.object_id}: {self.field}"
