"""Every question that `doctor` asks, in the order in which the answers are worth reading."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from stratibreak.drift import (
    ScratchUnavailable,
    differences,
    expected_catalogue,
    read_catalogue,
    schema_differences,
)
from tenants.audit.partitions import PartitionsAhead, partitions_ahead
from tenants.checks import check_default_passwords_deployed
from tenants.domain.keys import key_ring
from tenants.encryption.errors import KeyRingMisconfigured
from tenants.isolation.checks import catalogue_differences, check_runtime_role
from tenants.isolation.owner import owner_access
from tenants.isolation.postgresql.rows import rows
from tenants.isolation.roles import credentials, database_roles

from .finding import Finding
from .jobs import job_findings
from .keys import key_findings
from .logins import login_findings
from .mail import mail_findings

OLDEST_SERVER = 150_000
OLDEST_BACKUP = timedelta(days=7)
MOST_USED_CONNECTIONS = 0.9
LEAST_FREE_BYTES = 1_000_000_000  # a restore beside the development database, with room to spare


_CONNECTIONS = """
  SELECT (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL)::int, current_setting('max_connections')::int,
    current_setting('port')::int"""
_ARCHIVER = "SELECT current_setting('archive_mode'), last_archived_time, last_failed_time FROM pg_stat_archiver"


def diagnose(*, is_quick: bool = False) -> list[Finding]:
    """Every finding; where the database does not answer, what depends on it is left out.

    is_quick: leave out the comparison of the schema with the migrations, which takes some seconds
    """
    found = list(_settings_findings())
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        state = f"does not answer: {str(error).strip().splitlines()[0]}"
        return [Finding("database", state, True, "Start it, or correct DATABASE_URL."), *found]
    questions = [_server, _connections, _runtime_role, login_findings, _keys, _migrations, _access]
    questions += [_drift_by_name if is_quick else _drift, _audit, _backups, job_findings, mail_findings, _passwords]
    for question in questions:
        found += _asked(question)
    return found


def _asked(question: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(question())
    except DatabaseError as error:
        state = f"could not be asked: {str(error).strip().splitlines()[0]}"
        return [Finding(question.__name__.strip("_"), state, True, "manage.py migrate")]


def _settings_findings() -> Iterator[Finding]:
    roles = database_roles()
    yield Finding("debug", "on" if settings.DEBUG else "off", mend="Set DEBUG=false." if settings.DEBUG else "")
    yield _switch("roles", roles is not None, "Set DATABASE_OWNER_URL for a login apart from the owner.")
    if roles is None:
        state = "one for everything: no roles, no signed context, no reading across organisations; policies are forced"
        yield Finding("database users", state)
    yield _switch(
        "signed context", bool(settings.CONTEXT_SIGNING_KEY) and roles is not None, "Set CONTEXT_SIGNING_KEY."
    )
    yield _switch("index of searches", roles is not None, "Set DATABASE_OWNER_URL: policies on the only user hide it.")
    yield _switch("platform login", "platform" in settings.DATABASES, "Set DATABASE_PLATFORM_URL.")
    for kind in ("BACKUP", "QUEUE", "SUPERUSER"):
        yield _switch(f"{kind.lower()} login", credentials(kind) is not None, f"Set DATABASE_{kind}_URL.")
    for name in ("SECRET_KEY", "API_KEY_PEPPER"):
        present = bool(getattr(settings, name))
        yield Finding(name, "present" if present else "missing", not present, "" if present else f"Set {name}.")
    try:
        key_ring()
        yield Finding("key ring", "readable")
    except KeyRingMisconfigured as error:
        yield Finding("key ring", str(error), True, "Set FIELD_KEYRING.")
    if not settings.DEBUG:
        yield _switch(
            "strict transport", settings.SECURE_HSTS_SECONDS > 0, "Set SECURE_HSTS_SECONDS, or let the proxy."
        )
    free = shutil.disk_usage(settings.BASE_DIR).free
    yield Finding("disk", f"{free / 1e9:.1f} GB free", free < LEAST_FREE_BYTES, "Free some space.")


def _switch(subject: str, is_on: bool, mend: str) -> Finding:
    return Finding(subject, "on" if is_on else "off", mend="" if is_on else mend)


def _server() -> Iterator[Finding]:
    version = int(getattr(connection, "pg_version", 0))
    state = f"answers, PostgreSQL {version // 10_000}"
    yield Finding("database", state, version < OLDEST_SERVER, "PostgreSQL 15 or newer is needed.")


def _runtime_role() -> Iterator[Finding]:
    return _of_checks("runtime role", check_runtime_role(None, databases=list(connections)))


def _passwords() -> Iterator[Finding]:
    return _of_checks("default passwords", check_default_passwords_deployed(None))


def _of_checks(subject: str, messages: list[Any]) -> Iterator[Finding]:
    if not messages:
        yield Finding(subject, "as they should be")
    for message in messages:
        yield Finding(subject, message.msg, message.level >= checks.WARNING, str(message.hint or ""))


def _keys() -> Iterator[Finding]:
    with _owner():
        yield from list(key_findings())


def _owner() -> AbstractContextManager[None]:
    """The owner's access, or the transaction that is open already: its connection cannot change hands."""
    return nullcontext() if connection.in_atomic_block else owner_access("manage.py doctor")


