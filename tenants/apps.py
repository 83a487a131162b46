"""App configuration of tenants: the kernel, the organisations, their people and their audit log."""

from __future__ import annotations

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Connects the kernel's checks and the audit trail when Django starts."""

    name = "tenants"
    verbose_name = "Organisations and people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Imported here because they need loaded apps.
        from .checks import register_checks  # noqa: PLC0415
        from .domain.audit_trail import start_audit_trail  # noqa: PLC0415
        from .domain.keys import TENANT_KEYS  # noqa: PLC0415
        from .encryption.key_source import use_key_source  # noqa: PLC0415
        from .isolation import checks  # noqa: PLC0415

        checks.register_checks()
        register_checks()
        start_audit_trail()
        use_key_source(TENANT_KEYS)
