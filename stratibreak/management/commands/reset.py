"""Start the development database anew."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections

from stratibreak.dumps import DumpFailed, create_empty_database, drop_database, required_credentials


class Command(BaseCommand):
    """Drops the database, makes it again and loads the demo. Refuses outside development."""

    help = "Drop the development database, migrate a new one and load the demo. Refuses outside development."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--yes-drop", metavar="NAME", help="name of the database, where it is not the embedded one")

    def handle(self, *args: Any, **options: Any) -> None:
        name = str(connection.settings_dict["NAME"])
        if not settings.DEBUG:
            raise CommandError("`reset` destroys data, so it runs in development only (DEBUG=true). Nothing was done.")
        if not settings.DEVELOPMENT and options["yes_drop"] != name:
            raise CommandError(f"DATABASE_URL is set: to drop that database say --yes-drop {name}. Nothing was done.")
        connections.close_all()
        try:
            required_credentials("OWNER")
            drop_database(name)
            create_empty_database(name)
        except (DumpFailed, psycopg.Error) as error:
            raise CommandError(f"{name} was not made anew. {error}") from error
        call_command("migrate", verbosity=0, interactive=False)
        call_command("demo", no_server=True, stdout=self.stdout)
        self.stdout.write(f"{name} is new.")
