"""Try every connector against one server that plays the tools."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from integrations.connectors.registry import readable_types, trials_of
from integrations.connectors.trial import Trial
from integrations.domain.environment import Environment
from integrations.domain.trying import TrialPlace, try_connector
from integrations.http.addresses import AddressGuard
from integrations.management.trial_lines import trial_lines
from tenants.domain.erasing import erase_tenant
from tenants.domain.organisations import open_organisation
from tenants.isolation.owner import owner_access
from tenants.models import Tenant

LOOPBACK = ("127.0.0.0/8", "::1/128")
REASON = "connector report"


class Command(BaseCommand):
    """Works in an organisation of its own, which is erased afterwards. The server must be local or allowed.

    Each tool is asked for a connection, with good and with wrong credentials, read as a whole, and read once more.
    """

    help = (
        "Try every connector against a server that plays the tools below /github, /jira, …: counts by tool and stream."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base-url", required=True, metavar="URL", help="such as http://127.0.0.1:8899")
        parser.add_argument("--json", metavar="FILE", type=Path, help="write the whole report there, too")
        parser.add_argument("--tool", action="append", choices=readable_types(), help="only this one; may be repeated")
        parser.add_argument(
            "--options",
            metavar="FILE",
            type=Path,
            help='JSON that replaces settings and credentials: {"github": {"settings": {…}, "credentials": {…}}}',
        )

    def handle(self, *args: Any, **options: Any) -> None:
        changes = _read_options(options["options"])
        _check_database()
        environment = Environment(
            guard=AddressGuard.allowing([*settings.INTEGRATION_NETWORKS, *LOOPBACK]),
            retention_days=settings.RAW_PAYLOAD_RETENTION_DAYS,
        )
        report: dict[str, Any] = {"base_url": options["base_url"], "tools": {}}
        with _own_organisation() as tenant:
            place = TrialPlace(tenant.pk, options["base_url"], environment)
            for tool, trial in _trials(options["tool"], changes):
                told = try_connector(tool, trial, place, tell=partial(self._tell, trial))
                report["tools"][trial.name] = told
                self.stdout.write("\n".join(trial_lines(trial.name, told)))
        if options["json"]:
            options["json"].write_text(json.dumps(report, indent=1, ensure_ascii=False, sort_keys=True) + "\n")

    def _tell(self, trial: Trial, what: str) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"{trial.name}: {what}")


def _check_database() -> None:
    """Raises CommandError, with what to do, where the database does not answer or lacks tables."""
    try:
        with owner_access(REASON):
            executor = MigrationExecutor(connection)
            lacking = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except OperationalError as error:
        raise CommandError(
            "The database does not answer. Start it (`python -m stratibreak.embedded_postgres start`, where none is "
            "named by DATABASE_URL), then run `manage.py provision_database` and `manage.py migrate`."
        ) from error
    if lacking:
        raise CommandError(f"The database lacks {lacking} migrations. Run `manage.py migrate`, then this again.")


def _trials(tools: list[str] | None, changes: dict[str, Any]) -> Iterator[tuple[str, Trial]]:
    for tool in tools or readable_types():
        for trial in trials_of(tool):
            change = changes.get(trial.name, {})
            yield (
                tool,
                Trial(
                    name=trial.name,
                    path=change.get("path", trial.path),
                    settings={**trial.settings, **change.get("settings", {})},
                    credentials={**trial.credentials, **change.get("credentials", {})},
                ),
            )


def _read_options(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        read = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read as JSON.") from error
    if not isinstance(read, dict):
        raise CommandError(f"{path} holds no object.")
    return read


@contextmanager
def _own_organisation() -> Iterator[Tenant]:
    """An organisation for the time of the trials, whatever becomes of them."""
    name = f"Connector trials {timezone.now():%Y-%m-%d %H:%M:%S.%f}"
    address = f"trials-{timezone.now():%Y%m%d%H%M%S%f}@trials.invalid"
    with owner_access(REASON):
        tenant, _ = open_organisation(
            name=name, time_zone="UTC", admin_email=address, admin_password=None, reason=REASON
        )
    try:
        yield tenant
    finally:
        with owner_access(REASON):
            erase_tenant(tenant=tenant, at=timezone.now(), reason=REASON, progress=lambda *_: None)
