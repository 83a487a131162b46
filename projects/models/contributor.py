from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone

from projects.constraints import SHA256_HEX, matches, not_blank, sha256_form, source_form, unique_in_tenant
from projects.models.fields import lower_case_of, source_field
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.value_constraints import FieldCheck

IS_LINKED = models.Q(person__isnull=False)


def person_of(reference: str) -> Coalesce:
    """Who is meant by a reference to an account, for counting people: the person, else the account itself."""
    return Coalesce(f"{reference}__person", f"{reference}_id")


class Contributor(TenantModel):
    """One account of a source, known by a pseudonym: whoever opened, carried or changed items.

    Imports and syncs write it. It belongs to the tenant and not to a project, because overload and moved people show
    only across projects. Always holds: the source's own account name and address are never stored, only keyed digests
    of them; a display label is there only where the tenant chose to show names; nothing scores a contributor.

    Accounts with the same `person` are one human being, whom analyses count once. `domain.people` alone writes it, from
    what speaks for it: the address, the user, the word of a person. An account that stands apart is in no such group.
    """

    project_path: ClassVar[str | None] = None
    search_columns: ClassVar[tuple[str, ...]] = ("pseudonym", "display_label")
    # The digest identifies a person to whoever can guess account names; nobody needs it outside of an import.
    shown_to_nobody: ClassVar[tuple[str, ...]] = ("external_id_digest", "email_digest")
    kept_by_system: ClassVar[tuple[str, ...]] = ("person", "linked_by_hand", "is_apart")

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
    email_digest = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Keyed SHA-256 of the address that the source has verified; empty where it tells none.",
    )
    # Plain identifiers: a reference of the table to itself would forbid erasing in batches.
    linked_by_hand = models.UUIDField(
        null=True, blank=True, help_text="People have said that accounts with the same one are one person."
    )
    is_apart = models.BooleanField(
        default=False, db_default=False, help_text="People have said that it is nobody else's, whatever speaks for it."
    )
    person = models.UUIDField(
        null=True, blank=True, help_text="The same for all accounts of one person; empty where only one is known."
    )

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
            matches("email_digest", f"^$|{SHA256_HEX}", message="Enter 64 lower-case hexadecimal digits."),
            FieldCheck(
                field="is_apart",
                condition=models.Q(is_apart=False) | models.Q(person__isnull=True, linked_by_hand__isnull=True),
                rule="apart_is_alone",
                message="An account that stands apart is linked to no other.",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "display_label_lower"], name="contributor_label_idx"),
            models.Index(fields=["tenant", "person"], name="contributor_person_idx", condition=IS_LINKED),
        ]

    def __str__(self) -> str:
        return self.display_label or self.pseudonym
