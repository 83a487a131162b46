"""Make roles and database: once per installation, and again without harm."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from tenants.isolation.provisioning import close_large_objects, create_database, provision_cluster


class Command(BaseCommand):
    """Create the roles of the cluster and the database, as the superuser of DATABASE_SUPERUSER_URL."""

    help = "Create or mend the database roles, the database and the rights on it (needs DATABASE_SUPERUSER_URL)."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        name = str(settings.DATABASES["default"]["NAME"])
        try:
            provision_cluster()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        create_database(name)
        close_large_objects(name)
        if options["verbosity"]:
            self.stdout.write(f"Roles and database {name} are ready.")
