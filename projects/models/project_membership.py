from __future__ import annotations

from typing import ClassVar

from django.db import models

from projects.constraints import unique_in_tenant
from projects.enums import MembershipRole
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TimestampedTenantModel


class ProjectMembership(TimestampedTenantModel):
    """One person works on one project, as a lead or a member: what a team leader is allowed to see.

    Admins and project managers write it. Always holds: a person is on a project once.
    """

    project_path: ClassVar[str | None] = "project"
    fixed_after_creation: ClassVar[tuple[str, ...]] = ("user",)

    project = TenantForeignKey("projects.Project", containing=True, related_name="memberships")
    user = TenantForeignKey("tenants.User", related_name="project_memberships")
    role = models.CharField(max_length=16, choices=MembershipRole, default=MembershipRole.MEMBER)

    class Meta(TimestampedTenantModel.Meta):
        verbose_name = "project membership"
        verbose_name_plural = "project memberships"
        ordering = ["-id"]
        constraints = [
            unique_in_tenant("project", "user", name="user"),
            enum_constraint("role", MembershipRole),
        ]
        # The other way round from the unique key: "my projects" is asked in every request of a team leader.
        indexes = [models.Index(fields=["tenant", "user", "project"], name="membership_user_project_idx")]

    def __str__(self) -> str:
        return f"{self.user} in {self.project} ({self.get_role_display()})"
