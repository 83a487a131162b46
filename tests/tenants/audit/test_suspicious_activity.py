"""The rules, each at and just below its threshold; and that nobody sees another organisation's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenants.audit.entries import Draft, write_entry
from tenants.audit.enums import AuditAction
from tenants.domain.suspicious_activity import (
    BURST,
    EXPORTS_AT_LEAST,
    LEARNED,
    REFUSALS,
    Event,
    SuspicionKind,
    suspicions,
    suspicious_activity,
)
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.request_info import RequestInfo
from tests.api.conftest import signed_in
from tests.factories.look_alike import LookAlike

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
SINCE = NOW - timedelta(days=7)
SOMEBODY, ELSE = UUID(int=1), UUID(int=2)


def event(
    action: AuditAction, at: datetime = NOW, *, actor: UUID | None = SOMEBODY, agent: str = "Browser 1.0"
) -> Event:
    return Event(at, action, actor, "203.0.113.7", agent)


def refusals(count: int, *, every_s: int = 60, actor: UUID | None = SOMEBODY) -> list[Event]:
    step = timedelta(seconds=every_s)
    return [event(AuditAction.REFUSED, NOW + place * step, actor=actor) for place in range(count)]


def kinds(events: list[Event]) -> list[SuspicionKind]:
    return [found.kind for found in suspicions(sorted(events, key=lambda each: each.at), since=SINCE)]


def test_a_burst_of_refusals_is_one_suspicion_with_its_count() -> None:
    [found] = suspicions(refusals(3 * REFUSALS), since=SINCE)

    assert (found.kind, found.count, found.actor_id) == (SuspicionKind.REFUSED_BURST, 3 * REFUSALS, SOMEBODY)
    assert (found.first_at, found.last_at) == (NOW, NOW + timedelta(minutes=3 * REFUSALS - 1))


def test_fewer_or_slower_refusals_are_none() -> None:
    assert kinds(refusals(REFUSALS - 1)) == []
    too_slow_s = BURST.seconds // (REFUSALS - 1) + 1
    assert kinds(refusals(REFUSALS, every_s=too_slow_s)) == []
    assert kinds(refusals(REFUSALS, every_s=too_slow_s - 1)) == [SuspicionKind.REFUSED_BURST]
    assert kinds(refusals(REFUSALS - 1) + refusals(REFUSALS - 1, actor=ELSE)) == []


def test_unknown_people_are_told_apart_by_their_address() -> None:
    assert kinds(refusals(REFUSALS, actor=None)) == [SuspicionKind.REFUSED_BURST]


def test_two_bursts_with_a_pause_are_two() -> None:
    later = [Event(each.at + timedelta(hours=2), *_rest(each)) for each in refusals(REFUSALS)]

    assert kinds(refusals(REFUSALS) + later) == [SuspicionKind.REFUSED_BURST] * 2


def _rest(each: Event) -> tuple[Any, ...]:
    return each.action, each.actor_id, each.ip_address, each.user_agent


def test_a_lockout_is_shown_once_a_day() -> None:
    same_day = [event(AuditAction.LOCKED_OUT, NOW + timedelta(minutes=minutes)) for minutes in range(3)]
    next_day = event(AuditAction.LOCKED_OUT, NOW + timedelta(days=1))

    assert kinds([*same_day, next_day]) == [SuspicionKind.LOCKED_OUT] * 2


def test_a_new_user_agent_is_shown_and_a_first_login_or_a_new_version_is_not() -> None:
    usual = event(AuditAction.LOGIN, NOW - timedelta(days=30), agent="Browser 1.0")

    assert kinds([event(AuditAction.LOGIN)]) == []
    assert kinds([usual, event(AuditAction.LOGIN, agent="Browser 2.14.3")]) == []
    assert kinds([usual, event(AuditAction.LOGIN, agent="curl/8.1")]) == [SuspicionKind.NEW_USER_AGENT]
    assert kinds([usual, event(AuditAction.LOGIN, actor=ELSE, agent="curl/8.1")]) == []


def test_a_user_agent_that_was_long_unused_is_new_again() -> None:
    long_ago = event(AuditAction.LOGIN, NOW - LEARNED - timedelta(days=1), agent="Other")
    usual = event(AuditAction.LOGIN, NOW - timedelta(days=10))

    assert kinds([long_ago, usual, event(AuditAction.LOGIN, agent="Other")]) == [SuspicionKind.NEW_USER_AGENT]


def test_more_exports_than_usual_are_shown() -> None:
    few = [event(AuditAction.EXPORT_DATA) for _ in range(EXPORTS_AT_LEAST)]
    usual = [
        event(AuditAction.EXPORT_DATA, NOW - timedelta(days=day, minutes=minute))
        for day in range(8, 29)
        for minute in range(10)
    ]

    assert kinds(few) == []
    assert kinds([*few, event(AuditAction.EXPORT_DATA)]) == [SuspicionKind.EXPORTS_ABOVE_USUAL]
    assert kinds([*usual, *few, *few]) == []


def test_what_is_older_is_learned_from_and_not_shown() -> None:
    old = [Event(each.at - timedelta(days=30), *_rest(each)) for each in refusals(REFUSALS)]

    assert kinds(old) == []


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault of the rules
@given(
    st.lists(
        st.tuples(
            st.integers(0, 20_000),
            st.sampled_from([AuditAction.REFUSED, AuditAction.LOGIN, AuditAction.EXPORT_DATA, AuditAction.LOCKED_OUT]),
            st.sampled_from([SOMEBODY, ELSE, None]),
        ),
        max_size=30,
    )
)
def test_every_suspicion_stands_on_entries_and_none_is_counted_twice(
    raw: list[tuple[int, AuditAction, UUID | None]],
) -> None:
    events = [
        event(action, SINCE + timedelta(seconds=s), actor=actor) for s, action, actor in sorted(raw, key=lambda r: r[0])
    ]

    found = suspicions(events, since=SINCE)

    for kind, actions in (
        (SuspicionKind.REFUSED_BURST, {AuditAction.REFUSED}),
        (SuspicionKind.LOCKED_OUT, {AuditAction.LOCKED_OUT}),
        (SuspicionKind.EXPORTS_ABOVE_USUAL, {AuditAction.EXPORT_DATA}),
    ):
        counted = sum(each.count for each in found if each.kind is kind)
        assert counted <= sum(1 for each in events if each.action in actions)
    assert all(each.first_at <= each.last_at for each in found)
    assert all(each.count >= REFUSALS for each in found if each.kind is SuspicionKind.REFUSED_BURST)


# --- through the doors ---


@pytest.fixture(autouse=True)
def _no_collected_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A working copy has no folder of collected static files, of which WhiteNoise would warn."""
    monkeypatch.setattr("django.conf.settings.STATIC_ROOT", None)


