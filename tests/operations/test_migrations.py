"""Migrations: they say what the models say, have names, go back, and take no dangerous locks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db.migrations import Migration
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

OUR_APPS = frozenset(config.label for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIR)
OUR_MIGRATIONS = sorted(
    (
        migration
        for (app, _), migration in MigrationLoader(None).disk_migrations.items()
        if app in OUR_APPS  # a swapped model moves other packages' migrations nowhere near ours
    ),
    key=lambda migration: (migration.app_label, migration.name),
)


def _name(migration: Migration) -> str:
    return f"{migration.app_label}.{migration.name}"


def test_models_and_migrations_agree() -> None:
    loader = MigrationLoader(None)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))

    missing = detector.changes(graph=loader.graph)

    assert [operation.describe() for found in missing.values() for one in found for operation in one.operations] == []


@pytest.mark.parametrize("migration", OUR_MIGRATIONS, ids=_name)
def test_migration_is_named_for_what_changed(migration: Migration) -> None:
    _, _, name = migration.name.partition("_")

    assert name
    assert not name.startswith(("auto", "initial"))


@pytest.mark.parametrize("migration", OUR_MIGRATIONS, ids=_name)
def test_migration_goes_back(migration: Migration) -> None:
    one_way = [operation.describe() for operation in migration.operations if not operation.reversible]

    assert one_way == []


@pytest.mark.django_db
@pytest.mark.parametrize("migration", OUR_MIGRATIONS, ids=_name)
def test_sql_of_migration_passes_squawk(migration: Migration, tmp_path: Path) -> None:
    squawk = shutil.which("squawk", path=str(Path(sys.executable).parent))
    assert squawk is not None, "squawk is missing: make environment"
    file = tmp_path / f"{_name(migration)}.sql"
    with file.open("w") as sql:
        call_command("sqlmigrate", migration.app_label, migration.name, stdout=sql, no_color=True)

    checked = subprocess.run(  # noqa: S603 - a linter from our own environment
        [squawk, "--config", settings.BASE_DIR / ".squawk.toml", "--reporter", "Gcc", file],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stdout) == (0, "")
