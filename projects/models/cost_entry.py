from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models

from projects.constraints import currency_form, natural_key, not_blank, source_form
from projects.enums import CostCategory
from projects.models.fields import currency_field, money_field
from projects.models.sourced_fact import SourcedFact
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, uuid7
from tenants.validators import validate_finite
from tenants.value_constraints import range_check

AMOUNT_LIMIT = 10**12
"""Far above any single cost; the bound also keeps out NaN, which PostgreSQL sorts above every number."""


def manual_external_id() -> str:
    """A name for a row that a person types in, where no source gives one."""
    return str(uuid7())


class CostEntry(SourcedFact):
    """One cost that was really incurred on one day, whatever was planned: the AC of earned value.

    Time-sheet and ledger imports write it, or people. Always holds: the amount is in its own currency and never
    converted silently; a reversal is a negative amount on its own day, and no entry is rewritten for it.
    """

    project = TenantForeignKey("projects.Project", containing=True, related_name="cost_entries")
    external_id = models.CharField("external id", max_length=255, default=manual_external_id)
    incurred_on_date = models.DateField("incurred on")
    amount = money_field("amount", help_text="Negative for a reversal.")
    currency = currency_field()
    category = models.CharField(max_length=16, choices=CostCategory, default=CostCategory.OTHER)
    hours = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0.0), validate_finite])
    description = models.CharField(max_length=255, blank=True)
    # Kept by key, because a cost stays a cost of the project after its item is gone.
    work_item_key = models.CharField(max_length=255, blank=True)
    contributor = TenantForeignKey("projects.Contributor", null=True, blank=True, related_name="cost_entries")

    class Meta(SourcedFact.Meta):
        verbose_name = "cost entry"
        verbose_name_plural = "cost entries"
        ordering = ["-id"]
        constraints = [
            natural_key(),
            source_form(),
            not_blank("external_id"),
            currency_form(),
            enum_constraint("category", CostCategory),
            range_check("amount", low=-AMOUNT_LIMIT, high=AMOUNT_LIMIT),
            range_check("hours", low=0),
        ]
        indexes = [models.Index(fields=["tenant", "project", "incurred_on_date"], name="cost_project_day_idx")]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} on {self.incurred_on_date}"
