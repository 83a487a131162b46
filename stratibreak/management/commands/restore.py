"""Put a backup in the place of the database, for development."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection

from stratibreak.dumps import DumpFailed, database_exists, restore_database, row_counts
from tenants.isolation.roles import credentials


class Command(BaseCommand):
    """The present database is dropped only after the whole file has been restored beside it."""

    help = "Restore FILE, written by `backup`. A database that holds tables is replaced only with --replace NAME."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", metavar="NAME", help="name of the database whose contents are given up")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        name = str(connection.settings_dict["NAME"])
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        try:
            if options["replace"] != name and database_exists(name) and row_counts(name):
                raise CommandError(f"The database {name} is not empty. To give up what it holds: --replace {name}")
            connection.close()
            restore_database(name, file)
            counts = row_counts(name)
        except (DumpFailed, Error, psycopg.Error) as error:
            raise CommandError(f"{error}") from error
        for table, rows in counts.items():
            self.stdout.write(f"{rows:>12,}  {table}")
        self.stdout.write(f"{sum(counts.values()):,} rows of {len(counts)} tables were restored.")
        if credentials("SUPERUSER") is None:
            self.stdout.write(
                "Without DATABASE_SUPERUSER_URL the functions of large objects stay open to everybody in the new "
                "database: `manage.py provision_database` closes them."
            )
