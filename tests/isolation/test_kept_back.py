"""Attacks on statements that wait for COMMIT: no other tenant, thread, transaction or connection sends them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, Error, IntegrityError, connection, connections, transaction
from django.http import HttpRequest, HttpResponse

from gaps.models import Gap
from projects.models import Project
from tenants.audit.entries import Draft, write_entry_at_end
from tenants.audit.enums import AuditAction, Operation
from tenants.enums import Role
from tenants.isolation.context import AccessContext, Purpose, use_context
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.middleware import TenantMiddleware
from tenants.models import AuditEntry, User
from tests.api.conftest import ApiClient, signed_in
from tests.factories.look_alike import LookAlike
from tests.isolation.test_transport import _request_of
from tests.owner_rows import owner_connection

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = {
    "quotes": "it's \"late\"; '' $$ $body$",
    "backslashes": "\\' OR 1=1 -- \\\\",
    "per cent signs": "%s %(name)s %% 100%",
    "a commit of its own": "'; COMMIT; SET ROLE NONE; --",
    "a comment": "/* -- */ \n -- \r\n ;",
    "all planes": "ÿ\u202e😀\U0010ffff\x01\x7f",
    "two megabytes": "late' \\" * 300_000,
}


def _later(text: str, sql: str = "UPDATE projects_project SET description = %s") -> None:
    wrapper: Any = connection
    wrapper.execute_later(sql, [text])


def _descriptions(tenant_id: Any) -> set[str]:
    with tenant_context(tenant_id):
        return set(Project.objects.values_list("description", flat=True))


@contextmanager
def _refused(one: LookAlike, error: type[Exception] = DatabaseError, match: str | None = None) -> Iterator[None]:
    """A transaction of a tenant that is refused on the way or at its end."""
    with pytest.raises(error, match=match), tenant_context(one.tenant.pk):
        yield


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_value_stays_a_value(kind: str, ours: LookAlike, theirs: LookAlike) -> None:
    before = _descriptions(theirs.tenant.pk)
    with tenant_context(ours.tenant.pk):
        Project.objects.count()
        _later(HOSTILE[kind])

    assert _descriptions(ours.tenant.pk) == {HOSTILE[kind]}
    assert _descriptions(theirs.tenant.pk) == before


@pytest.mark.parametrize("setting", ["standard_conforming_strings = off", "client_encoding = 'LATIN1'"])
def test_a_setting_that_was_changed_before_changes_no_meaning(setting: str, ours: LookAlike) -> None:
    """An injected statement may have changed how literals are read."""
    text = "it's \\' ÿ"
    with tenant_context(ours.tenant.pk):
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL {setting}")
        _later(text)

    assert _descriptions(ours.tenant.pk) == {text}


@pytest.mark.parametrize("text", ["nul \0", "half a character \ud800"])
def test_what_no_text_can_hold_is_refused_where_it_is_made(text: str, ours: LookAlike) -> None:
    before = _descriptions(ours.tenant.pk)
    with tenant_context(ours.tenant.pk):
        Project.objects.count()
        with pytest.raises((DatabaseError, UnicodeEncodeError)):
            _later(text)
        assert Project.objects.exists()

    assert _descriptions(ours.tenant.pk) == before


def test_a_context_without_a_statement_does_not_take_it_over(ours: LookAlike, theirs: LookAlike) -> None:
    """The context changes, nothing is said in it, and the transaction ends there."""
    before = _descriptions(theirs.tenant.pk)
    block = transaction.atomic()
    with use_context(AccessContext(Purpose.APP, ours.tenant.pk)):
        block.__enter__()
        Project.objects.count()
        _later("late")
    with use_context(AccessContext(Purpose.APP, theirs.tenant.pk)):
        block.__exit__(None, None, None)

    assert _descriptions(ours.tenant.pk) == {"late"}
    assert _descriptions(theirs.tenant.pk) == before


STEPS: dict[str, Callable[[UUID], Any]] = {
    "auth": lambda theirs: User.objects.count(),
    "another tenant": lambda theirs: Project.objects.count(),
    "a function": lambda theirs: connection.cursor().callproc("version"),
    "many": lambda theirs: connection.cursor().executemany("SELECT %s", [(1,), (2,)]),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_another_purpose_sends_it_in_its_own_first(step: str, ours: LookAlike, theirs: LookAlike) -> None:
    before = _descriptions(theirs.tenant.pk)
    with tenant_context(ours.tenant.pk):
        Project.objects.count()
        _later("late")
        purpose = AccessContext(Purpose.AUTH) if step == "auth" else AccessContext(Purpose.APP, theirs.tenant.pk)
        with use_context(purpose):
            STEPS[step](theirs.tenant.pk)

    assert _descriptions(ours.tenant.pk) == {"late"}
    assert _descriptions(theirs.tenant.pk) == before


def test_one_made_without_a_right_is_refused_though_the_next_context_has_it(ours: LookAlike) -> None:
    before = _descriptions(ours.tenant.pk)
    with _refused(ours, match="permission denied"):
        Project.objects.count()
        with use_context(AccessContext(Purpose.AUTH)):
            _later("late")

    assert _descriptions(ours.tenant.pk) == before


def test_a_savepoint_that_goes_back_takes_its_own_and_no_other(ours: LookAlike) -> None:
    append = "UPDATE projects_project SET description = description || %s"
    with tenant_context(ours.tenant.pk):
        Project.objects.update(description="")
        _later("a", append)
        kept = transaction.savepoint()
        _later("b", append)
        taken_back = transaction.savepoint()
        _later("c", append)
        transaction.savepoint_rollback(taken_back)
        _later("d", append)
        transaction.savepoint_commit(kept)
        with suppress(RuntimeError), transaction.atomic():
            _later("e", append)
            with transaction.atomic():
                _later("f", append)
            raise RuntimeError
        _later("g", append)

    assert _descriptions(ours.tenant.pk) == {"abdg"}


def test_a_cursor_that_is_half_read_goes_on_behind_it(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        expected = set(User.objects.values_list("pk", flat=True))
        rows = User.objects.values_list("pk", flat=True).iterator(chunk_size=1)
        seen = {next(rows)}
        _later("late")
        seen |= set(rows)

    assert (seen, _descriptions(ours.tenant.pk)) == (expected, {"late"})


def test_one_made_while_rows_are_copied_goes_out_behind_them(ours: LookAlike) -> None:
    rows = "COPY (SELECT description FROM projects_project) TO STDOUT"
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor, cursor.copy(rows) as copy:
        _later("late")
        copied = b"".join(bytes(part) for part in copy)

    assert b"late" not in copied
    assert _descriptions(ours.tenant.pk) == {"late"}


def test_a_closed_connection_forgets_it(ours: LookAlike, theirs: LookAlike) -> None:
    before = _descriptions(ours.tenant.pk), _descriptions(theirs.tenant.pk)
    with tenant_context(ours.tenant.pk):
        Project.objects.count()
        _later("late")
        connection.close()
        with pytest.raises(DatabaseError):
            _later("later still")
    with tenant_context(theirs.tenant.pk):
        Project.objects.count()

    assert (_descriptions(ours.tenant.pk), _descriptions(theirs.tenant.pk)) == before


def test_a_server_that_hangs_up_leaves_nothing_for_the_next(ours: LookAlike, theirs: LookAlike) -> None:
    before = _descriptions(ours.tenant.pk), _descriptions(theirs.tenant.pk)
    raw: Any = connection
    with _refused(ours, Error):
        Project.objects.count()
        other = connections.create_connection("default")
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [raw.connection.info.backend_pid])
        other.close()
        _later("late")
    connection.close()
    with tenant_context(theirs.tenant.pk):
        Project.objects.count()

    assert (_descriptions(ours.tenant.pk), _descriptions(theirs.tenant.pk)) == before


def test_another_thread_cannot_put_one_into_this_transaction(ours: LookAlike) -> None:
    before, refusals = _descriptions(ours.tenant.pk), []
    mine: Any = connections["default"]

    def intrude() -> None:
        try:
            mine.execute_later("UPDATE projects_project SET description = %s", ["late"])
        except DatabaseError as error:
            refusals.append(str(error))

    with tenant_context(ours.tenant.pk):
        Project.objects.count()
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()

    assert ["thread" in refusal for refusal in refusals] == [True]
    assert _descriptions(ours.tenant.pk) == before


def test_hooks_run_after_it_and_not_without_it(ours: LookAlike) -> None:
    seen: list[set[str]] = []
    with tenant_context(ours.tenant.pk):
        Project.objects.count()
        transaction.on_commit(lambda: seen.append(_descriptions(ours.tenant.pk)))
        transaction.on_commit(lambda: seen.append(_hooked(ours.tenant.pk)))
        _later("late")

    assert seen == [{"late"}, {"by a hook"}]


def _hooked(tenant_id: UUID) -> set[str]:
    with tenant_context(tenant_id):
        Project.objects.count()
        _later("by a hook")
    return _descriptions(tenant_id)


def test_without_autocommit_it_goes_out_inside_its_block(ours: LookAlike, theirs: LookAlike) -> None:
    before = _descriptions(theirs.tenant.pk)
    transaction.set_autocommit(False)
    try:
        with tenant_context(ours.tenant.pk):
            Project.objects.count()
            _later("late")
        transaction.commit()
        with suppress(DatabaseError), tenant_context(theirs.tenant.pk):
            Project.objects.count()
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)

    assert _descriptions(ours.tenant.pk) == {"late"}
    assert _descriptions(theirs.tenant.pk) == before


def test_what_the_constraints_refuse_at_commit_takes_it_along(ours: LookAlike, theirs: LookAlike) -> None:
    before = _descriptions(ours.tenant.pk)
    with _refused(ours, IntegrityError):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        Gap.objects.update(project_id=theirs.rows[Project].pk)
        _later("late")

    assert _descriptions(ours.tenant.pk) == before


def test_a_refusal_that_somebody_swallows_is_no_commit(ours: LookAlike) -> None:
    """PostgreSQL would answer COMMIT with a ROLLBACK that nobody sees."""
    before, done = _descriptions(ours.tenant.pk), []
    with _refused(ours, match="swallowed"):
        transaction.on_commit(lambda: done.append("committed"))
        Project.objects.update(description="changed")
        _later("", "UPDATE nowhere SET nothing = %s")
        with suppress(DatabaseError):
            Project.objects.count()

    assert (_descriptions(ours.tenant.pk), done) == (before, [])


# --- through the doors ---


def _entries(one: LookAlike) -> int:
    with tenant_context(one.tenant.pk):
        return int(AuditEntry.objects.filter(operation="read").count())


@contextmanager
def _refused_entries(how: str) -> Iterator[None]:
    """Have the database refuse every audit entry of a read."""
    deferred = how == "at commit"
    what = {"by the right": "insufficient_privilege", "by a check": "check_violation"}.get(how, "raise_exception")
    kind = "CONSTRAINT TRIGGER refuse_read AFTER" if deferred else "TRIGGER refuse_read BEFORE"
    when = "DEFERRABLE INITIALLY DEFERRED" if deferred else ""
    with owner_connection() as owner:
        owner.execute(
            f"CREATE FUNCTION refuse_read() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"RAISE {what} USING MESSAGE = 'hidden words'; END $$"
        )
        owner.execute(
            f"CREATE {kind} INSERT ON tenants_auditentry {when} FOR EACH ROW "
            f"WHEN (NEW.operation = 'read') EXECUTE FUNCTION refuse_read()"
        )
        try:
            yield
        finally:
            owner.execute("DROP TRIGGER refuse_read ON tenants_auditentry")
            owner.execute("DROP FUNCTION refuse_read()")


READ_PATHS = {"list": "/api/v1/gaps", "detail": "/api/v1/gaps/{gap}", "page": "/admin/gaps/gap/{gap}/change/"}


@pytest.mark.parametrize("how", ["by the right", "by a check", "by an exception", "at commit"])
@pytest.mark.parametrize("door", READ_PATHS)
def test_a_read_whose_entry_is_refused_is_not_answered(
    door: str, how: str, ours: LookAlike, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.STATIC_ROOT = None
    gap: Any = ours.rows[Gap]
    client, before = signed_in(ours.users[Role.ADMIN]), _entries(ours)
    client.raise_request_exception = False
    path = READ_PATHS[door].format(gap=gap.pk)

    with _refused_entries(how):
        refused = client.get(path)

    text = refused.content.decode()
    assert refused.status_code in ((503,) if door != "page" else (500, 503))
    assert str(gap.pk) not in text
    assert gap.title not in text
    assert not any(word in text for word in ("hidden words", "Traceback", "tenants_auditentry", "INSERT"))
    assert "ETag" not in refused.headers
    if door != "page":
        assert refused["Content-Type"] == "application/problem+json"
        assert refused.json()["detail"] == "This could not be recorded, so it is not answered. Nothing was changed."
    assert _entries(ours) == before
    answered = client.get(path)
    assert (answered.status_code, gap.title in answered.content.decode()) == (200, True)
    assert _entries(ours) == before + 1


@contextmanager
def _without_this_month() -> Iterator[None]:
    """The trail without a partition for now, as after years in which nobody made any."""
    with owner_connection() as owner:
        parts = [
            row[0]
            for row in owner.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass",
                ["tenants_auditentry"],
            )
        ]
        bounds = {part: _bound_of(owner, part) for part in parts}
        for part in parts:
            owner.execute(f"ALTER TABLE tenants_auditentry DETACH PARTITION {part}")
        try:
            yield
        finally:
            for part, bound in bounds.items():
                owner.execute(f"ALTER TABLE tenants_auditentry ATTACH PARTITION {part} {bound}")


def _bound_of(owner: Any, part: str) -> str:
    row = owner.execute(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = %s::regclass", [part]
    ).fetchone()
    return str(row[0])


def test_a_trail_without_its_month_says_so_to_readers_and_writers(ours: LookAlike, settings: Any) -> None:
    settings.STATIC_ROOT = None
    client = signed_in(ours.users[Role.ADMIN])
    client.raise_request_exception = False
    body = {"email": "new.person@demo.example", "role": "ANALYST", "first_name": "New", "last_name": "Person"}

    with _without_this_month():
        read = client.fetch(f"/api/v1/gaps/{ours.rows[Gap].pk}")
        written = client.send("POST", "/api/v1/invitations", body)

    assert [(answer.status_code, answer["Retry-After"]) for answer in (read, written)] == [(503, "5")] * 2


BREAKING: dict[str, Callable[[], Any]] = {
    "a closed connection": connection.close,
    "a refusal that is swallowed": lambda: _swallow("SELECT nothing FROM nowhere"),
    "a block without a savepoint": lambda: _swallow_inside("SELECT nothing FROM nowhere"),
}


def _swallow(sql: str) -> None:
    with suppress(DatabaseError), connection.cursor() as cursor:
        cursor.execute(sql)


def _swallow_inside(sql: str) -> None:
    with suppress(DatabaseError), transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("broken_by", BREAKING)
def test_an_answer_whose_transaction_was_broken_on_the_way_is_not_given(broken_by: str, ours: LookAlike) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        Project.objects.count()
        _later("late")
        BREAKING[broken_by]()
        return HttpResponse("what was read")

    before = _descriptions(ours.tenant.pk)

    answer: Any = TenantMiddleware(view)(_request_of(ours))

    assert (answer.status_code, b"what was read" in answer.content) == (503, False)
    assert _descriptions(ours.tenant.pk) == before


def test_a_file_leaves_its_entry_though_its_reader_hangs_up(ours: LookAlike, settings: Any) -> None:
    settings.STATIC_ROOT = None
    client: ApiClient = signed_in(ours.users[Role.ADMIN])
    before = _entries(ours)

    answer: Any = client.get("/api/v1/gaps/export")
    next(iter(answer.streaming_content))
    answer.close()

    assert _entries(ours) == before + 1


def test_the_trail_takes_no_entry_for_another_tenant(ours: LookAlike, theirs: LookAlike) -> None:
    before = _entries(theirs)
    draft = Draft(AuditAction.VIEW_GAP_ANALYSIS, theirs.tenant.pk, operation=Operation.READ)
    with _refused(ours, match="row-level security"):
        Project.objects.count()
        write_entry_at_end(draft)

    assert _entries(theirs) == before


def test_signing_in_step_by_step_keeps_both(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        Project.objects.count()
        _later("late")
        with auth_context():
            assert User.objects.filter(tenant_id=ours.tenant.pk).exists()
        with pytest.raises(RuntimeError), transaction.atomic(durable=True):
            _later("never")

    assert _descriptions(ours.tenant.pk) == {"late"}
