"""Django's entry for the app."""

from django.apps import AppConfig


class GapsConfig(AppConfig):
    """Where projects differ from what was intended, why, and what would close the difference."""

    name = "gaps"
    verbose_name = "Gaps"
