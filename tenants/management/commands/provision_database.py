"""Make roles and database: once per installation, and again without harm."""

from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from psycopg.sql import SQL, Identifier

from tenants.isolation.provisioning import LARGE_OBJECT_FUNCTIONS, cluster_statements, login_roles
from tenants.isolation.roles import credentials, database_roles


class Command(BaseCommand):
    """Create the roles of the cluster and the database, as the superuser of DATABASE_SUPERUSER_URL."""

    help = "Create or mend the database roles, the database and the rights on it (needs DATABASE_SUPERUSER_URL)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--database-name", help="The database to provision; default: the one of DATABASE_URL.")

    def handle(self, *args: Any, **options: Any) -> None:
        superuser, roles = credentials("SUPERUSER"), database_roles()
        if roles is None:
            raise CommandError("There is a single database user (no DATABASE_OWNER_URL): nothing to provision.")
        if superuser is None:
            raise CommandError("Set DATABASE_SUPERUSER_URL for this command; nothing else uses it.")
        name = options["database_name"] or str(settings.DATABASES["default"]["NAME"])
        owner = login_roles()["OWNER"]["user"]
        with psycopg.connect(dbname="postgres", autocommit=True, **superuser) as connection:
            # One provisioning at a time: two would collide on the same rows of pg_authid.
            connection.execute("SELECT pg_advisory_lock(hashtext('stratibreak provision'))")
            for statement in cluster_statements(roles, login_roles()):
                connection.execute(statement.encode())
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(owner)))
        with psycopg.connect(dbname=name, autocommit=True, **superuser) as connection:
            for (statement,) in connection.execute(LARGE_OBJECT_FUNCTIONS).fetchall():
                connection.execute(statement.encode())
        self.stdout.write(f"Roles and database {name} are ready.")
