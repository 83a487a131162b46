"""Django's entry for the app."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """Connections to the tools that projects are planned in."""

    name = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        """Make the exports of the tools known to the importer, which knows no tool."""
        from integrations.exports.registry import EXPORTS  # noqa: PLC0415 - when the apps are there
        from projects.imports.formats import add_formats  # noqa: PLC0415 - as above

        add_formats(EXPORTS)
