"""Keys for machines: what is kept of them, and how their pepper is replaced."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError

from tenants.domain.api_keys import MAX_LIFETIME, NewApiKey, authenticate_api_key, create_api_key
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import ApiKey
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

NOON = datetime(2100, 3, 2, 12, tzinfo=UTC)  # after the moment the rows are really made
OLD, NEW = (base64.b64encode(letter * 32).decode() for letter in (b"a", b"b"))


def make_key(ours: LookAlike, **values: Any) -> NewApiKey:
    admin = ours.users[Role.ADMIN]
    defaults: dict[str, Any] = {
        "name": "Machine",
        "user": admin,
        "scopes": [ApiScope.READ],
        "expires_at": NOON + timedelta(days=30),
        "by": admin,
        "at": NOON,
    }
    with tenant_context(ours.tenant.pk):
        return create_api_key(**defaults | values)


def opens(text: str, *, at: datetime = NOON) -> bool:
    with auth_context():
        return authenticate_api_key(f"Bearer {text}", at=at) is not None


def test_a_key_opens_until_it_expires(ours: LookAlike) -> None:
    made = make_key(ours)

    assert opens(made.secret_text, at=NOON + timedelta(days=29))
    assert not opens(made.secret_text, at=NOON + timedelta(days=30))


def test_the_secret_of_one_key_does_not_open_with_the_id_of_another(ours: LookAlike) -> None:
    one, other = make_key(ours), make_key(ours)
    mixed = f"{one.secret_text.partition('.')[0]}.{other.secret_text.partition('.')[2]}"

    assert not opens(mixed)


def test_a_pepper_is_replaced_by_putting_a_new_one_in_front(ours: LookAlike, settings: Any) -> None:
    settings.API_KEY_PEPPER = f"1:{OLD}"
    made_under_old = make_key(ours)
    settings.API_KEY_PEPPER = f"2:{NEW},1:{OLD}"
    made_under_new = make_key(ours)

    both = [opens(each.secret_text) for each in (made_under_old, made_under_new)]
    settings.API_KEY_PEPPER = f"2:{NEW}"
    new_only = [opens(each.secret_text) for each in (made_under_old, made_under_new)]

    assert (both, new_only) == ([True, True], [False, True])


@pytest.mark.parametrize(
    "text", ["", "1", f"x:{OLD}", "1:not base64", "1:YQ==", f"1:{OLD},1:{NEW}", f"1:{OLD},2:"], ids=str
)
def test_a_pepper_that_cannot_be_read_is_told_without_being_shown(text: str, ours: LookAlike, settings: Any) -> None:
    settings.API_KEY_PEPPER = text

    with pytest.raises(ImproperlyConfigured) as raised:
        make_key(ours)

    assert OLD not in str(raised.value)


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(days=-1), MAX_LIFETIME + timedelta(seconds=1)])
def test_a_key_lasts_for_a_while_and_not_for_ever(lifetime: timedelta, ours: LookAlike) -> None:
    with pytest.raises(ValidationError, match="expires_at"):
        make_key(ours, expires_at=NOON + lifetime)


def test_the_secret_is_not_shown_by_accident(ours: LookAlike) -> None:
    made = make_key(ours)

    assert made.secret_text.partition(".")[2] not in repr(made)


def test_the_last_use_is_kept_to_the_nearest_minutes(ours: LookAlike) -> None:
    made = make_key(ours)
    moments = [NOON, NOON + timedelta(minutes=1), NOON + timedelta(minutes=6)]
    kept = []

    for moment in moments:
        opens(made.secret_text, at=moment)
        with tenant_context(ours.tenant.pk):
            kept.append(ApiKey.objects.get(pk=made.key.pk).last_used_at)

    assert kept == [moments[0], moments[0], moments[2]]
