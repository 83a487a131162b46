"""How typed words meet written ones: the two functions behind index and search, asked directly."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db


def _meets(written: str, typed: str, tenant_id: UUID, *, whole_keys: bool = False) -> bool | None:
    """Whether a row with this text is found; None where nothing was typed that is a word."""
    sql = "SELECT stratibreak.search_words(%s, %s) @@ stratibreak.search_query(%s, %s, %s)"
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute(sql, [tenant_id, written, tenant_id, typed, whole_keys])
        found: bool | None = cursor.fetchone()[0]
    return found


SENTENCE = "ABC-123 Customers cannot sign-in: l'équipe prüft snake_case v1.2 (Łódź, Straße, naïve)"


@pytest.mark.parametrize(
    "typed",
    [
        "customers",
        "CUSTOMERS",
        "sign cust",
        "cust abc",
        "abc-123",
        "ABC123",
        "abc 123",
        "sign-in",
        "signin",
        "equipe",
        "L\u2019Équipe",
        "lequipe",
        "pruft",
        "PRÜFT",
        "snake_case",
        "case snake",
        "v1.2",
        "lodz",
        "strasse",
        "STRASSE",
        "naive",
        "e\u0301quipe",
        "(customers)",
        "customers & cannot",
        "!customers",
    ],
)
def test_words_are_found_in_any_order_case_and_spelling(typed: str, ours: LookAlike) -> None:
    assert _meets(SENTENCE, typed, ours.tenant.pk) is True


@pytest.mark.parametrize(
    "typed", ["ustomers", "customers nobody", "abc-124", "c", "bc", "customers | nobody", "customersx"]
)
def test_other_words_are_not(typed: str, ours: LookAlike) -> None:
    assert _meets(SENTENCE, typed, ours.tenant.pk) is False


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Привет мир", "ПРИВЕТ"),
        ("計画の遅れ", "計画"),
        ("שָׁלוֹם עולם", "שלום"),
        ("مَرْحَبًا بالعالم", "مرحبا"),
        ("ship 🚀 it", "🚀"),
        ("Αθήνα", "αθηνα"),
        ("co\u00adoperate", "cooperate"),
        ("non\u2011breaking", "nonbreaking"),
        ("ﬁnal", "final"),
    ],
)
def test_other_scripts_are_folded_too(written: str, typed: str, ours: LookAlike) -> None:
    assert _meets(written, typed, ours.tenant.pk) is True


@pytest.mark.parametrize("typed", ["", " ", "-", "''", "%_\\", "& | ! :* ( )", "…—", "\t\n", "\\' \\"])
def test_signs_alone_are_no_words(typed: str, ours: LookAlike) -> None:
    assert _meets(SENTENCE, typed, ours.tenant.pk) is None


def test_a_whole_key_is_not_the_beginning_of_another(ours: LookAlike) -> None:
    assert _meets("ABC-123", "ABC-12", ours.tenant.pk) is True
    assert _meets("ABC-123", "ABC-12", ours.tenant.pk, whole_keys=True) is False
    assert _meets("ABC-123", "ABC-123", ours.tenant.pk, whole_keys=True) is True


def test_words_of_another_tenant_do_not_meet(ours: LookAlike, theirs: LookAlike) -> None:
    sql = "SELECT stratibreak.search_words(%s, %s) @@ stratibreak.search_query(%s, %s, false)"
    with tenant_context(ours.tenant.pk), connection.cursor() as cursor:
        cursor.execute(sql, [theirs.tenant.pk, SENTENCE, ours.tenant.pk, "customers"])
        assert cursor.fetchone()[0] is False


def test_a_long_text_is_found_by_its_beginning_and_its_long_words(ours: LookAlike) -> None:
    written = "first " + "z" * 50_000 + " last"
    middle = "first " + "word " * 1_000 + "x" * 3_000 + " last"

    assert _meets(written, "first zzzz", ours.tenant.pk) is True
    assert _meets(written, "last", ours.tenant.pk) is False
    assert _meets(middle, "last " + "x" * 100, ours.tenant.pk) is True


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200))
def test_every_text_is_found_by_itself(text: str, world: tuple[LookAlike, LookAlike]) -> None:
    """No text makes an error, neither written nor typed, and what was copied from a row finds the row."""
    tenant_id = world[0].tenant.pk

    assert _meets(text, text, tenant_id) is not False
    assert _meets(text, text, tenant_id, whole_keys=True) is not False


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30), times=st.just(900))
def test_no_text_is_too_long_to_be_written(text: str, times: int, world: tuple[LookAlike, LookAlike]) -> None:
    assert _meets(text * times, "anything", world[0].tenant.pk) in (True, False)
