"""A person who logs in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from tenants.enums import Role
from tenants.isolation.constraints import RowSecurity
from tenants.isolation.identifiers import uuid7
from tenants.isolation.models import IsolatedModel
from tenants.isolation.search.index import SearchIndex
from tenants.isolation.transaction import auth_step
from tenants.models.tenant import Tenant
from tenants.permissions import allowed_by_name


class UserManager(BaseUserManager["User"]):
    """Users by their e-mail address, which is unique over the installation."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())

    def create_user(self, *, email: str, password: str | None, tenant: Tenant, role: Role, **fields: Any) -> User:
        """Create a person of one organisation.  password None: they cannot log in until one is set."""
        return self._create(email=email, password=password, tenant=tenant, role=role, **fields)

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a platform operator, who belongs to no organisation (``manage.py createsuperuser``)."""
        return self._create(email=email, password=password, tenant=None, role="", is_operator=True, **fields)

    def _create(self, *, email: str, password: str | None, **fields: Any) -> User:
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.full_clean(validate_unique=False)
        user.save()
        return user


class User(AbstractBaseUser, IsolatedModel):
    """A person with a role in one organisation, or a platform operator, who belongs to none.

    Written by administrators of the organisation and by operators.  The e-mail address is lower-case and unique over
    the installation.  Users are deactivated and pseudonymised, never deleted: what they did keeps pointing at them.
    """

    auth_privileges: ClassVar[frozenset[str]] = frozenset({"SELECT", "UPDATE"})
    search_columns: ClassVar[tuple[str, ...]] = ("email", "first_name", "last_name", "username")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.DO_NOTHING, null=True, blank=True, db_index=False, related_name="users", editable=False
    )
    email = models.EmailField("e-mail address", max_length=254, unique=True)
    username = models.CharField(max_length=150, blank=True, help_text="Shown in lists; the e-mail address logs in.")
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    role = models.CharField(max_length=20, choices=Role.choices, blank=True)
    is_active = models.BooleanField("active", default=True)
    is_operator = models.BooleanField("platform operator", default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    project_path: ClassVar[str | None] = None

    class Meta:
        ordering = ["email"]
        constraints = [
            RowSecurity(name="tenants_user_security", tenant_column="tenant_id"),
            models.UniqueConstraint(fields=["tenant", "id"], name="tenants_user_reference_target"),
            models.CheckConstraint(
                condition=Q(is_operator=True, tenant__isnull=True, role="")
                | (Q(is_operator=False, tenant__isnull=False) & ~Q(role="")),
                name="tenants_user_operator_or_member",
            ),
            models.CheckConstraint(condition=Q(role__in=["", *Role.values]), name="tenants_user_role_valid"),
            models.CheckConstraint(
                condition=Q(email=models.functions.Lower("email")), name="tenants_user_email_lower_case"
            ),
        ]
        indexes = [
            SearchIndex(fields=["tenant", "email", "first_name", "last_name", "username"], name="tena_user_words")
        ]

    def __str__(self) -> str:
        return self.email

    def natural_key(self) -> tuple[str]:
        return (self.email,)

    def clean(self) -> None:
        super().clean()
        if self.is_operator == bool(self.tenant_id):
            raise ValidationError("A user belongs to one organisation, or is an operator and belongs to none.")

    def clean_fields(self, exclude: Any = None) -> None:
        self.email = (self.email or "").strip().lower()
        super().clean_fields(exclude=exclude)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; the time of the last login alone is written under the auth purpose, before the tenant is known."""
        if kwargs.get("update_fields") == ["last_login"]:
            with auth_step():
                User.objects.filter(pk=self.pk).update(last_login=self.last_login)
            return
        self.email = (self.email or "").strip().lower()
        super().save(*args, **kwargs)

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.username or self.email

    def get_short_name(self) -> str:
        return self.first_name or self.username or self.email

    # What Django's admin asks

    @property
    def is_superuser(self) -> bool:
        """Whether this is a platform operator."""
        return self.is_operator

    @property
    def is_staff(self) -> bool:
        """Whether the backoffice opens: for operators and for administrators of an organisation."""
        return self.is_active and (self.is_operator or self.role == Role.ADMIN)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Answer from the role matrix; an operator may what an administrator may, inside the tenant they entered."""
        if not self.is_active:
            return False
        return allowed_by_name(Role.ADMIN if self.is_operator else self.role, perm)

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether any model of the app may be seen; the admin asks each model again."""
        return self.is_staff
