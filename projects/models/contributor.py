from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from projects.constraints import not_blank, sha256_form, source_form, unique_in_tenant
from projects.models.fields import lower_case_of, source_field
from tenants.isolation.models import TenantForeignKey, TenantModel


class Contributor(TenantModel):
    """One account of a source, known by a pseudonym: whoever opened, carried or changed items.

    Imports and syncs write it. It belongs to the tenant and not to a project, because overload and moved people show
    only across projects. Always holds: the source's own account name is never stored, only a keyed digest of it;
    a display label is there only where the tenant chose to show names; nothing scores a contributor.
    """

    project_path: ClassVar[str | None] = None
    search_columns: ClassVar[tuple[str, ...]] = ("pseudonym", "display_label")
    # The digest identifies a person to whoever can guess account names; nobody needs it outside of an import.
    shown_to_nobody: ClassVar[tuple[str, ...]] = ("external_id_digest",)

    source = source_field()
    external_id_digest = models.CharField(
        max_length=64, help_text="Keyed SHA-256 of the source's account id, hexadecimal; the key is the tenant's."
    )
    pseudonym = models.CharField(max_length=64, help_text="What people see in place of a name.")
    display_label = models.CharField(max_length=200, blank=True)
    display_label_lower = lower_case_of("display_label", max_length=200)
    is_active = models.BooleanField(default=True, help_text="The source still lets the account work.")
    user = TenantForeignKey("tenants.User", null=True, blank=True, related_name="contributors")
    recorded_at = models.DateTimeField(default=timezone.now, editable=False, help_text="When we first knew of it.")

    class Meta(TenantModel.Meta):
        verbose_name = "contributor"
        verbose_name_plural = "contributors"
        ordering = ["-id"]
        constraints = [
            unique_in_tenant("source", "external_id_digest", name="natural_key"),
            unique_in_tenant("source", "pseudonym", name="pseudonym"),
            source_form(),
            sha256_form("external_id_digest"),
            not_blank("pseudonym"),
        ]
        indexes = [models.Index(fields=["tenant", "display_label_lower"], name="contributor_label_idx")]

    def __str__(self) -> str:
        return self.display_label or self.pseudonym