def _migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    state = f"{len(pending)} to apply" if pending else "all applied"
    yield Finding("migrations", state, bool(pending), "manage.py migrate" if pending else "")
    for app, name in sorted(set(executor.loader.applied_migrations) - set(executor.loader.disk_migrations)):
        mend = "Run the release that holds it, or restore the backup from before it."
        yield Finding("migrations", f"{app}.{name} is applied, and this release does not know it", True, mend)


def _access() -> Iterator[Finding]:
    with _owner():
        messages = catalogue_differences(connection)
    if not messages:
        yield Finding("row security", "as declared")
    for code, message in messages:
        mend = "manage.py migrate; what it leaves is named under “schema” with its statement"
        yield Finding("row security", f"{message} ({code})", True, mend)


def _drift() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        yield Finding("schema", "not compared while migrations are to be applied")
        return
    try:
        expected = expected_catalogue()
    except ScratchUnavailable as error:
        yield from _drift_by_name(f"; bodies not compared: {error}")
        return
    found = differences(expected, read_catalogue(connection), database=str(connection.settings_dict["NAME"]))
    if not found:
        yield Finding("schema", "as the migrations make it")
    for difference in found:
        yield Finding("schema", str(difference), True, difference.mend)


def _drift_by_name(remark: str = "; bodies not compared") -> Iterator[Finding]:
    found = schema_differences(connection)
    if not found:
        yield Finding("schema", f"as declared, by name{remark}")
    for difference in found:
        yield Finding("schema", difference, True, "Undo the change by hand, or write a migration for it.")


def _audit() -> Iterator[Finding]:
    ahead = partitions_ahead(connection)
    yield Finding("audit partitions", f"{ahead.months} months ahead", not ahead.is_enough, _make_partitions(ahead))
    for month in ahead.missing:
        due = month.starts_at().date()
        when = f"needed before {due}" if datetime.now(UTC).date() < due else "every audited write fails now"
        yield Finding("audit partitions", f"{month} is missing: {when}", not ahead.is_enough, _make_partitions(ahead))


def _make_partitions(ahead: PartitionsAhead) -> str:
    return "manage.py audit_partitions" if ahead.missing else ""


def _connections() -> Iterator[Finding]:
    [(used, most, port)] = rows(connection, _CONNECTIONS)
    configured = str(connection.settings_dict["PORT"] or 5432)
    way = (
        "direct" if str(port) == configured else f"through a pooler or proxy (port {configured}, the server has {port})"
    )
    pool = getattr(settings, "DATABASE_POOL_SIZE", 0)
    state = f"{way}; {used} of {most} used; " + (f"{pool} pooled per process" if pool else "none pooled")
    mend = "Put PgBouncer in transaction mode in front (DATABASE_URL), or raise max_connections."
    yield Finding("connections", state, used > most * MOST_USED_CONNECTIONS, mend)
    if pool > most * MOST_USED_CONNECTIONS:
        state = f"DATABASE_POOL_SIZE={pool} lets one process take nearly all {most} connections"
        yield Finding("connections", state, True, f"Set DATABASE_POOL_SIZE={max(most // 10, 1)}.")


def _backups() -> Iterator[Finding]:
    """What can be known here: WAL archiving, and the last `manage.py backup` of this working copy."""
    [(mode, archived_at, failed_at)] = rows(connection, _ARCHIVER)
    if mode == "off":
        yield Finding("WAL archiving", "off", mend="A backup tool with point-in-time recovery switches it on.")
    else:
        is_failing = failed_at is not None and (archived_at is None or failed_at > archived_at)
        state = f"last archived {archived_at or 'never'}" + (f", failing since {failed_at}" if is_failing else "")
        yield Finding("WAL archiving", state, is_failing, "See the server's log: archive_command fails.")
    stamp = backup_stamp()
    if not stamp.exists():
        yield Finding("backup", "none was made from here", mend="manage.py backup FILE, or your backup tool.")
        return
    age = datetime.now(UTC) - datetime.fromtimestamp(stamp.stat().st_mtime, UTC)
    is_old = age > OLDEST_BACKUP
    yield Finding("backup", f"last made from here {age.days} days ago", mend="manage.py backup FILE" if is_old else "")


def backup_stamp() -> Path:
    """The file whose time is that of the last `manage.py backup`."""
    return Path(settings.BASE_DIR) / ".stratibreak" / "last_backup"
