"""What operators run: opening an organisation, working inside one, and what it answers to mistakes."""

from __future__ import annotations

from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from projects.models import Project
from tenants.isolation.context import TenantContextRequired
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import Tenant, User
from tests.factories.look_alike import LookAlike
from tests.owner_rows import owner_connection

NEW_NAME = "Demo Organisation N"
NEW_ADDRESS = "first@example.org"

# The owner's connection cannot start inside a test's transaction, so these tests empty the database behind them.
with_commits = pytest.mark.django_db(transaction=True)


def _create_tenant(**options: Any) -> str:
    out = StringIO()
    call_command("create_tenant", **{"name": NEW_NAME, "admin_email": NEW_ADDRESS, **options}, stdout=out)
    return out.getvalue()


def _tenant_names() -> set[str]:
    with auth_context():
        return set(Tenant.objects.values_list("name", flat=True))


@with_commits
def test_create_tenant_makes_organisation_key_and_administrator(ours: LookAlike) -> None:
    said = _create_tenant(time_zone="Europe/Berlin")

    with auth_context():
        tenant = Tenant.objects.get(name=NEW_NAME)
        user = User.objects.get(email=NEW_ADDRESS)
    with owner_connection() as owner:
        keys = owner.execute("SELECT version FROM tenants_tenantdatakey WHERE tenant_id = %s", [tenant.pk]).fetchall()
        entries = owner.execute(
            "SELECT action, reason FROM tenants_auditentry WHERE tenant_id = %s ORDER BY action", [tenant.pk]
        ).fetchall()
    assert str(tenant.pk) in said
    assert (tenant.time_zone, user.tenant_id, user.role) == ("Europe/Berlin", tenant.pk, "ADMIN")
    assert not user.has_usable_password()
    assert keys == [(1,)]
    assert entries == [("CREATE", "manage.py create_tenant"), ("CREATE_USER", "manage.py create_tenant")]


@with_commits
@pytest.mark.parametrize(
    ("options", "named"),
    [({"name": ""}, "name"), ({"admin_email": "nobody"}, "email"), ({"time_zone": "Mars/Olympus"}, "time_zone")],
)
def test_create_tenant_refuses_a_bad_field_and_makes_nothing(
    ours: LookAlike, options: dict[str, str], named: str
) -> None:
    before = _tenant_names()

    with pytest.raises(CommandError, match=f"Nothing was made. {named}: "):
        _create_tenant(**options)

    assert _tenant_names() == before


@with_commits
def test_create_tenant_refuses_what_is_taken(ours: LookAlike, theirs: LookAlike) -> None:
    taken_address = next(iter(theirs.users.values())).email
    before = _tenant_names()

    with pytest.raises(CommandError, match="There is an organisation of this name"):
        _create_tenant(name=ours.tenant.name)
    with pytest.raises(CommandError, match="Somebody in this installation has this address"):
        _create_tenant(admin_email=taken_address)

    assert _tenant_names() == before


@with_commits
def test_create_tenant_refuses_a_weak_password() -> None:
    with patch("getpass.getpass", return_value="short"), pytest.raises(CommandError, match="too short"):
        _create_tenant(ask_password=True)

    assert NEW_NAME not in _tenant_names()


@pytest.mark.django_db
def test_shell_with_tenant_sees_that_tenant_alone(
    ours: LookAlike, theirs: LookAlike, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "from projects.models import Project; print({str(p.tenant_id) for p in Project.objects.all()})"

    call_command("shell", tenant=ours.tenant.name, command=code, verbosity=0, stderr=StringIO())

    assert capsys.readouterr().out.strip() == str({str(ours.tenant.pk)})


@pytest.mark.django_db
def test_shell_undoes_changes_when_the_code_fails(ours: LookAlike) -> None:
    code = "from projects.models import Project; Project.objects.update(name_lower='x'); raise RuntimeError('stop')"

    with pytest.raises(RuntimeError, match="stop"):
        call_command("shell", tenant=str(ours.tenant.pk), command=code, verbosity=0, stderr=StringIO())

    with tenant_context(ours.tenant.pk):
        assert not Project.objects.filter(name_lower="x").exists()


@pytest.mark.django_db
def test_shell_without_tenant_reaches_nobody(ours: LookAlike) -> None:
    code = "from projects.models import Project; Project.objects.count()"

    with pytest.raises(TenantContextRequired):
        call_command("shell", command=code, verbosity=0)


@pytest.mark.django_db
def test_shell_refuses_an_unknown_tenant() -> None:
    with pytest.raises(CommandError, match="There is no organisation “Nowhere”"):
        call_command("shell", tenant="Nowhere", command="1", verbosity=0)

    assert not connection.needs_rollback
