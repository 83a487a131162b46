"""Every search function against the look-alike tenant: as the doors call it, and as an injected statement would.

Driven by the registry of searched models: a new one is in at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import Error, connection, models, transaction

from gaps.models import Gap
from projects.models import Goal, Project, WorkItem
from tenants.enums import Role
from tenants.isolation.checks import catalogue_differences
from tenants.isolation.context import AccessContext, Purpose, TenantContextRequired
from tenants.isolation.platform_access import across_all_tenants
from tenants.isolation.roles import database_roles
from tenants.isolation.search import matching
from tenants.isolation.search.functions import SIGNATURE, function_statement
from tenants.isolation.search.matching import SearchTooLong, find_matches
from tenants.isolation.search.sources import SearchSource, search_sources
from tenants.isolation.signing import ContextSigner
from tenants.isolation.sql import function_statements
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import Tenant, User
from tests.factories.look_alike import LookAlike
from tests.factories.projects import GoalFactory, WorkItemFactory
from tests.owner_rows import owner_connection

pytestmark = pytest.mark.django_db

ROLES = database_roles()
assert ROLES is not None
SEARCHED = sorted(search_sources(), key=lambda model: model._meta.label)
each_model = pytest.mark.parametrize("model", SEARCHED, ids=[model._meta.label for model in SEARCHED])


def _row(one: LookAlike, model: Any) -> Any:
    if model is Tenant:
        return one.tenant
    return one.users[Role.ADMIN] if model is User else one.rows[model]


def _typed(one: LookAlike, model: Any) -> str:
    """Text of a row that the other tenant has too: names of organisations and addresses of people differ."""
    if model in (Tenant, User):
        return "Demo Organisation" if model is Tenant else Role.ADMIN.value
    row = _row(one, model)
    return next(str(value) for name in model.search_columns if (value := getattr(row, name)))[:100]


def _key(one: LookAlike, model: Any) -> UUID:
    key: UUID = _row(one, model).pk
    return key


@each_model
def test_the_search_finds_our_row_and_not_the_look_alike(
    model: type[models.Model], ours: LookAlike, theirs: LookAlike
) -> None:
    typed = _typed(ours, model)
    with tenant_context(ours.tenant.pk):
        found = find_matches(model, typed).ids
        readable = set(model._default_manager.filter(pk__among=found).values_list("pk", flat=True))
    with tenant_context(theirs.tenant.pk):
        their_own = find_matches(model, _typed(theirs, model)).ids

    assert _key(ours, model) in found
    assert _key(theirs, model) in their_own
    assert not set(found) & set(their_own)
    assert readable == set(found)


@each_model
def test_the_search_stays_within_what_a_caller_may_see(
    model: type[models.Model], ours: LookAlike, theirs: LookAlike
) -> None:
    typed = _typed(ours, model)
    path = getattr(model, "project_path", None) or "pk"
    with tenant_context(ours.tenant.pk):
        [own] = model._default_manager.filter(pk=_key(ours, model)).values_list(path, flat=True)
        inside = find_matches(model, typed, within=[own]).ids
        outside = find_matches(model, typed, within=[theirs.rows[Project].pk, _key(theirs, model)]).ids
        nowhere = find_matches(model, typed, within=[]).ids

    assert _key(ours, model) in inside
    assert outside == nowhere == ()


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_an_operator_searches_every_organisation(ours: LookAlike, theirs: LookAlike) -> None:
    with across_all_tenants(reason="a test searches all"):
        for model in SEARCHED:
            assert {_key(ours, model), _key(theirs, model)} <= set(find_matches(model, _typed(ours, model)).ids), model


def test_there_is_no_search_without_a_context(world: Any) -> None:
    with pytest.raises(TenantContextRequired):
        find_matches(Gap, "anything")
    with auth_context(), pytest.raises(TenantContextRequired):
        find_matches(Gap, "anything")


def test_the_newest_matches_are_kept_and_a_cut_is_said(ours: LookAlike, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MOST_MATCHES", 3)
    with tenant_context(ours.tenant.pk):
        goals = [GoalFactory.create(project=ours.rows[Project], title=f"Zebra {n}") for n in range(4)]
        cut = find_matches(Goal, "zebra")
        whole = find_matches(Goal, "zebra 2")

    assert cut.ids == tuple(goal.pk for goal in reversed(goals[1:]))
    assert cut.are_cut
    assert whole.ids == (goals[2].pk,)
    assert not whole.are_cut


def test_a_key_finds_itself_and_without_such_a_row_what_begins_with_it(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        rows = {
            key: WorkItemFactory.create(project=ours.rows[Project], key=key, title="", external_id=f"x{key}").pk
            for key in ("ZEB-12", "ZEB-120", "ZEB-121")
        }
        exact = find_matches(WorkItem, "zeb-12").ids
        beginning = find_matches(WorkItem, "ZEB-1").ids

    assert exact == (rows["ZEB-12"],)
    assert set(beginning) == set(rows.values())


def test_a_changed_row_is_found_by_what_it_says_now(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        goal = GoalFactory.create(project=ours.rows[Project], title="Zebra")
        Goal.objects.filter(pk=goal.pk).update(title="Okapi")

        assert find_matches(Goal, "zebra").ids == ()
        assert find_matches(Goal, "okapi").ids == (goal.pk,)


def test_a_search_takes_one_statement(ours: LookAlike, django_assert_num_queries: Any) -> None:
    with tenant_context(ours.tenant.pk):
        find_matches(Gap, "gap")
        with django_assert_num_queries(1):
            find_matches(Gap, "gap")


def test_more_than_a_search_takes_is_refused(ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk), pytest.raises(SearchTooLong):
        find_matches(Gap, "x" * 10_000)


# What an injected statement could try


def _call(model: type[models.Model], typed: str, within: str = "NULL") -> str:
    literal = typed.replace("'", "''")
    return f"SELECT * FROM stratibreak.\"{search_sources()[model].function}\"('{literal}', {within}, 1000)"


def _ids(before: str, call: str) -> set[UUID] | str:
    """Run a statement, then a search; return the ids, or the refusal's error code."""
    savepoint = transaction.savepoint()
    try:
        with connection.cursor() as cursor:
            cursor.execute(before)
            cursor.execute(call)
            return {row[0] for row in cursor.fetchall()}
    except Error as error:
        return str(getattr(error.__cause__, "sqlstate", "")) or type(error).__name__
    finally:
        transaction.savepoint_rollback(savepoint)


