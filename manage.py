#!/usr/bin/env python3
"""Run a Django command; without DATABASE_URL the embedded PostgreSQL is started first."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# These answer from code and settings alone.
COMMANDS_WITHOUT_DATABASE = frozenset(
    {
        "benchmark",
        "build_prior",
        "help",
        "version",
        "collectstatic",
        "diffsettings",
        "findstatic",
        "spectacular",
        "startapp",
    }
)
HELP_ARGUMENTS = frozenset({"-h", "--help", "--version"})


def needs_database(arguments: list[str]) -> bool:
    """Whether the command line is for a command that talks to the database."""
    if not arguments or HELP_ARGUMENTS.intersection(arguments):
        return False
    return arguments[0] not in COMMANDS_WITHOUT_DATABASE


def main() -> None:
    """Start what the command needs, then hand over to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stratibreak.settings")
    try:
        import django  # noqa: PLC0415 - to explain its absence
        from django.core.management import call_command, execute_from_command_line  # noqa: PLC0415 - likewise

        from stratibreak.development_secrets import development_secrets  # noqa: PLC0415 - likewise
        from stratibreak.embedded_postgres import (  # noqa: PLC0415 - likewise
            EmbeddedPostgresError,
            database_exists,
            ensure_running,
        )
    except ModuleNotFoundError as error:
        sys.exit(f"{error}. Run `make environment`, then `.venv/bin/python manage.py …`.")
    if sys.argv[1:2] == ["demo"]:
        # The demo is development also on a database of your own; without one the settings come to the same.
        os.environ.setdefault("DEBUG", "true")
        for name, value in development_secrets(ROOT).items():
            os.environ.setdefault(name, value)
    if not os.environ.get("DATABASE_URL") and needs_database(sys.argv[1:]):
        try:
            urls = ensure_running(ROOT)
        except EmbeddedPostgresError as error:
            sys.exit(str(error))
        if not database_exists(urls):
            django.setup()
            # Not to stdout: that may be the start of a dump.
            call_command("provision_database", stdout=sys.stderr)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