def _refuse(world: LookAlike, count: int) -> UUID:
    actor = uuid4()
    with tenant_context(world.tenant.pk):
        for _ in range(count):
            origin = RequestInfo(ip="203.0.113.9", user_agent="Probe 1.0", request_id="request-00000009")
            write_entry(Draft(AuditAction.REFUSED, world.tenant.pk, actor_id=actor, request=origin))
    return actor


@pytest.mark.django_db
def test_administrators_see_their_organisations_and_nobody_elses(ours: LookAlike, theirs: LookAlike) -> None:
    actor, foreign = _refuse(ours, REFUSALS), _refuse(theirs, REFUSALS)
    client = signed_in(ours.users[Role.ADMIN])

    told = client.fetch("/api/v1/suspicious-activity").json()["results"]
    page = client.get(reverse("admin:suspicious_activity"))

    assert [(each["kind"], each["count"]) for each in told if each["actor_id"] == str(actor)] == [
        ("REFUSED_BURST", REFUSALS)
    ]
    assert page.status_code == 200
    assert str(actor) in page.content.decode()
    assert str(foreign) not in page.content.decode() + str(told)
    assert "Suspicious activity" in client.get(reverse("admin:tenants_auditentry_changelist")).content.decode()


@pytest.mark.django_db
def test_the_command_lists_one_organisations(ours: LookAlike, theirs: LookAlike) -> None:
    actor, foreign = _refuse(ours, REFUSALS), _refuse(theirs, REFUSALS)
    out = StringIO()

    call_command("suspicious_activity", tenant=str(ours.tenant.pk), stdout=out)

    assert f"Refused attempts in a burst: {REFUSALS} by {actor}" in out.getvalue()
    assert str(foreign) not in out.getvalue()
    with pytest.raises(CommandError, match="1 to 365"):
        call_command("suspicious_activity", tenant=str(ours.tenant.pk), days=0)


@pytest.mark.django_db
def test_it_takes_one_query(ours: LookAlike, django_assert_num_queries: Any) -> None:
    _refuse(ours, REFUSALS)

    with tenant_context(ours.tenant.pk), django_assert_num_queries(1):
        assert suspicious_activity(at=datetime.now(UTC) + timedelta(minutes=1))
