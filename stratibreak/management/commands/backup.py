"""Write the database to a file, for development."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from stratibreak.diagnosis.installation import backup_stamp
from stratibreak.dumps import DumpFailed, dump_database, row_counts


class Command(BaseCommand):
    """Every organisation's rows, through the backup login; secrets in the file stay sealed by the key ring."""

    help = "Write the whole database to FILE (pg_dump's custom format). Needs DATABASE_BACKUP_URL."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        if file.exists():
            raise CommandError(f"{file} exists already and is kept. Name another file.")
        name = str(connection.settings_dict["NAME"])
        try:
            dump_database(name, file)
            counts = row_counts(name)
        except (DumpFailed, OSError, psycopg.Error) as error:
            raise CommandError(f"No backup was written. {error}") from error
        backup_stamp().parent.mkdir(exist_ok=True)
        backup_stamp().touch()
        self.stdout.write(f"{sum(counts.values()):,} rows of {len(counts)} tables are in {file}.")
        self.stdout.write("Keep FIELD_KEYRING with it, elsewhere: without it the secrets in it cannot be read.")
