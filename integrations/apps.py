"""Django's entry for the app."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """Connections to the tools that projects are planned in."""

    name = "integrations"
    verbose_name = "Integrations"
