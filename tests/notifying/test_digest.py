"""The digest: once for each destination and day, with what was left to it and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from gaps.enums import GapStatus, TransitionKind
from gaps.models import Gap, GapTransition
from integrations.domain.outgoing.replaying import send_again_since
from integrations.domain.outgoing.sending import Turn
from integrations.enums import DestinationKind, DigestRhythm, IntegrationStatus
from integrations.models import Destination, Integration
from predictions.domain.alerting import dismiss_alert, mute_type
from predictions.enums import ActionStatus, DismissalReason, PredictionType, Severity
from predictions.models import Alert
from projects.enums import ProjectStatus
from stratibreak.notifying.digest import due_digests, tell_digest
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tests.factories.gaps import CorrectiveActionFactory, GapFactory, GapTransitionFactory
from tests.factories.integrations import IntegrationFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.factories.tenants import UserFactory
from tests.notifying.conftest import FakeSlack, Organisation
from tests.notifying.test_alerts import AT_ONCE, at_once

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SUNDAY = datetime(2026, 3, 8, 12, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, 7, tzinfo=UTC)
"""When the quiet hours end."""
LATE: dict[str, Any] = {"predicted_for": MONDAY + 2 * DAY}
"""Less than 72 hours ahead when it is found: left to the digest."""


def place(we: Organisation, slack: FakeSlack, **values: Any) -> Destination:
    """A destination that is older than the day of its first digest."""
    found = we.destination(DestinationKind.SLACK, slack.webhook, **values)
    with tenant_context(we.tenant_id):
        Destination.objects.filter(pk=found.pk).update(created_at=SUNDAY - 30 * DAY)
    return found


def due(we: Organisation, at: datetime) -> list[Any]:
    with tenant_context(we.tenant_id):
        return due_digests(at)


def tell(we: Organisation, destination: Destination, at: datetime = MONDAY) -> bool:
    with tenant_context(we.tenant_id):
        return tell_digest(destination_id=destination.pk, at=at)


def sections(we: Organisation) -> dict[str, list[str]]:
    """Of the newest message."""
    return {heading: lines for heading, lines, _ in we.messages()[-1].notice["sections"]}


def gap_moves(we: Organisation, kind: TransitionKind, at: datetime, gap: Gap | None = None, **values: Any) -> Gap:
    with tenant_context(we.tenant_id):
        gap = gap or GapFactory.create(project=we.project, **{"status": GapStatus.OPEN, **values})
        opens = kind == TransitionKind.OPENED
        before = {} if opens else {"from_status": GapStatus.OPEN, "from_severity": Severity.LOW, "from_effect": 1.0}
        GapTransitionFactory.create(gap=gap, kind=kind, at=at, **before)
        return gap


# --- what is in it ---


def test_digest_holds_what_was_left_moved_overdue_and_failing(we: Organisation, slack: FakeSlack) -> None:
    destination = place(we, slack)
    we.warn(1, at=SUNDAY, **LATE)
    gap = gap_moves(we, TransitionKind.OPENED, SUNDAY)
    gap_moves(we, TransitionKind.WORSENED, SUNDAY, gap)
    gap_moves(we, TransitionKind.WORSENED, SUNDAY)
    with tenant_context(we.tenant_id):
        CorrectiveActionFactory.create(
            gap=gap,
            title="Agree on the cut",
            status=ActionStatus.ACTIVE,
            owner=UserFactory.create(),
            due_date=date(2026, 3, 8),
        )
        IntegrationFactory.create(
            project=we.project, name="Tracker", status=IntegrationStatus.ERROR, error_count=2, last_sync_at=SUNDAY
        )

    assert tell(we, destination)
    we.pass_time(days=5)
    assert we.send(destination) == Turn(sent=1)

    assert sections(we) == {
        "Warnings": [
            "Checkout: PAY-1 is not done in time. 70 %, where 40 % is usual; by 11 Mar 2026, 07:00 (UTC+00:00). "
            "Not sent at once: Less than 72 hours ahead."
        ],
        "Gaps": ["Checkout: 1 new, 1 worse"],
        "Overdue actions": ["Checkout: Agree on the cut, due 8 Mar 2026"],
        "Tools that bring nothing": ["Checkout: Tracker, last read 8 Mar 2026, 12:00 (UTC+00:00)"],
    }
    assert slack.log[0].body["text"] == ("Digest of 9 Mar 2026: 1 warning, 2 gaps, 1 overdue action, 1 failing tool")


def test_what_was_pushed_dismissed_muted_closed_or_of_a_closed_project_is_not_in_it(
    we: Organisation, ours: LookAlike, slack: FakeSlack
) -> None:
    destination, by = place(we, slack), ours.users[Role.ADMIN]
    we.warn(1, at=SUNDAY)
    we.tell(SUNDAY)
    we.warn(2, at=SUNDAY, **LATE)
    we.warn(3, at=SUNDAY, type=PredictionType.SCOPE_CREEP, **LATE)
    gap_moves(we, TransitionKind.OPENED, SUNDAY, status=GapStatus.CLOSED, closed_at=SUNDAY)
    with tenant_context(we.tenant_id):
        dismissed = Alert.objects.get(project=we.project, prediction__event__subject__id="2")
        dismiss_alert(alert=dismissed, reason=DismissalReason.ACCEPTED, note="", by=by, at=SUNDAY)
        muted = PredictionType.SCOPE_CREEP
        mute_type(project=we.project, type=muted, reason=DismissalReason.ACCEPTED, note="", by=by, at=SUNDAY)
        closed = ProjectFactory.create(status=ProjectStatus.COMPLETED)
    we.warn(4, at=SUNDAY, project=closed, **LATE)

    assert not tell(we, destination)
    assert [message.type for message in we.messages()] == ["prediction.alerted"]


def test_warning_that_nobody_took_for_a_week_is_in_it(we: Organisation, slack: FakeSlack) -> None:
    we.warn(at=MONDAY - 8 * DAY + 2 * HOUR)
    destination = place(we, slack)

    assert tell(we, destination)

    [line] = sections(we)["Warnings"]
    assert line.startswith("Checkout: PAY-0 is not done in time.")


def test_look_alike_and_other_projects_are_not_in_it(we: Organisation, they: Organisation, slack: FakeSlack) -> None:
    with tenant_context(we.tenant_id):
        other = ProjectFactory.create(name="Other", status=ProjectStatus.ACTIVE)
    whole, of_one = place(we, slack, name="whole"), place(we, slack, project=we.project, name="of one")
    they.warn(7, at=SUNDAY, **LATE)
    we.warn(1, at=SUNDAY, **LATE)
    we.warn(2, at=SUNDAY, project=other, **LATE)

    told = [tell(we, whole), len(sections(we)["Warnings"]), tell(we, of_one), len(sections(we)["Warnings"])]

    assert told == [True, 2, True, 1]
    assert they.messages() == []


# --- once ---


def test_digest_is_told_once_and_a_day_with_nothing_is_over(we: Organisation, slack: FakeSlack) -> None:
    full, empty = place(we, slack, name="full"), place(we, slack, name="empty")
    before = due(we, MONDAY - timedelta(seconds=1))
    found = due(we, MONDAY)

    first = tell(we, empty)
    we.warn(1, at=SUNDAY, **LATE)
    told = [tell(we, full), tell(we, full, MONDAY + HOUR), tell(we, empty, MONDAY + HOUR)]

    assert (before, found) == ([], [full.pk, empty.pk])
    assert (first, told) == (False, [True, False, False])
    assert due(we, MONDAY + DAY) == []
    assert len(we.messages()) == 1


@pytest.mark.django_db(transaction=True)
def test_of_workers_at_once_one_writes_it(we: Organisation, slack: FakeSlack) -> None:
    destination = place(we, slack)
    we.warn(1, at=SUNDAY, **LATE)

    told = at_once(lambda: tell(we, destination))

    assert sorted(told) == [False] * (AT_ONCE - 1) + [True]
    assert len(we.messages()) == 1


def test_kill_while_it_is_written_loses_nothing(we: Organisation, slack: FakeSlack) -> None:
    destination = place(we, slack)
    we.warn(1, at=SUNDAY, **LATE)

    class Killed(Exception):
        """The process ends before it commits."""

    def be_killed() -> None:
        with tenant_context(we.tenant_id):
            assert tell_digest(destination_id=destination.pk, at=MONDAY)
            raise Killed

    with pytest.raises(Killed):
        be_killed()

    assert we.messages() == []
    assert tell(we, destination)


def test_each_destination_has_its_own_digest_and_none_is_told_the_same_again(
    we: Organisation, slack: FakeSlack
) -> None:
    weekly = place(we, slack, name="weekly")
    daily = place(we, slack, name="daily", digest=DigestRhythm.DAILY)
    we.warn(1, at=SUNDAY, predicted_for=MONDAY + 2 * DAY)
    tell(we, weekly)
    tell(we, daily)
    held_by_both = [len(message.data["decisions"]) for message in we.messages()]

    we.warn(2, at=MONDAY + 2 * HOUR, predicted_for=MONDAY + 2.5 * DAY)
    told = [tell(we, weekly, MONDAY + DAY), tell(we, daily, MONDAY + DAY)]

    assert (held_by_both, told) == ([1, 1], [False, True])
    assert [line[:15] for line in sections(we)["Warnings"]] == ["Checkout: PAY-2"]


def test_what_an_analysis_dated_before_a_digest_and_committed_after_it_is_in_the_next_one(
    we: Organisation, slack: FakeSlack
) -> None:
    destination = place(we, slack, digest=DigestRhythm.DAILY)
    we.warn(1, at=SUNDAY, **LATE)
    gap_moves(we, TransitionKind.OPENED, SUNDAY)
    tell(we, destination)

    just_before = MONDAY - timedelta(minutes=5)
    we.warn(2, at=just_before, **LATE)
    gap_moves(we, TransitionKind.OPENED, just_before)
    tell(we, destination, MONDAY + DAY)

    assert [line[:15] for line in sections(we)["Warnings"]] == ["Checkout: PAY-2"]
    assert sections(we)["Gaps"] == ["Checkout: 1 new"]


def test_digest_of_one_destination_is_not_sent_to_another_again(we: Organisation, slack: FakeSlack) -> None:
    mine, other = place(we, slack, name="mine"), place(we, slack, name="other")
    we.warn(1, at=SUNDAY, **LATE)
    tell(we, mine)

    with tenant_context(we.tenant_id):
        count = send_again_since(destination=other, since=timezone.now() - DAY, at=MONDAY)

    assert count == 0


# --- when ---


def test_digest_is_not_written_at_night_nor_for_a_destination_that_is_new_off_or_wants_none(
    we: Organisation, slack: FakeSlack
) -> None:
    place(we, slack, name="off", digest=DigestRhythm.OFF)
    place(we, slack, name="other news", event_types=["prediction.alerted"])
    switched_off = place(we, slack, name="switched off")
    new = we.destination(DestinationKind.SLACK, slack.webhook, name="new")
    usual = place(we, slack, name="usual")
    with tenant_context(we.tenant_id):
        Destination.objects.filter(pk=switched_off.pk).update(is_active=False)
        Destination.objects.filter(pk=new.pk).update(created_at=MONDAY + HOUR)

    assert due(we, MONDAY + 2 * HOUR) == [usual.pk]
    assert due(we, MONDAY + 14 * HOUR) == []
    assert due(we, MONDAY + DAY) == [usual.pk]  # a worker that was down on Monday


def test_digest_follows_the_local_clock_over_its_change(we: Organisation, slack: FakeSlack) -> None:
    destination = place(we, slack)
    with tenant_context(we.tenant_id):
        Tenant.objects.filter(pk=we.tenant_id).update(
            time_zone="America/New_York", quiet_from=time(20), quiet_until=time(7)
        )

    # Clocks there change on Sunday, 8 March 2026: seven o'clock is 12:00 UTC before, and 11:00 UTC after.
    before, after = datetime(2026, 3, 2, 12, tzinfo=UTC), datetime(2026, 3, 9, 11, tzinfo=UTC)
    tell(we, destination, before)

    assert due(we, after - timedelta(seconds=1)) == []
    assert due(we, after) == [destination.pk]


# --- people ---


def test_digest_names_no_person(we: Organisation, slack: FakeSlack) -> None:
    destination = place(we, slack)
    gap = gap_moves(we, TransitionKind.OPENED, SUNDAY, severity=Severity.HIGH)
    with tenant_context(we.tenant_id):
        owner = UserFactory.create(first_name="Ada", last_name="Quist", email="ada.quist@ours.example")
        CorrectiveActionFactory.create(
            gap=gap, title="Agree on the cut", status=ActionStatus.ACTIVE, owner=owner, due_date=date(2026, 3, 8)
        )
        assert GapTransition.objects.filter(gap=gap).exists()
        assert Integration.objects.filter(project=we.project).count() == 0

    tell(we, destination)

    said = str(vars(we.messages()[-1]))
    assert [word for word in ("Ada", "Quist", "ada.quist", str(owner.pk)) if word in said] == []
