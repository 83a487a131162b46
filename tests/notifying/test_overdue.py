"""Actions whose day is over are told once, those of a project in one message, and not at night."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from gaps.domain.acting import follow_actions
from integrations.domain.outgoing.sending import Turn
from integrations.enums import DestinationKind
from predictions.domain.acting import move_action
from predictions.enums import ActionMove, ActionStatus
from predictions.models import Action
from stratibreak.notifying.overdue import projects_with_overdue_actions, tell_overdue
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.factories.gaps import CorrectiveActionFactory, GapFactory
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory, PreventiveActionFactory
from tests.factories.tenants import UserFactory
from tests.notifying.conftest import FakeSlack, Organisation
from tests.notifying.test_alerts import AT_ONCE, at_once

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MORNING = datetime(2026, 3, 5, 8, tzinfo=UTC)
NIGHT = datetime(2026, 3, 5, 1, tzinfo=UTC)


def overdue(we: Organisation, title: str, *, factory: Any = CorrectiveActionFactory, at: datetime = NIGHT) -> Action:
    """An action that was due the day before, found so."""
    with tenant_context(we.tenant_id):
        of = GapFactory if factory is CorrectiveActionFactory else PredictionFactory
        about = {"gap" if of is GapFactory else "prediction": of.create(project=we.project)}
        action: Action = factory.create(
            title=title,
            status=ActionStatus.ACTIVE,
            owner=UserFactory.create(),
            due_date=date(2026, 3, 4),
            started_at=datetime(2026, 3, 1, tzinfo=UTC),
            **about,
        )
        follow_actions(project=we.project, at=at)
        return action


def tell(we: Organisation, at: datetime = MORNING) -> int:
    with tenant_context(we.tenant_id):
        return tell_overdue(project=we.project, at=at)


def asked(we: Organisation, at: datetime) -> list[Any]:
    with tenant_context(we.tenant_id):
        return projects_with_overdue_actions(at)


def test_actions_of_both_kinds_are_told_in_one_message_once(we: Organisation, slack: FakeSlack) -> None:
    place = we.destination(DestinationKind.SLACK, slack.webhook)
    overdue(we, "Agree on the cut")
    overdue(we, "Ask for a reviewer", factory=PreventiveActionFactory)

    due = asked(we, MORNING)
    told = [tell(we), tell(we), tell(we, MORNING + DAY)]
    we.pass_time(days=2)

    assert (due, told, asked(we, MORNING + DAY)) == ([we.project.pk], [2, 0, 0], [])
    assert we.send(place) == Turn(sent=1)
    [message] = we.messages()
    assert message.notice["title"] == "2 actions overdue in Checkout"
    assert message.notice["sections"] == [
        [
            "Not done, and their day is over",
            ["Agree on the cut, due 4 Mar 2026", "Ask for a reviewer, due 4 Mar 2026"],
            0,
        ]
    ]


def test_what_becomes_overdue_later_the_same_day_is_told_the_next_day(we: Organisation, slack: FakeSlack) -> None:
    we.destination(DestinationKind.SLACK, slack.webhook)
    overdue(we, "Agree on the cut")
    tell(we)
    overdue(we, "Ask for a reviewer", at=MORNING)

    same_day, asked_then = tell(we, MORNING + timedelta(hours=1)), asked(we, MORNING + timedelta(hours=1))

    assert (same_day, asked_then, tell(we, MORNING + DAY)) == (0, [], 1)


def test_nobody_is_woken_and_what_is_done_by_the_morning_is_not_told(
    we: Organisation, ours: LookAlike, slack: FakeSlack
) -> None:
    we.destination(DestinationKind.SLACK, slack.webhook)
    action = overdue(we, "Agree on the cut")

    by_night = (asked(we, NIGHT), tell(we, NIGHT))
    with tenant_context(we.tenant_id):
        move_action(action=action, kind=ActionMove.COMPLETED, by=ours.users[Role.ADMIN], at=MORNING)

    assert by_night == ([], 0)
    assert (asked(we, MORNING), tell(we)) == ([], 0)


def test_look_alike_hears_nothing_of_it(we: Organisation, they: Organisation, slack: FakeSlack) -> None:
    they.destination(DestinationKind.SLACK, slack.webhook)
    overdue(we, "Agree on the cut")

    assert (asked(they, MORNING), tell(they)) == ([], 0)
    assert (asked(we, MORNING), tell(we)) == ([], 0)  # and where nobody wants it, nobody is told


@pytest.mark.django_db(transaction=True)
def test_of_workers_at_once_one_tells(we: Organisation, slack: FakeSlack) -> None:
    we.destination(DestinationKind.SLACK, slack.webhook)
    overdue(we, "Agree on the cut")

    assert sorted(at_once(lambda: tell(we))) == [0] * (AT_ONCE - 1) + [1]


def test_message_names_no_person(we: Organisation, slack: FakeSlack) -> None:
    we.destination(DestinationKind.SLACK, slack.webhook)
    action = overdue(we, "Agree on the cut")
    tell(we)

    said = str(vars(we.messages()[0]))
    with tenant_context(we.tenant_id):
        owner = action.owner
    assert owner is not None
    assert [word for word in (owner.email, str(owner.pk)) if word in said] == []