def _attempts(victim: UUID) -> dict[str, str]:
    expiry = int(time.time()) + 3600
    forged = ContextSigner(b"x" * 32).sign(f"app|{victim}", expires_at_s=expiry)
    platform = ContextSigner(b"x" * 32).sign("platform|", expires_at_s=expiry)
    mark = str(victim)[-12:]
    return {
        "no attempt": "SELECT 1",
        "no context": "SET LOCAL stratibreak.context = ''",
        "plain claim": f"SELECT set_config('stratibreak.context', 'app|{victim}', true)",
        "forged claim": f"SET LOCAL stratibreak.context = '{forged}'",
        "plain claim of the platform": "SET LOCAL stratibreak.context = 'platform|'",
        "forged claim of the platform": f"SET LOCAL stratibreak.context = '{platform}'",
        "role search": f'SET LOCAL ROLE "{ROLES.search}"',  # type: ignore[union-attr]  # asserted above
        "role search by set_config": f"SELECT set_config('role', '{ROLES.search}', true)",  # type: ignore[union-attr]
        "role of the platform": f'SET LOCAL ROLE "{ROLES.platform}"',  # type: ignore[union-attr]
        "role of the auth purpose": f'SET LOCAL ROLE "{ROLES.auth}"',  # type: ignore[union-attr]
        "no role": "RESET ROLE",
        "session authorization": f'SET SESSION AUTHORIZATION "{ROLES.search}"',  # type: ignore[union-attr]
        "search path": "SET LOCAL search_path = pg_temp, stratibreak, public, pg_catalog",
        "shadowed table": "CREATE TEMP TABLE tenants_tenant AS SELECT 1",
        "shadowed function": (
            f"CREATE FUNCTION pg_temp.current_tenant() RETURNS uuid LANGUAGE sql AS $$ SELECT '{victim}'::uuid $$"
        ),
        "shadowed function of words": (
            "CREATE FUNCTION public.search_query(uuid, text, boolean) RETURNS tsquery LANGUAGE sql "
            f"AS $$ SELECT '{mark}:*'::tsquery $$"
        ),
        "function replaced": (
            "CREATE OR REPLACE FUNCTION stratibreak.search_query(tenant uuid, texts text, whole_keys boolean) "
            f"RETURNS tsquery LANGUAGE sql AS $$ SELECT '{mark}:*'::tsquery $$"
        ),
        "operator shadowed": (
            "CREATE OPERATOR public.@@ (LEFTARG = tsvector, RIGHTARG = tsquery, FUNCTION = pg_catalog.ts_match_vq)"
        ),
        "row security off": "SET LOCAL row_security = off",
        "owner changed": f'ALTER FUNCTION stratibreak.search_in_gaps_gap{SIGNATURE} OWNER TO "{ROLES.app}"',  # type: ignore[union-attr]
        "security changed": f"ALTER FUNCTION stratibreak.search_in_gaps_gap{SIGNATURE} SECURITY INVOKER",
        "setting changed": f"ALTER FUNCTION stratibreak.search_in_gaps_gap{SIGNATURE} SET search_path = public",
        "grant": f'GRANT EXECUTE ON FUNCTION stratibreak.search_in_gaps_gap{SIGNATURE} TO "{ROLES.auth}"',  # type: ignore[union-attr]
    }


