from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from projects.constraints import SLUG, matches, source_form, unique_in_tenant
from projects.models.fields import source_field
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.value_constraints import order_check, range_check

SCORE_MIN, SCORE_MAX = 1.0, 5.0
"""A five-step agreement scale."""
MIN_RESPONDENTS = 5
"""Below five, single answers can be guessed from a mean."""
MAX_RESPONDENTS = 100_000


class PulseSummary(TenantModel):
    """The mean answer of a team to one opt-in pulse question in one period.

    The pulse collects answers elsewhere and writes only this. Always holds: at least five people answered; no single
    answer and no person is stored.
    """

    project_path: ClassVar[str | None] = "project"
    fixed_after_creation: ClassVar[tuple[str, ...]] = ("source",)

    project = TenantForeignKey("projects.Project", containing=True, related_name="pulse_summaries")
    source = source_field()
    question_code = models.CharField(max_length=64, help_text="Names the question, whatever its wording or language.")
    first_date = models.DateField("from")
    last_date = models.DateField("to (inclusive)")
    mean_score = models.FloatField(
        "mean score (1 to 5)", validators=[MinValueValidator(SCORE_MIN), MaxValueValidator(SCORE_MAX)]
    )
    respondent_count = models.PositiveIntegerField("respondents", validators=[MinValueValidator(MIN_RESPONDENTS)])
    recorded_at = models.DateTimeField(default=timezone.now, editable=False, help_text="When we first knew of it.")

    class Meta(TenantModel.Meta):
        verbose_name = "pulse summary"
        verbose_name_plural = "pulse summaries"
        ordering = ["-id"]
        constraints = [
            unique_in_tenant("project", "source", "question_code", "first_date", name="natural_key"),
            source_form(),
            matches("question_code", SLUG, message="Enter lower-case letters, digits, dots, dashes and underscores."),
            order_check("first_date", "last_date"),
            range_check("mean_score", low=SCORE_MIN, high=SCORE_MAX),
            range_check("respondent_count", low=MIN_RESPONDENTS, high=MAX_RESPONDENTS),
        ]

    def __str__(self) -> str:
        return f"{self.question_code} from {self.first_date}: {self.mean_score:.1f} (n = {self.respondent_count})"
