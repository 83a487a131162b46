"""The backoffice."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class BackofficeConfig(AdminConfig):
    """Django's admin with our site as the default one."""