@each_model
def test_no_injected_call_learns_of_the_look_alike(
    model: type[models.Model], ours: LookAlike, theirs: LookAlike
) -> None:
    victim, foreign = theirs.tenant.pk, _key(theirs, model)
    mark = str(victim)[-12:]
    typed = _typed(theirs, model)
    calls = {
        "plain": _call(model, typed),
        "with their project": _call(model, typed, f"ARRAY['{theirs.rows[Project].pk}', '{foreign}']::uuid[]"),
        "with their mark": _call(model, f"{mark}{typed.split(' ', maxsplit=1)[0].lower()}"),
        "with operators": _call(model, f"x' | '{mark}':* | '"),
        "with a backslash": _call(model, f"x\\' | {mark}:*"),
        "with everything": _call(model, ""),
    }
    with tenant_context(ours.tenant.pk):
        seen = {
            (attempt, way): _ids(before, call)
            for attempt, before in _attempts(victim).items()
            for way, call in calls.items()
        }

    leaks = {key: ids for key, ids in seen.items() if not isinstance(ids, str) and foreign in ids}
    assert leaks == {}
    assert _key(ours, model) in seen["no attempt", "plain"]
    assert {way: ids for (attempt, way), ids in seen.items() if attempt == "no context" and ids} == {}


def test_the_attempts_would_show_a_leak(ours: LookAlike, theirs: LookAlike) -> None:
    """The same call with the victim's own token finds the victim's row: the test above can fail."""
    wrapper: Any = connection
    token = wrapper._context_signer().token(AccessContext(Purpose.APP, theirs.tenant.pk))
    with tenant_context(ours.tenant.pk):
        assert _key(theirs, Gap) in _ids(f"SET LOCAL stratibreak.context = '{token}'", _call(Gap, _typed(theirs, Gap)))


def test_a_signed_token_of_the_platform_serves_only_its_login(ours: LookAlike, theirs: LookAlike) -> None:
    """Whoever steals one cannot use it over the web's connections."""
    wrapper: Any = connection
    token = wrapper._context_signer().token(AccessContext(Purpose.PLATFORM, reason="stolen"))
    with tenant_context(ours.tenant.pk):
        assert _ids(f"SET LOCAL stratibreak.context = '{token}'", _call(Gap, _typed(theirs, Gap))) == set()


@each_model
def test_only_the_roles_that_search_may_call(model: type[models.Model], world: Any) -> None:
    with auth_context():
        assert _ids("SELECT 1", _call(model, "x")) == "42501"
    refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
    with psycopg.connect(**_login_parameters(), autocommit=True) as login, refused:
        login.execute(_call(model, "x").encode())


def _login_parameters() -> dict[str, Any]:
    described = connection.settings_dict
    named = {"user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT", "dbname": "NAME"}
    return {key: described[name] for key, name in named.items() if described[name]}


def test_nobody_but_the_owner_can_become_the_role(world: Any) -> None:
    assert ROLES is not None
    with owner_connection() as owner:
        may_log_in = owner.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [ROLES.search]).fetchone()
        members = owner.execute(
            "SELECT member::regrole::text FROM pg_auth_members WHERE roleid = %s::regrole", [ROLES.search]
        ).fetchall()
        may_create = owner.execute(
            "SELECT has_schema_privilege(%s, 'stratibreak', 'CREATE')", [ROLES.search]
        ).fetchone()

    assert may_log_in == (False,)
    assert {name for (name,) in members} == {settings.DATABASES["default"]["OWNER"]["user"]}
    assert may_create == (False,)


def test_the_role_reads_no_column_that_is_not_searched(world: Any) -> None:
    with owner_connection() as owner:
        owner.execute(f'BEGIN; SET LOCAL ROLE "{ROLES.search}"'.encode())  # type: ignore[union-attr]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute("SELECT password FROM tenants_user")
        owner.execute("ROLLBACK")


@pytest.mark.django_db(transaction=True)
def test_without_signatures_the_web_still_cannot_search_everywhere(ours: LookAlike, theirs: LookAlike) -> None:
    """A plain context can be claimed; the search across all organisations also asks who is logged in."""
    with _plain_contexts(), tenant_context(ours.tenant.pk):
        claimed = _ids("SET LOCAL stratibreak.context = 'platform|'", _call(Gap, _typed(theirs, Gap)))
        own = _ids(f"SET LOCAL stratibreak.context = 'app|{ours.tenant.pk}'", _call(Gap, _typed(ours, Gap)))

    assert claimed == set()
    assert _key(ours, Gap) in own


