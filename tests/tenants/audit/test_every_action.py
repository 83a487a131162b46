"""Every action that the trail promises, done through the door where people do it, with who and where from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.urls import reverse
from django.utils import timezone

from gaps.models import AffectedArea, Evidence, Gap, GapTransition, RootCause
from integrations.models import Integration
from predictions.models import Prediction, PredictionOverride
from projects.models import AnalysisRecord, Goal, Project
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import ApiKey, AuditEntry, User
from tests.api.conftest import ApiClient, machine_of, signed_in
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

PASSWORD = "a password of our own"
PROXY, CLIENT, FORGED = "192.0.2.10", "203.0.113.77", "198.51.100.66"
ORIGIN = {
    "REMOTE_ADDR": PROXY,
    "headers": {
        "X-Forwarded-For": f"{FORGED}, {CLIENT}",
        "User-Agent": "Demo Browser 3.1",
        "X-Request-ID": "request-of-the-proxy-1",
    },
}


@pytest.fixture(autouse=True)
def _proxied(settings: Any) -> None:
    settings.STATIC_ROOT = None
    settings.TRUSTED_PROXIES = [f"{PROXY}/32"]


def send(client: ApiClient, method: str, path: str, body: Any = None, **extra: Any) -> Any:
    headers = {**ORIGIN["headers"], **extra.pop("headers", {})}  # type: ignore[dict-item]  # literal above
    return client.send(method, path, body, REMOTE_ADDR=PROXY, headers=headers, **extra)


def sign_in(client: ApiClient, user: User, password: str) -> Any:
    return send(client, "POST", "/api/v1/session", {"email": user.email, "password": password})


def view_gap(client: ApiClient, world: LookAlike) -> Any:
    return send(client, "GET", f"/api/v1/gaps/{world.rows[Gap].pk}")


def view_prediction(client: ApiClient, world: LookAlike) -> Any:
    return send(client, "GET", f"/api/v1/predictions/{world.rows[Prediction].pk}")


def modify_project(client: ApiClient, world: LookAlike) -> Any:
    path = f"/api/v1/projects/{world.rows[Project].pk}"
    return send(client, "PATCH", path, {"description": "Changed."}, etag="*")


def configure_integration(client: ApiClient, world: LookAlike) -> Any:
    path = f"/api/v1/integrations/{world.rows[Integration].pk}"
    return send(client, "PATCH", path, {"name": "Another name"}, etag="*")


def invite(client: ApiClient, world: LookAlike) -> Any:
    body = {"email": "new.person@demo.example", "role": "ANALYST", "first_name": "New", "last_name": "Person"}
    return send(client, "POST", "/api/v1/invitations", body)


def update_user(client: ApiClient, world: LookAlike) -> Any:
    path = f"/api/v1/users/{world.users[Role.ANALYST].pk}"
    return send(client, "PATCH", path, {"role": "TEAM_LEADER"}, etag="*")


def delete_user(client: ApiClient, world: LookAlike) -> Any:
    return send(client, "DELETE", f"/api/v1/users/{world.users[Role.ANALYST].pk}", etag="*")


def log_out(client: ApiClient, world: LookAlike) -> Any:
    return send(client, "DELETE", "/api/v1/session")


def change_settings(client: ApiClient, world: LookAlike) -> Any:
    return send(client, "PATCH", f"/api/v1/tenants/{world.tenant.pk}", {"retention_days": 400}, etag="*")


DONE: dict[str, tuple[Callable[[ApiClient, LookAlike], Any], str]] = {
    "VIEW_GAP_ANALYSIS": (view_gap, "gaps.gap"),
    "ACCESS_PREDICTION": (view_prediction, "predictions.prediction"),
    "MODIFY_PROJECT": (modify_project, "projects.project"),
    "CONFIGURE_INTEGRATION": (configure_integration, "integrations.integration"),
    "CREATE": (invite, "tenants.invitation"),  # CREATE_USER comes when they join: tests/tenants/invitations
    "UPDATE_USER": (update_user, "tenants.user"),
    "DELETE_USER": (delete_user, "tenants.user"),
    "LOGOUT": (log_out, "tenants.user"),
    "UPDATE": (change_settings, "tenants.tenant"),
}


def entries(world: LookAlike, action: str) -> list[AuditEntry]:
    with tenant_context(world.tenant.pk):
        return list(AuditEntry.objects.filter(action=action).order_by("timestamp"))


def assert_from_the_client(entry: AuditEntry) -> None:
    """The nearest address that is no proxy of ours counts; what stands left of it, anybody may have written."""
    assert (entry.ip_address, entry.user_agent) == (CLIENT, "Demo Browser 3.1")
    assert entry.request_id == "request-of-the-proxy-1"


@pytest.mark.parametrize("action", DONE)
def test_the_action_is_kept_with_who_and_where_from(action: str, ours: LookAlike, theirs: LookAlike) -> None:
    do, resource_type = DONE[action]
    client, before, foreign = (
        signed_in(ours.users[Role.ADMIN]),
        len(entries(ours, action)),
        len(entries(theirs, action)),
    )

    answer = do(client, ours)

    assert answer.status_code < 300, answer.content
    kept = entries(ours, action)
    assert (len(kept), len(entries(theirs, action))) == (before + 1, foreign)
    assert (kept[-1].resource_type, kept[-1].actor_id) == (resource_type, ours.users[Role.ADMIN].pk)
    assert_from_the_client(kept[-1])


@pytest.fixture
def person(ours: LookAlike) -> User:
    user = ours.users[Role.PROJECT_MANAGER]
    with auth_context():
        User.objects.filter(pk=user.pk).update(password=make_password(PASSWORD))
    return user


@pytest.mark.django_db(transaction=True)
def test_logins_failed_logins_and_lockouts_are_kept(ours: LookAlike, person: User, settings: Any) -> None:
    settings.LOGIN_FAILURES_PER_ACCOUNT = 2

    assert sign_in(ApiClient(), person, PASSWORD).status_code == 200
    for _ in range(2):
        assert sign_in(ApiClient(), person, "wrong").status_code == 401
    assert sign_in(ApiClient(), person, PASSWORD).status_code == 429

    # A try that meets the lock is a failed login too.
    for action, count in (("LOGIN", 1), ("LOGIN_FAILED", 3), ("LOCKED_OUT", 1)):
        kept = [entry for entry in entries(ours, action) if entry.actor_id == person.pk]
        assert len(kept) == count, action
        assert_from_the_client(kept[-1])


def test_a_refused_attempt_is_kept_through_both_doors(ours: LookAlike) -> None:
    analyst = ours.users[Role.ANALYST]
    client, before = signed_in(analyst), len(entries(ours, "REFUSED"))

    assert send(client, "POST", "/api/v1/projects", {"name": "Not mine"}).status_code == 403
    kept = entries(ours, "REFUSED")
    assert len(kept) == before + 1
    assert (kept[-1].actor_id, kept[-1].changes) == (analyst.pk, {"method": "POST", "path": "/api/v1/projects"})
    assert_from_the_client(kept[-1])

    administrator = signed_in(ours.users[Role.ADMIN])
    page = reverse("admin:predictions_prediction_delete", args=[ours.rows[Prediction].pk])
    assert administrator.post(page, {"post": "yes"}).status_code == 403
    assert len(entries(ours, "REFUSED")) == before + 2


@pytest.mark.parametrize("is_revoked", [True, False], ids=["revoked", "of a person who left"])
def test_a_key_that_opens_nothing_any_more_is_kept_when_it_is_shown(
    is_revoked: bool, ours: LookAlike, theirs: LookAlike
) -> None:
    machine, user = machine_of(ours, Role.ANALYST, ApiScope.READ), ours.users[Role.ANALYST]
    with tenant_context(ours.tenant.pk):
        key = ApiKey.objects.order_by("-id")[0]
        if is_revoked:
            ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
        else:
            User.objects.filter(pk=user.pk).update(is_active=False)
    before, foreign = len(entries(ours, "REFUSED")), len(entries(theirs, "REFUSED"))
    guess = ApiClient(headers={"Authorization": f"Bearer sbk_{key.pk.hex}.{'A' * 43}"})

    assert [client.fetch("/api/v1/projects").status_code for client in (machine, guess)] == [401, 401]

    kept = entries(ours, "REFUSED")
    assert (len(kept), len(entries(theirs, "REFUSED"))) == (before + 1, foreign)
    assert (kept[-1].resource_type, kept[-1].resource_id) == ("tenants.apikey", str(key.pk))
    assert kept[-1].actor_id == user.pk


def test_reading_through_the_backoffice_is_kept(ours: LookAlike) -> None:
    client = signed_in(ours.users[Role.ADMIN])
    before = len(entries(ours, "VIEW_GAP_ANALYSIS")), len(entries(ours, "ACCESS_PREDICTION"))

    assert client.get(reverse("admin:gaps_gap_change", args=[ours.rows[Gap].pk])).status_code == 200
    prediction = reverse("admin:predictions_prediction_change", args=[ours.rows[Prediction].pk])
    assert client.get(prediction).status_code == 200

    after = len(entries(ours, "VIEW_GAP_ANALYSIS")), len(entries(ours, "ACCESS_PREDICTION"))
    assert after == (before[0] + 1, before[1] + 1)


def test_a_gap_shown_below_what_was_wrongly_entered_is_kept_too(ours: LookAlike) -> None:
    """Who posts something wrong at once is shown the whole page without having opened it."""
    client, gap = signed_in(ours.users[Role.ADMIN]), ours.rows[Gap]
    before = len(entries(ours, "VIEW_GAP_ANALYSIS"))

    answer = client.post(reverse("admin:gaps_gap_change", args=[gap.pk]), {"title": ""})

    assert (answer.status_code, str(gap.pk) in answer.content.decode()) == (200, True)
    assert len(entries(ours, "VIEW_GAP_ANALYSIS")) == before + 1


@pytest.mark.parametrize(
    ("name", "model", "action"),
    [
        ("root-causes", RootCause, "VIEW_GAP_ANALYSIS"),
        ("affected-areas", AffectedArea, "VIEW_GAP_ANALYSIS"),
        ("evidence", Evidence, "VIEW_GAP_ANALYSIS"),
        ("gap-transitions", GapTransition, "VIEW_GAP_ANALYSIS"),
        ("prediction-overrides", PredictionOverride, "ACCESS_PREDICTION"),
        ("analysis-records", AnalysisRecord, "ACCESS_PREDICTION"),
    ],
)
def test_parts_of_an_analysis_are_kept_as_read_by_both_doors(
    name: str, model: type[Any], action: str, ours: LookAlike
) -> None:
    client, row = signed_in(ours.users[Role.ADMIN]), ours.rows[model]
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])

    for address in (f"/api/v1/{name}", f"/api/v1/{name}/{row.pk}", page):
        before = len(entries(ours, action))
        assert client.get(address).status_code == 200
        assert len(entries(ours, action)) == before + 1, address


QUESTIONS: dict[str, tuple[str, str]] = {
    "gaps/{gap}/cause-map": ("GET", "VIEW_GAP_ANALYSIS"),
    "gaps/{gap}/recompute": ("POST", "VIEW_GAP_ANALYSIS"),
    "goals/{goal}/sponsor-page": ("GET", "VIEW_GAP_ANALYSIS"),
    "goals/{goal}/sponsor-page.html": ("GET", "VIEW_GAP_ANALYSIS"),
    "goals/{goal}/sponsor-page.pdf": ("GET", "VIEW_GAP_ANALYSIS"),
    "me/briefing": ("GET", "VIEW_GAP_ANALYSIS"),
    "portfolio": ("GET", "VIEW_GAP_ANALYSIS"),
    "predictions": ("GET", "ACCESS_PREDICTION"),
    "prediction-outcomes": ("GET", "ACCESS_PREDICTION"),
    "calibration": ("GET", "ACCESS_PREDICTION"),
    "projects/{project}/forecast": ("GET", "ACCESS_PREDICTION"),
    "projects/{project}/forecast/moves": ("GET", "ACCESS_PREDICTION"),
    "projects/{project}/slip": ("GET", "ACCESS_PREDICTION"),
    "projects/{project}/what-if": ("POST", "ACCESS_PREDICTION"),
    "projects/{project}/replay": ("GET", "ACCESS_PREDICTION"),
    "gaps/export": ("GET", "EXPORT_DATA"),
    "predictions/export": ("GET", "EXPORT_DATA"),
}


@pytest.mark.django_db(transaction=True)
def test_every_question_about_an_analysis_is_kept_with_its_commit(ours: LookAlike, theirs: LookAlike) -> None:
    """With real transactions, because the entry of a read goes out with COMMIT."""
    client = signed_in(ours.users[Role.ADMIN])
    rows: dict[str, Any] = {"gap": Gap, "goal": Goal, "project": Project}
    ids = {name: ours.rows[model].pk for name, model in rows.items()}

    for route, (method, action) in QUESTIONS.items():
        before = len(entries(ours, action)), len(entries(theirs, action))
        body: Any = {} if method == "POST" else None
        answer = send(client, method, f"/api/v1/{route.format(**ids)}", body)
        answer.close()
        assert answer.status_code == 200, (route, answer.content)
        after = entries(ours, action)
        assert (len(after), len(entries(theirs, action))) == (before[0] + 1, before[1]), route
        assert_from_the_client(after[-1])


def test_without_a_trusted_proxy_the_header_is_not_believed(ours: LookAlike, settings: Any) -> None:
    settings.TRUSTED_PROXIES = []
    client = signed_in(ours.users[Role.ADMIN])

    assert view_gap(client, ours).status_code == 200

    last = entries(ours, "VIEW_GAP_ANALYSIS")[-1]
    assert last.ip_address == PROXY
    assert last.request_id != "request-of-the-proxy-1"
