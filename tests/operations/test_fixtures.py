"""The demo as it is loaded: two organisations alike, people who can log in, a record that carries a forecast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from fixtures.generate_demo import FIXTURE, demo_rows, fixture_text
from gaps.domain.recomputing import recompute_gap
from gaps.models import Gap
from integrations.models import Integration
from predictions.domain.forecasting import forecast_project
from predictions.domain.ledger import broken_links
from predictions.models import Prediction, PredictionOutcome
from projects.domain.queries.calendars import load_calendar
from projects.domain.queries.history import load_history
from projects.enums import Readiness
from projects.models import Project, WorkItem
from stratibreak.demo_data import DEMO_AS_OF, DEMO_TENANTS
from stratibreak.pipeline import refresh_project
from tenants.checks import check_default_passwords, check_default_passwords_deployed
from tenants.default_users import DEFAULT_USERS, DefaultUser
from tenants.isolation.models import TenantModel
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import AuditEntry, Tenant, User
from tests.api.conftest import ApiClient
from tests.owner_rows import owner_connection

ASIDE = " of the tests"


def _name_aside(*, back: bool) -> None:
    """Names of organisations are unique, and the tests' own two have the names of the demo's."""
    assignment, names = ("replace(name, %s, '')", [name + ASIDE for name in DEMO_TENANTS])
    if not back:
        assignment, names = "name || %s", list(DEMO_TENANTS)
    with owner_connection() as owner:
        statement = f"UPDATE tenants_tenant SET name = {assignment} WHERE name = ANY (%s)"  # noqa: S608 - ours
        owner.execute(statement.encode(), [ASIDE, names])


@pytest.fixture(scope="module")
def _loaded(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        _name_aside(back=False)
        call_command("loaddata", "demo", verbosity=0)
        connection.close()
    yield
    with django_db_blocker.unblock():
        for name in DEMO_TENANTS:
            call_command("erase_tenant", tenant=name, confirm=name, verbosity=0)
        _name_aside(back=True)
        connection.close()


@pytest.fixture
def demo(_loaded: None, db: None) -> tuple[UUID, UUID]:
    """The ids of the two organisations; what a test changes is rolled back."""
    with auth_context():
        first, second = Tenant.objects.filter(name__in=DEMO_TENANTS).order_by("name").values_list("pk", flat=True)
    return first, second


def _counts(tenant_id: UUID) -> dict[str, int]:
    models = [model for model in apps.get_models() if issubclass(model, TenantModel)]
    with tenant_context(tenant_id):
        return {model._meta.label: model.objects.count() for model in models if model.app_privileges}


def _rows_on_disk() -> dict[str, tuple[int, str]]:
    """Rows and their newest version, of the tables that are written once and of the audit trail, as the owner sees."""
    tables = ["predictions_prediction", "predictions_predictionoutcome", "gaps_gaptransition",
              "integrations_syncresult", AuditEntry._meta.db_table]  # fmt: skip
    with owner_connection() as owner:
        found = {}
        for table in tables:
            statement = f"SELECT count(*), coalesce(max(xmin::text::bigint), 0)::text FROM {table}"  # noqa: S608 - ours
            row = owner.execute(statement.encode()).fetchone()
            assert row is not None
            found[table] = row
        return found


def test_fixture_is_what_the_generator_writes() -> None:
    assert fixture_text(demo_rows()) == FIXTURE.read_text(encoding="utf-8")


def test_every_organisation_has_projects_people_and_a_record(demo: tuple[UUID, UUID]) -> None:
    for tenant_id in demo:
        counts = _counts(tenant_id)

        with tenant_context(tenant_id):
            assert User.objects.count() == 5
        assert counts["projects.Project"] == 3
        assert counts["gaps.Gap"] == 3
        assert counts["gaps.RootCause"] == 5
        assert counts["predictions.Prediction"] == 3
        assert counts["predictions.PredictionOutcome"] == 2
        assert counts["integrations.Integration"] == 3
        assert counts["projects.Stakeholder"] == 6
        assert counts["projects.Goal"] == 9
        assert counts["projects.WorkItem"] > 200
        assert counts["projects.FieldChange"] > 400


def test_second_organisation_looks_like_the_first(demo: tuple[UUID, UUID]) -> None:
    seen = []
    for tenant_id in demo:
        with tenant_context(tenant_id):
            names = set(Project.objects.values_list("name", flat=True))
            keys = set(WorkItem.objects.values_list("key", "external_id"))
            ids = set(WorkItem.objects.values_list("pk", flat=True))
        seen.append((names, keys, ids))

    (our_names, our_keys, our_ids), (their_names, their_keys, their_ids) = seen
    assert our_names == their_names
    assert len(our_keys & their_keys) > 200
    assert our_ids.isdisjoint(their_ids)


@pytest.mark.usefixtures("_loaded")
def test_loading_again_changes_no_count_no_history_and_leaves_no_audit_entries(django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        with auth_context():
            tenant_ids = list(Tenant.objects.filter(name__in=DEMO_TENANTS).values_list("pk", flat=True))
        before = [_counts(tenant_id) for tenant_id in tenant_ids], _rows_on_disk()

        call_command("loaddata", "demo", verbosity=0)

        after = [_counts(tenant_id) for tenant_id in tenant_ids], _rows_on_disk()
        connection.close()
    assert after == before


@pytest.mark.parametrize("user", DEFAULT_USERS, ids=lambda user: str(user.role))
def test_demo_user_logs_in(user: DefaultUser, demo: tuple[UUID, UUID], settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    settings.STATIC_ROOT = None
    client = ApiClient()

    answer = client.send("POST", "/api/v1/session", {"email": user.email, "password": user.password})

    assert answer.status_code == 200
    assert client.fetch("/api/v1/session").json()["user"]["role"] == str(user.role)


def test_nobody_can_log_in_to_the_second_organisation(demo: tuple[UUID, UUID]) -> None:
    with tenant_context(demo[1]):
        people = list(User.objects.all())

    assert [person.has_usable_password() for person in people] == [False] * 5


@pytest.mark.parametrize(
    ("name", "readiness", "low", "high"),
    [
        ("Customer Portal", Readiness.OK, 0.85, 1.0),
        ("Billing Migration", Readiness.OK, 0.02, 0.6),
        ("Warehouse Sensors", Readiness.INSUFFICIENT, None, None),
    ],
)
def test_each_sample_project_gives_the_forecast_it_is_there_for(
    name: str, readiness: Readiness, low: float | None, high: float | None, demo: tuple[UUID, UUID]
) -> None:
    for tenant_id in demo:
        with tenant_context(tenant_id):
            project = Project.objects.get(name=name)
            forecast = forecast_project(
                project=project,
                history=load_history(project.pk),
                calendar=load_calendar(project, on=DEMO_AS_OF.date()),
                as_of=DEMO_AS_OF,
                at=DEMO_AS_OF,
            )

        on_time = forecast.finish.p_on_time
        assert forecast.finish.readiness.readiness == readiness
        assert not forecast.finish.is_reconstructed
        if low is None or high is None:
            assert on_time is None
        else:
            assert on_time is not None
            assert low <= on_time.value <= high


def test_sample_predictions_stand_in_the_ledger_and_are_scored_as_they_ended(demo: tuple[UUID, UUID]) -> None:
    with tenant_context(demo[0]):
        by_project: dict[UUID, list[Prediction]] = {}
        for prediction in Prediction.objects.all():
            by_project.setdefault(prediction.project_id, []).append(prediction)
        outcomes = list(PredictionOutcome.objects.select_related("prediction"))

    assert [broken_links(chain) for chain in by_project.values()] == [[], []]
    assert all(prediction.row_hash for chain in by_project.values() for prediction in chain)
    for outcome in outcomes:
        occurred = outcome.result == "OCCURRED"
        assert outcome.accuracy == pytest.approx((outcome.prediction.probability - occurred) ** 2)


def test_credentials_are_sealed_while_they_are_loaded(demo: tuple[UUID, UUID]) -> None:
    with tenant_context(demo[0]):
        sealed = Integration.objects.filter(credentials__isnull=False).first()

        assert sealed is not None
        assert sealed.credentials.reveal_json() == {"api_token": "demo-value-that-opens-nothing"}
        assert b"demo-value" not in sealed.credentials.envelope.raw


def test_default_passwords_are_refused_where_debug_is_off(demo: tuple[UUID, UUID], settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    settings.DEBUG = False

    found = check_default_passwords(None, databases=["default"])
    deployed = check_default_passwords_deployed(None)

    assert [message.id for message in found] == ["tenants.E050"] * 5
    assert all(message.hint for message in found)
    assert deployed == found
    assert check_default_passwords(None) == []
    assert check_default_passwords_deployed(None, databases=["default"]) == []


def test_default_passwords_are_allowed_in_development(demo: tuple[UUID, UUID], settings: Any) -> None:
    settings.DEBUG = True

    assert check_default_passwords(None, databases=["default"]) == []
    assert check_default_passwords_deployed(None) == []


def test_a_changed_password_or_a_deactivated_user_is_not_refused(demo: tuple[UUID, UUID], settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    settings.DEBUG = False
    first, *others = [user.email for user in DEFAULT_USERS]
    with auth_context():
        User.objects.filter(email=first).update(password="!")
        User.objects.filter(email__in=others).update(is_active=False)

    assert check_default_passwords(None, databases=["default"]) == []


def test_check_asks_one_query_and_hashes_nothing_where_the_demo_is_not(
    db: None, settings: Any, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = False
    monkeypatch.setattr("tenants.checks.check_password", lambda *_: pytest.fail("hashed a password"))
    monkeypatch.setattr(
        "tenants.checks.DEFAULT_USERS", (DefaultUser("nobody@demo.example", "", DEFAULT_USERS[0].role),)
    )

    # The savepoint, the purpose, the question, the release.
    with django_assert_num_queries(4):
        found = check_default_passwords(None, databases=["default"])

    assert found == []


def test_every_finding_over_the_demo_recomputes_exactly_and_its_samples_say_that_they_cannot(
    demo: tuple[UUID, UUID],
) -> None:
    with tenant_context(demo[0], reason="test"):
        for project in Project.objects.order_by("name"):
            refresh_project(project=project, as_of=DEMO_AS_OF, at=DEMO_AS_OF)
        told = [(gap, recompute_gap(gap)) for gap in Gap.objects.select_related("project").order_by("id")]
        found = [(gap, answer) for gap, answer in told if gap.last_seen_at == DEMO_AS_OF and gap.detector_id]

        assert found
        assert {gap.title: answer["reasons"] for gap, answer in found} == {gap.title: [] for gap, _ in found}
        assert all(answer["reproduced"] for _, answer in found)
        assert all(answer["reasons"] for _, answer in told if not answer["reproduced"])