@contextmanager
def _plain_contexts() -> Iterator[None]:
    with owner_connection() as owner:
        for statement in function_statements(signed=False):
            owner.execute(statement.encode())
        try:
            yield
        finally:
            for statement in function_statements(signed=True):
                owner.execute(statement.encode())


# Planted leaks


@contextmanager
def _planted(model: type[models.Model], change: Callable[[str], str]) -> Iterator[Any]:
    """Replace a search function by a changed one; the owner is a member of the role that owns it."""
    source = search_sources()[model]
    declared = function_statement(source, ROLES)
    changed = change(declared)
    assert changed != declared
    with owner_connection() as owner:
        owner.execute(changed.encode())
        try:
            yield _Asked(owner)
        finally:
            owner.execute(declared.encode())
            assert catalogue_differences(_Asked(owner)) == []


def _without_filter(source: SearchSource) -> Callable[[str], str]:
    """Answer every row there is: the filters of text and tenant are gone."""
    return lambda declared: declared.replace(f"{source.words} @@ words", "true").replace(
        "hit.tenant_id = tenant", "true"
    )


@each_model
def test_a_function_without_its_filter_is_caught(model: type[models.Model], ours: LookAlike, theirs: LookAlike) -> None:
    typed = _typed(ours, model)
    wrapper: Any = connection
    with _planted(model, _without_filter(search_sources()[model])) as asked:
        codes = [code for code, _ in catalogue_differences(asked)]
        # Over a connection of its own: the test's open transaction may still hold the function as it was.
        with psycopg.connect(**_login_parameters()) as login:
            login.execute("; ".join(wrapper._transport(AccessContext(Purpose.APP, ours.tenant.pk))).encode())
            leaked = {row_id for (row_id,) in login.execute(_call(model, typed).encode())}
    with tenant_context(ours.tenant.pk):
        # The layers below still hold: ids are read as ever.
        readable = set(model._default_manager.filter(pk__among=leaked).values_list("pk", flat=True))

    assert codes == ["tenants.E032"]
    assert _key(theirs, model) in leaked  # the leak is real, and the first test of this file would find it
    assert _key(theirs, model) not in readable


PLANTED = {
    "tenants.E030": (
        "ALTER FUNCTION stratibreak.search_words(uuid, text) RENAME TO search_gone",
        "ALTER FUNCTION stratibreak.search_gone(uuid, text) RENAME TO search_words",
    ),
    "tenants.E031": (
        "CREATE FUNCTION stratibreak.search_in_leak() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP FUNCTION stratibreak.search_in_leak()",
    ),
    "tenants.E032": (
        f"ALTER FUNCTION stratibreak.search_in_gaps_gap{SIGNATURE} SET search_path = public",
        f"ALTER FUNCTION stratibreak.search_in_gaps_gap{SIGNATURE} SET search_path = pg_catalog, pg_temp",
    ),
    "tenants.E033": (
        f"GRANT EXECUTE ON FUNCTION stratibreak.search_in_gaps_gap{SIGNATURE} TO PUBLIC",
        f"REVOKE EXECUTE ON FUNCTION stratibreak.search_in_gaps_gap{SIGNATURE} FROM PUBLIC",
    ),
    "tenants.E034": (
        "GRANT SELECT (password) ON tenants_user TO stratibreak_search",
        "REVOKE SELECT (password) ON tenants_user FROM stratibreak_search",
    ),
    "tenants.E035": (
        "ALTER INDEX gaps_gap_words RENAME TO gaps_gone",
        "ALTER INDEX gaps_gone RENAME TO gaps_gap_words",
    ),
    "tenants.E026": (
        "GRANT SELECT ON tenants_apikey TO stratibreak_search",
        'REVOKE SELECT ON tenants_apikey FROM stratibreak_search; GRANT SELECT ("id", "name", "tenant_id") '
        "ON tenants_apikey TO stratibreak_search",
    ),
}


@pytest.mark.parametrize("code", PLANTED)
def test_the_checks_name_what_differs(code: str, world: Any) -> None:
    plant, mend = PLANTED[code]
    with owner_connection() as owner:
        owner.execute(plant.encode())
        try:
            found = {found_code for found_code, _ in catalogue_differences(_Asked(owner))}
        finally:
            owner.execute(mend.encode())
        after = catalogue_differences(_Asked(owner))

    assert code in found
    assert after == []


class _Asked:
    """A psycopg connection, as far as the checks need one of Django's."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def cursor(self) -> Any:
        return self.owner.cursor()
