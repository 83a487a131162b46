"""What an installation has on, what it has off, and how to mend it. Reads only; a failing question is a finding."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from stratibreak.drift import schema_differences
from tenants.audit.partitions import partitions_ahead
from tenants.checks import check_default_passwords_deployed
from tenants.domain.keys import key_ring
from tenants.encryption.errors import KeyRingMisconfigured
from tenants.isolation.checks import catalogue_differences, check_runtime_role
from tenants.isolation.owner import owner_access
from tenants.isolation.roles import credentials, database_roles

OLDEST_SERVER = 150_000
LEAST_FREE_BYTES = 1_000_000_000  # a restore beside the development database, with room to spare


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`. is_problem: something is wrong, rather than merely off."""

    subject: str
    state: str
    is_problem: bool = False
    mend: str = ""


def diagnose() -> list[Finding]:
    """Every finding; where the database does not answer, what depends on it is left out."""
    found = list(_settings_findings())
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        state = f"does not answer: {str(error).strip().splitlines()[0]}"
        return [Finding("database", state, True, "Start it, or correct DATABASE_URL."), *found]
    for question in (_server, _logins, _migrations, _access, _drift, _audit, _passwords):
        found += _asked(question)
    return found


def _asked(question: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(question())
    except DatabaseError as error:
        state = f"could not be asked: {str(error).strip().splitlines()[0]}"
        return [Finding(question.__name__.strip("_"), state, True, "Run `manage.py migrate`.")]


def _settings_findings() -> Iterator[Finding]:
    roles = database_roles()
    yield Finding("debug", "on" if settings.DEBUG else "off", mend="Set DEBUG=false." if settings.DEBUG else "")
    yield _switch("roles", roles is not None, "Set DATABASE_OWNER_URL for a login apart from the owner.")
    yield _switch(
        "signed context", bool(settings.CONTEXT_SIGNING_KEY) and roles is not None, "Set CONTEXT_SIGNING_KEY."
    )
    yield _switch("index of searches", roles is not None, "Set DATABASE_OWNER_URL: policies on the only user hide it.")
    yield _switch("platform login", "platform" in settings.DATABASES, "Set DATABASE_PLATFORM_URL.")
    for kind in ("BACKUP", "SUPERUSER"):
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


def _logins() -> Iterator[Finding]:
    return _of_checks("runtime role", check_runtime_role(None, databases=list(connections)))


def _passwords() -> Iterator[Finding]:
    return _of_checks("default passwords", check_default_passwords_deployed(None))


def _of_checks(subject: str, messages: list[Any]) -> Iterator[Finding]:
    if not messages:
        yield Finding(subject, "as they should be")
    for message in messages:
        yield Finding(subject, message.msg, message.level >= checks.WARNING, str(message.hint or ""))


def _migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    state = f"{len(pending)} to apply" if pending else "all applied"
    yield Finding("migrations", state, bool(pending), "Run `manage.py migrate`.")


def _access() -> Iterator[Finding]:
    if connection.in_atomic_block:
        messages = catalogue_differences(connection)
    else:
        with owner_access("manage.py doctor"):
            messages = catalogue_differences(connection)
    if not messages:
        yield Finding("row security", "as declared")
    for code, message in messages:
        yield Finding("row security", f"{message} ({code})", True, "Run `manage.py migrate`.")


def _drift() -> Iterator[Finding]:
    differences = schema_differences(connection)
    if not differences:
        yield Finding("schema", "as declared")
    for difference in differences:
        yield Finding("schema", difference, True, "Undo the change by hand, or write a migration for it.")


def _audit() -> Iterator[Finding]:
    ahead = partitions_ahead(connection)
    mend = "" if ahead.is_enough else "Run `manage.py audit_partitions`."
    yield Finding("audit partitions", f"{ahead.months} months ahead", not ahead.is_enough, mend)
