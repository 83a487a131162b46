"""Invitations that wait for an answer."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Lower, Now

from tenants.enums import InvitationStatus, Role
from tenants.isolation.models import TimestampedTenantModel, enum_constraint
from tenants.isolation.registry import READ
from tenants.validators import validate_line
from tenants.value_constraints import order_check

DIGEST_CHARACTERS = 64


class Invitation(TimestampedTenantModel):
    """One person asked to join the organisation, until they do, it is revoked or its time is over.

    Administrators write it; whoever holds the link of the mail answers it. It looks the same whatever is known of the
    address elsewhere: nothing is looked up outside the organisation before the link is used, and an answer that
    fails leaves no trace here. Only the keyed digest of the link's token is kept, and a token sent again ends the one
    before. Always holds: at most one open invitation per address.
    """

    auth_privileges: ClassVar[frozenset[str]] = READ
    audit_ignored_fields: ClassVar[frozenset[str]] = frozenset({"secret_digest", "pepper_version"})

    email = models.EmailField("e-mail address", max_length=254, validators=[validate_line])
    role = models.CharField(max_length=20, choices=Role.choices)
    first_name = models.CharField(max_length=150, blank=True, validators=[validate_line])
    last_name = models.CharField(max_length=150, blank=True, validators=[validate_line])
    invited_by_id = models.UUIDField("invited by", editable=False, help_text="Who sent it last, and answers for it.")
    sent_at = models.DateTimeField(editable=False)
    sent_count = models.PositiveSmallIntegerField("times sent", default=1, editable=False)
    expires_at = models.DateTimeField("expires", editable=False, help_text="When the link stops working.")
    accepted_at = models.DateTimeField("accepted", null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField("revoked", null=True, blank=True, editable=False)
    secret_digest = models.CharField(max_length=DIGEST_CHARACTERS, editable=False)
    pepper_version = models.PositiveIntegerField(editable=False)

    # The tenant is not known yet when a token is looked up, and `objects` refuses to answer without one.
    for_authentication: ClassVar[models.Manager[Invitation]] = models.Manager()

    class Meta(TimestampedTenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="tenants_invitation_one_open",
                violation_error_message="There is an open invitation for this address: send it again or revoke it.",
            ),
            enum_constraint("role", Role),
            order_check("sent_at", "expires_at", message="Must lie in the future."),
            models.CheckConstraint(condition=Q(email=Lower("email")), name="tenants_invitation_email_lower_case"),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(revoked_at__isnull=True), name="tenants_invitation_one_answer"
            ),
            models.CheckConstraint(condition=~Q(secret_digest=""), name="tenants_invitation_has_digest"),
        ]

    def __str__(self) -> str:
        return self.email

    def clean_fields(self, exclude: object = None) -> None:
        self.email = (self.email or "").strip().lower()
        super().clean_fields(exclude=exclude)  # type: ignore[arg-type]  # narrower in the stubs than in Django

    def is_open(self, *, at: datetime) -> bool:
        """Whether its link still works at that moment, as far as this row knows."""
        return self.accepted_at is None and self.revoked_at is None and at < self.expires_at

    def status_at(self, at: datetime) -> InvitationStatus:
        """What became of it until that moment."""
        if self.accepted_at is not None:
            return InvitationStatus.ACCEPTED
        if self.revoked_at is not None:
            return InvitationStatus.REVOKED
        return InvitationStatus.PENDING if at < self.expires_at else InvitationStatus.EXPIRED


def invitation_status() -> Case:
    """The same as an expression, against the database's clock."""
    return Case(
        When(accepted_at__isnull=False, then=Value(InvitationStatus.ACCEPTED.value)),
        When(revoked_at__isnull=False, then=Value(InvitationStatus.REVOKED.value)),
        When(expires_at__lte=Now(), then=Value(InvitationStatus.EXPIRED.value)),
        default=Value(InvitationStatus.PENDING.value),
        output_field=models.CharField(),
    )
