"""App configuration of tenants: the kernel, the organisations, their people and their audit log."""

from __future__ import annotations

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Registers the kernel's system checks when Django starts."""

    name = "tenants"
    verbose_name = "Organisations and people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from .domain.keys import TENANT_KEYS  # noqa: PLC0415  # needs loaded apps
        from .encryption.key_source import use_key_source  # noqa: PLC0415  # needs loaded apps
        from .isolation import checks  # noqa: PLC0415  # needs loaded apps

        checks.register_checks()
        use_key_source(TENANT_KEYS)
