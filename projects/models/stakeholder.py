from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower

from projects.constraints import not_blank, unique_in_tenant
from projects.models.fields import LowerCaseEmailField, lower_case_of
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel
from tenants.value_constraints import FieldCheck


class Stakeholder(TimestampedTenantModel):
    """One person with an interest in one project, who may or may not log in here.

    People write it. Always holds: the address is lower case and unique within the project; a linked user with the
    role STAKEHOLDER sees exactly the projects where such a row names them.
    """

    project_path: ClassVar[str | None] = "project"
    search_columns: ClassVar[tuple[str, ...]] = ("name", "email", "role")

    project = TenantForeignKey("projects.Project", containing=True, related_name="stakeholders")
    name = models.CharField(max_length=200)
    name_lower = lower_case_of("name", max_length=200)
    email = LowerCaseEmailField("e-mail", max_length=254)
    role = models.CharField(max_length=100, blank=True, help_text="What they are to the project, such as Sponsor.")
    user = TenantForeignKey("tenants.User", null=True, blank=True, related_name="stakeholder_entries")

    class Meta(TimestampedTenantModel.Meta):
        verbose_name = "stakeholder"
        verbose_name_plural = "stakeholders"
        ordering = ["-id"]
        constraints = [
            unique_in_tenant("project", "email", name="email"),
            not_blank("name"),
            not_blank("email"),
            FieldCheck(
                field="email",
                condition=models.Q(email=Lower("email")),
                rule="email_lower_case",
                message="Enter the address in lower case.",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "name_lower"], name="stakeholder_name_idx"),
            # "The projects where I am a stakeholder" is asked in every request of one.
            models.Index(fields=["tenant", "user", "project"], name="stakeholder_user_project_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"
