"""The installation with one database user: no owner, no roles, and the policies hold for that user too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from tests.open_transactions import wait_for_open_transactions

PROJECT = Path(__file__).resolve().parents[2]
ONLY_WITH_ROLES = (
    "DATABASE_OWNER_URL",
    "DATABASE_PLATFORM_URL",
    "DATABASE_BACKUP_URL",
    "DATABASE_QUEUE_URL",
    "DATABASE_SUPERUSER_URL",
)
LOOK = """
import json, django
django.setup()
from django.db import connection
from projects.models import Project, WorkItem
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import Tenant
with auth_context():
    tenants = list(Tenant.objects.order_by("name"))
seen = {}
for tenant in tenants:
    with tenant_context(tenant.pk):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*), count(DISTINCT tenant_id) FROM projects_workitem")
            raw = cursor.fetchone()
        seen[tenant.name] = [Project.objects.count(), WorkItem.objects.count(), *raw]
print(json.dumps(seen))
"""
SEARCH = """
import json, django
django.setup()
from django.db import connection
from projects.models import WorkItem
from tenants.isolation.search.matching import find_matches
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import Tenant
with auth_context():
    tenants = list(Tenant.objects.order_by("name"))
found = {}
for tenant in tenants:
    with tenant_context(tenant.pk):
        item = WorkItem.objects.exclude(title="").first()
        word = max(item.title.split(), key=len)
        matches = find_matches(WorkItem, word.upper()[:-1])
        own = WorkItem.objects.filter(pk__in=matches.ids).count()
        nothing = find_matches(WorkItem, "qqqqqq").ids
        found[tenant.name] = [item.pk in matches.ids, own == len(matches.ids), len(nothing)]
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL stratibreak.context = ''")
            cursor.execute("SELECT count(*) FROM stratibreak.search_in_projects_workitem(%s, NULL, 10)", [word])
            found[tenant.name].append(cursor.fetchone()[0])
print(json.dumps(found))
"""
QUEUE = """
import json, django
django.setup()
import psycopg
from django.db import connection
from tenants.isolation.queue import defer_job, own_jobs
from tenants.isolation.queue.address import queue_address
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import Tenant
with auth_context():
    ours, theirs = Tenant.objects.order_by("name")
with tenant_context(ours.pk):
    defer_job("sync_integration", subject=ours.pk)
    told = [len(own_jobs())]
with tenant_context(theirs.pk):
    told.append(len(own_jobs()))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM queue.procrastinate_jobs")
        told.append(cursor.fetchone()[0])
with psycopg.connect(autocommit=True, **queue_address()) as worker:
    worker.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
    taken = worker.execute("SELECT args ->> 'tenant_id' FROM procrastinate_fetch_job_v2(NULL, 1)").fetchone()
    told += [taken[0] == str(ours.pk), worker.execute("SELECT count(*) FROM procrastinate_events").fetchone()[0]]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a fresh database and of the plain user that owns it."""
    superuser = {**conninfo_to_dict(os.environ["DATABASE_SUPERUSER_URL"]), "dbname": "postgres"}
    name = f"single_user_{os.getpid()}"
    with psycopg.connect(autocommit=True, **superuser) as server:  # type: ignore[arg-type]  # its values are text
        server.execute(SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOBYPASSRLS").format(Identifier(name)))
        server.execute(SQL("CREATE DATABASE {0} OWNER {0}").format(Identifier(name)))
        yield f"postgresql://{name}@/{name}?host={quote(str(superuser.get('host', '')), safe='')}" + (
            f"&port={superuser['port']}" if superuser.get("port") else ""
        )
        server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
        server.execute(SQL("DROP ROLE {}").format(Identifier(name)))


@pytest.fixture(scope="module")
def loaded(url: str) -> str:
    """The database after migrations and the demo, loaded twice."""
    _run(url, "manage.py", "migrate", "--verbosity=0")
    _run(url, "manage.py", "loaddata", "demo")
    _run(url, "manage.py", "loaddata", "demo")
    return url


def _run(url: str, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ONLY_WITH_ROLES}
    environment |= {"DATABASE_URL": url, "DEBUG": "true", "DJANGO_SETTINGS_MODULE": "stratibreak.settings"}
    done = subprocess.run(  # noqa: S603 - our own interpreter and commands
        [sys.executable, *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_organisation_sees_its_own_rows_only(loaded: str) -> None:
    seen = json.loads(_run(loaded, "-c", LOOK))

    assert list(seen) == ["Demo Organisation A", "Demo Organisation B"]
    for projects, items, raw_items, tenants in seen.values():
        assert (projects, raw_items, tenants) == (3, items, 1)
        assert items > 200


def test_statement_without_a_context_sees_nothing(loaded: str) -> None:
    with psycopg.connect(loaded, autocommit=True) as connection:
        items = connection.execute("SELECT count(*) FROM projects_workitem").fetchone()
        users = connection.execute("SELECT count(*) FROM tenants_user").fetchone()
        changed = connection.execute("UPDATE projects_project SET description = 'reached'").rowcount

    assert (items, users, changed) == ((0,), (0,), 0)


def test_each_organisation_searches_its_own_rows_only(loaded: str) -> None:
    found = json.loads(_run(loaded, "-c", SEARCH))

    assert list(found) == ["Demo Organisation A", "Demo Organisation B"]
    assert all(outcome == [True, True, 0, 0] for outcome in found.values()), found


def test_checks_of_the_database_pass(loaded: str) -> None:
    assert "no issues" in _run(loaded, "manage.py", "check", "--database", "default")


def test_doctor_says_which_layers_are_off_and_finds_nothing_wrong(loaded: str) -> None:
    told = json.loads(_run(loaded, "manage.py", "doctor", "--json"))

    states = {finding["subject"]: finding["state"] for finding in told}
    assert states["roles"] == states["signed context"] == states["platform login"] == "off"
    assert states["database users"].startswith("one for everything")
    assert states["schema"].startswith("as declared, by name; bodies not compared: permission denied")
    assert [finding for finding in told if finding["is_problem"]] == []


def test_the_audit_trail_is_sealed_and_verified(loaded: str) -> None:
    _run(loaded, "manage.py", "audit_partitions")
    wait_for_open_transactions()

    assert "0 wait for open transactions" in _run(loaded, "manage.py", "audit_seal")
    assert "as sealed by" in _run(loaded, "manage.py", "audit_verify")


def test_jobs_are_seen_by_their_organisation_and_by_workers(loaded: str) -> None:
    own, others, others_in_the_table, is_taken_for_us, events = json.loads(_run(loaded, "-c", QUEUE))

    assert (own, others, others_in_the_table, is_taken_for_us, events) == (1, 0, 0, True, 2)
