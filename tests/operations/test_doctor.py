"""Doctor names what was planted, and what it says to do about it does."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection, connections, transaction

from stratibreak import diagnosis
from stratibreak.diagnosis import Finding, diagnose
from stratibreak.diagnosis.installation import backup_stamp
from stratibreak.diagnosis.mail import mail_findings
from tenants.audit.partitions import Month, list_partitions, make_partitions
from tenants.domain.keys import create_data_key
from tenants.isolation.owner import owner_access
from tenants.isolation.queue import defer_job
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.notifying.mail_server import MailServer, serving_mail
from tests.owner_rows import owner_connection

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])

NEW_KEY = base64.b64encode(bytes(range(32))).decode()


@contextmanager
def superuser() -> Iterator[psycopg.Connection[Any]]:
    parameters: dict[str, Any] = django_settings.DATABASES["default"]["SUPERUSER"]
    with psycopg.connect(dbname=connection.settings_dict["NAME"], autocommit=True, **parameters) as open_connection:
        yield open_connection


def problems() -> list[Finding]:
    return [finding for finding in diagnose(is_quick=True) if finding.is_problem]


def mend(finding: Finding) -> None:
    if finding.mend.startswith("manage.py "):
        connections.close_all()
        call_command(*finding.mend.removeprefix("manage.py ").split(), verbosity=0)
    else:
        with superuser() as server:
            server.execute(finding.mend.encode())


def test_a_healthy_installation_has_no_problem(ours: LookAlike) -> None:
    assert [(finding.subject, finding.state) for finding in diagnose() if finding.is_problem] == []


def test_json_is_stable(ours: LookAlike) -> None:
    out = StringIO()

    call_command("doctor", json=True, quick=True, stdout=out)

    told = json.loads(out.getvalue())
    assert {tuple(sorted(finding)) for finding in told} == {("is_problem", "mend", "state", "subject")}
    assert {type(finding["is_problem"]) for finding in told} == {bool}
    assert {
        *("database", "connections", "runtime role", "logins", "data keys", "API keys", "audit seals", "context key"),
        *("migrations", "row security", "schema", "audit partitions", "WAL archiving", "backup", "default passwords"),
        *(
            "debug",
            "roles",
            "signed context",
            "platform login",
            "backup login",
            "queue login",
            "worker",
            "superuser login",
            "disk",
            "key ring",
        ),
    } <= {finding["subject"] for finding in told}


def test_job_that_waits_for_nobody_is_a_problem(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        defer_job("sync_integration", subject=ours.tenant.pk)

    told = {finding.subject: finding for finding in diagnose(is_quick=True)}

    with owner_connection() as owner:
        owner.execute("DELETE FROM queue.procrastinate_jobs")
    assert told["worker"] == Finding("worker", "none", True, "manage.py worker")
    assert told["jobs"].state == "1 waiting, 0 running, 0 failed in the past two weeks"


PLANTED_LOGINS = {
    "activity is shown": (
        'ALTER ROLE "stratibreak_login" RESET track_activities',
        "stratibreak_login has track_activities unset, not off",
    ),
    "activity is shown here": (
        'ALTER ROLE "stratibreak_login" IN DATABASE {database} SET track_activities = on',
        "stratibreak_login has track_activities = on in this database, not off",
    ),
    "search path": (
        'ALTER ROLE "stratibreak_login" SET search_path = pg_temp, public',
        "stratibreak_login has search_path = pg_temp, public, not public, pg_temp",
    ),
    "no time limit": (
        'ALTER ROLE "stratibreak_platform_login" SET statement_timeout = 0',
        "stratibreak_platform_login has statement_timeout = 0, not 60s",
    ),
    "temporary tables": (
        'GRANT TEMPORARY ON DATABASE {database} TO "stratibreak_app"',
        'stratibreak_app has TEMPORARY on DATABASE "{name}"',
    ),
    "tables of its own": (
        'GRANT CREATE ON SCHEMA public TO "stratibreak_login"',
        "stratibreak_login has CREATE on SCHEMA public",
    ),
    "large objects": (
        "GRANT EXECUTE ON FUNCTION pg_catalog.lo_import(text) TO PUBLIC",
        "stratibreak_app may call 1 functions of large objects, which know no tenant",
    ),
    "membership": (
        'GRANT "stratibreak_platform" TO "stratibreak_login"',
        "stratibreak_login may become stratibreak_platform",
    ),
    "membership of the owner": (
        'GRANT "stratibreak_owner" TO "stratibreak_app"',
        "stratibreak_app may become stratibreak_owner",
    ),
    "missing membership": (
        'REVOKE "stratibreak_auth" FROM "stratibreak_login"',
        "stratibreak_login may not become stratibreak_auth",
    ),
    "attribute": ('ALTER ROLE "stratibreak_login" CREATEROLE', "stratibreak_login is CREATEROLE"),
    "inheritance": ('ALTER ROLE "stratibreak_login" INHERIT', "stratibreak_login is INHERIT"),
}


@pytest.mark.parametrize("planted", PLANTED_LOGINS)
def test_a_login_that_may_more_than_provisioned_is_named_with_its_mend(planted: str, ours: LookAlike) -> None:
    sql, said = PLANTED_LOGINS[planted]
    name = str(connection.settings_dict["NAME"])
    with superuser() as server:
        server.execute(sql.format(database=f'"{name}"').encode())

    found = [finding for finding in problems() if finding.subject == "logins"]
    for finding in found:
        mend(finding)

    assert said.format(name=name) in [finding.state for finding in found]
    assert problems() == []


def test_a_ring_without_the_version_of_a_stored_key_is_named(ours: LookAlike, settings: Any) -> None:
    with tenant_context(ours.tenant.pk):
        create_data_key(tenant_id=ours.tenant.pk)
    with owner_connection() as owner:
        [(keys,)] = owner.execute("SELECT count(*) FROM tenants_tenantdatakey WHERE wrapped_key IS NOT NULL").fetchall()
    settings.FIELD_KEYRING = f"7:{NEW_KEY}"

    [finding] = problems()

    assert keys >= 1
    assert finding.subject == "data keys"
    assert finding.state == f"{keys} wrapped by key 1 of FIELD_KEYRING, which is not there"
    assert "Put the entry 1:… back" in finding.mend
    assert "rotate_keys --ring" in finding.mend


def test_a_pepper_that_is_gone_is_named(ours: LookAlike, settings: Any) -> None:
    settings.API_KEY_PEPPER = f"9:{NEW_KEY}"

    [finding] = problems()

    assert finding.subject == "API keys"
    assert "pepper 1 of API_KEY_PEPPER, which is not there" in finding.state
    assert "Put the entry 1:… back" in finding.mend


def test_a_seal_key_that_is_gone_is_named(ours: LookAlike, settings: Any) -> None:
    settings.AUDIT_SEAL_KEYS = f"9:{NEW_KEY}"
    [other] = problems()
    settings.AUDIT_SEAL_KEYS = ""
    [none] = problems()

    assert "key 1 of AUDIT_SEAL_KEYS, which is not there" in other.state
    assert "Set AUDIT_SEAL_KEYS=1:" in none.mend


def test_another_context_key_than_the_databases_is_named(ours: LookAlike) -> None:
    with owner_connection() as owner:
        owner.execute("UPDATE stratibreak.context_key SET inner_pad = outer_pad")

    found = [finding for finding in problems() if finding.subject == "context key"]
    for finding in found:
        mend(finding)

    assert [finding.state for finding in found] == [
        "the database holds another key under version 1: it refuses every context"
    ]
    assert problems() == []


def test_an_old_context_key_that_is_still_believed_is_said(ours: LookAlike) -> None:
    with owner_connection() as owner:
        owner.execute("INSERT INTO stratibreak.context_key SELECT 5, inner_pad, outer_pad FROM stratibreak.context_key")
    [said] = [finding for finding in diagnose(is_quick=True) if finding.subject == "context key"]
    with owner_connection() as owner:
        owner.execute(said.mend.partition("as the owner: ")[2].encode())

    assert "still believes 5" in said.state
    assert not said.is_problem
    with owner_connection() as owner:
        assert owner.execute("SELECT version FROM stratibreak.context_key").fetchall() == [(1,)]


def test_a_missing_month_is_named_with_the_day_it_is_needed(ours: LookAlike) -> None:
    with owner_access(), transaction.atomic(), connection.cursor() as cursor:
        for partition in list_partitions(connection)[-2:]:
            cursor.execute(f'DROP TABLE "{partition.name}"')
        last = Month.of(list_partitions(connection)[-1].starts_at)

    found = [finding for finding in problems() if finding.subject == "audit partitions"]
    with owner_access(), transaction.atomic():
        make_partitions(connection)

    first_missing = last.plus(1)
    assert f"{first_missing} is missing: needed before {first_missing}-01" in [finding.state for finding in found]
    assert {finding.mend for finding in found} == {"manage.py audit_partitions"}


def test_a_migration_this_release_does_not_know_is_named(ours: LookAlike) -> None:
    with owner_connection() as owner:
        owner.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('gaps', '0999_planted', now())")
    found = problems()
    with owner_connection() as owner:
        owner.execute("DELETE FROM django_migrations WHERE name = '0999_planted'")

    assert [finding.state for finding in found] == ["gaps.0999_planted is applied, and this release does not know it"]


def test_drift_comes_with_its_statement(ours: LookAlike) -> None:
    with owner_connection() as owner:
        owner.execute("ALTER TABLE projects_goal ALTER COLUMN title DROP NOT NULL")

    found = [finding for finding in diagnose() if finding.is_problem]
    for finding in found:
        with owner_connection() as owner:
            owner.execute(finding.mend.encode())

    assert [(finding.subject, finding.mend) for finding in found] == [
        ("schema", "ALTER TABLE projects_goal ALTER COLUMN title SET NOT NULL;")
    ]


def test_a_pool_larger_than_the_server_is_named(ours: LookAlike, settings: Any) -> None:
    settings.DATABASE_POOL_SIZE = 1_000

    [finding] = problems()

    assert finding.subject == "connections"
    assert finding.mend == "Set DATABASE_POOL_SIZE=10."


def test_the_age_of_the_last_backup_is_said(ours: LookAlike, settings: Any, tmp_path: Any) -> None:
    settings.BASE_DIR = tmp_path
    before = [finding.state for finding in diagnose(is_quick=True) if finding.subject == "backup"]

    call_command("backup", tmp_path / "all.dump", stdout=StringIO())

    after = [finding.state for finding in diagnose(is_quick=True) if finding.subject == "backup"]
    assert backup_stamp().exists()
    assert (before, after) == (["none was made from here"], ["last made from here 0 days ago"])
    assert diagnosis.__all__ == ["Finding", "diagnose"]


def test_mail_server_is_asked_for_its_greeting(settings: Any) -> None:
    settings.PUBLIC_URL = "https://stratibreak.example"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with serving_mail(MailServer()) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        there = [finding.state for finding in mail_findings()]
        server.greeting = "554 go away"
        refused = list(mail_findings())[1]

    gone = list(mail_findings())[1]

    assert there == ["https://stratibreak.example", f"127.0.0.1:{server.port} answers"]
    assert refused.state == f"127.0.0.1:{server.port} does not take us: SMTPConnectError"
    assert gone.state == f"127.0.0.1:{server.port} does not take us: ConnectionRefusedError"
    assert "Set EMAIL_URL" in gone.mend
    assert server.received == []
