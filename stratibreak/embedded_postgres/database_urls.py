"""The addresses of one database, one for each role that logs in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

DATABASE_NAME = "stratibreak"
SUPERUSER = "postgres"
MAINTENANCE_DATABASE = "postgres"


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """Where each login finds the database; `manage.py provision_database` makes the roles and the database.

    The superuser's address names the maintenance database, which exists before that.
    """

    login: str
    owner: str
    platform: str
    backup: str
    queue: str
    superuser: str

    def environment(self) -> dict[str, str]:
        """Return the variables that the settings read."""
        return {
            "DATABASE_URL": self.login,
            "DATABASE_OWNER_URL": self.owner,
            "DATABASE_PLATFORM_URL": self.platform,
            "DATABASE_BACKUP_URL": self.backup,
            "DATABASE_QUEUE_URL": self.queue,
            "DATABASE_SUPERUSER_URL": self.superuser,
        }


def socket_urls(sockets: Path) -> DatabaseUrls:
    """Return the addresses of the server whose socket is in ``sockets``."""

    def url(role: str, database: str = DATABASE_NAME) -> str:
        return f"postgresql://{role}@/{database}?host={quote(str(sockets))}"

    return DatabaseUrls(
        login=url("stratibreak_login"),
        owner=url("stratibreak_owner"),
        platform=url("stratibreak_platform_login"),
        backup=url("stratibreak_backup"),
        queue=url("stratibreak_queue"),
        superuser=url(SUPERUSER, MAINTENANCE_DATABASE),
    )


def database_exists(urls: DatabaseUrls) -> bool:
    """Whether the application's database was made already: on a new server it was not."""
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone()
    return found is not None
