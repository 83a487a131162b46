"""A dump holds every tenant's rows although policies are forced; doctor names what was planted."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from stratibreak.diagnosis import diagnose
from stratibreak.drift import schema_differences
from stratibreak.dumps import DumpFailed, drop_database, dump_database, find_program, restore_database, row_counts
from tests.factories.look_alike import LookAlike
from tests.owner_rows import owner_connection


@pytest.fixture
def copy_name(db: None) -> Iterator[str]:
    """Name of a database that is dropped afterwards."""
    name = f"{connection.settings_dict['NAME']}_copy"
    yield name
    drop_database(name)


def test_backup_and_restore_keep_every_row_of_both_tenants(
    ours: LookAlike, theirs: LookAlike, copy_name: str, tmp_path: Path
) -> None:
    name = str(connection.settings_dict["NAME"])
    file = tmp_path / "all.dump"
    dump_database(name, file)

    restore_database(copy_name, file)

    assert row_counts(copy_name) == row_counts(name)
    assert row_counts(copy_name)["tenants_tenant"] >= 2
    assert file.stat().st_mode & 0o077 == 0


def test_broken_dump_replaces_nothing(ours: LookAlike, tmp_path: Path) -> None:
    name = str(connection.settings_dict["NAME"])
    before = row_counts(name)
    file = tmp_path / "broken.dump"
    file.write_bytes(b"PGDMP and nothing behind it")

    with pytest.raises(DumpFailed, match="pg_restore failed"):
        restore_database(name, file)

    assert row_counts(name) == before


def test_restore_refuses_a_database_that_is_not_empty(ours: LookAlike, tmp_path: Path) -> None:
    file = tmp_path / "any.dump"
    file.write_bytes(b"")

    with pytest.raises(CommandError, match="is not empty"):
        call_command("restore", file)


def test_backup_keeps_an_existing_file(tmp_path: Path) -> None:
    file = tmp_path / "any.dump"
    file.write_bytes(b"kept")

    with pytest.raises(CommandError, match="exists already"):
        call_command("backup", file)

    assert file.read_bytes() == b"kept"


def test_missing_program_is_named_with_its_install_line() -> None:
    with pytest.raises(DumpFailed, match="apt-get install postgresql-client-99"):
        find_program("pg_dump", 99)


def test_reset_refuses_outside_development(settings: pytest.FixtureRequest) -> None:
    settings.DEBUG = False  # type: ignore[attr-defined]  # pytest-django's wrapper has no public type

    with pytest.raises(CommandError, match="development only"):
        call_command("reset")


@pytest.mark.django_db
def test_schema_is_what_the_models_declare() -> None:
    assert schema_differences(connection) == []


@pytest.mark.django_db
def test_planted_drift_is_named() -> None:
    with owner_connection() as owner:
        owner.execute("CREATE INDEX planted_index ON projects_goal (id)")
        owner.execute("ALTER TABLE tenants_tenant ALTER COLUMN time_zone TYPE varchar(64)")
    try:
        found = schema_differences(connection)
    finally:
        with owner_connection() as owner:
            owner.execute("DROP INDEX planted_index")
            owner.execute("ALTER TABLE tenants_tenant ALTER COLUMN time_zone TYPE varchar(63)")

    assert found == [
        "The column time_zone of tenants_tenant is character varying(64), not varchar(63).",
        "projects_goal has the index planted_index, which no model declares.",
    ]


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_doctor_finds_no_problem_in_the_database(ours: LookAlike) -> None:
    problems = [(finding.subject, finding.state) for finding in diagnose() if finding.is_problem]

    # The look-alike world has none of the demo's people, and every layer is on.
    assert problems == []


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_doctor_answers_as_json(ours: LookAlike) -> None:
    out = StringIO()

    call_command("doctor", json=True, stdout=out)

    assert '"subject": "row security", "state": "as declared"' in out.getvalue()
