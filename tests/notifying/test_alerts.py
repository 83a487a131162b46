"""A warning that is due reaches every place that wants it, once, and no other organisation's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connections

from integrations.domain.outgoing import announce
from integrations.domain.outgoing.secrets import give_secret
from integrations.domain.outgoing.sending import Turn
from integrations.enums import DestinationKind, EventType
from integrations.models import Destination
from predictions.domain.alerting import dismiss_alert, mute_type
from predictions.enums import DismissalReason, PredictionType, PushDecision, Severity
from predictions.models import Alert, AlertDecision
from projects.enums import ProjectStatus
from stratibreak.jobs.notices import defer_notices
from stratibreak.notifying.alerts import projects_with_warnings, tell_warnings
from tenants.encryption.secret import Secret
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import Tenant
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.local_server import Response
from tests.notifying.conftest import CHANNEL, NOON, TOKEN, FakeSlack, FakeTeams, Organisation
from tests.notifying.mail_server import MailServer

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
AT_ONCE = 4


def webhook(organisation: Organisation, address: str) -> Destination:
    with tenant_context(organisation.tenant_id):
        destination = Destination(kind=DestinationKind.WEBHOOK, name="Program", address=Secret(address))
        assert give_secret(destination)
        destination.save()
        return destination


# --- where it arrives ---


def test_warning_arrives_in_slack_in_teams_and_by_mail(
    we: Organisation, slack: FakeSlack, teams: FakeTeams, mails: MailServer
) -> None:
    places = [
        we.destination(DestinationKind.SLACK, slack.webhook),
        we.destination(DestinationKind.TEAMS, teams.workflow),
        we.destination(DestinationKind.EMAIL, "team@ours.example"),
    ]
    we.warn(base_rate=0.4)

    told = we.tell()
    turns = [we.send(place) for place in places]

    assert (told, turns) == (1, [Turn(sent=1)] * 3)
    [in_slack], [in_teams], [mail] = slack.log, teams.log, mails.mails_to("team@ours.example")
    assert in_slack.body["blocks"][0]["text"]["text"] == "Delay risk in Checkout"
    assert in_slack.body["blocks"][1]["text"]["text"].splitlines() == [
        "*What will break*: PAY-0 is not done in time.",
        "*Chance*: 70 % (60 % to 80 %), where 40 % is usual",
        "*By*: 3 Apr 2026, 12:00 (UTC+00:00)",
        "*Impact*: High",
        "*First*: Leave out a fifth of the open items, until 17 Mar 2026, 00:00 (UTC+00:00)",
    ]
    assert in_slack.body["blocks"][-1]["elements"][1]["text"] == "Stratibreak, for Ours &amp; Co"
    assert in_teams.query["sig"] == "word-in-the-address"
    title = in_teams.body["attachments"][0]["content"]["body"][0]["inlines"][0]["text"]
    assert title == mail["Subject"] == "Delay risk in Checkout"
    assert (mail["To"], mail["From"]) == ("team@ours.example", "Stratibreak <no-reply@stratibreak.example>")
    assert "Chance: 70 % (60 % to 80 %), where 40 % is usual" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "<th scope=" in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]


def test_program_gets_the_same_warning_in_figures_and_no_words(we: Organisation, slack: FakeSlack) -> None:
    place = webhook(we, f"{slack.base_url}/services/hook")
    prediction = we.warn(base_rate=0.4)

    we.tell()
    we.send(place)

    [request] = slack.log
    data = request.body["data"]
    assert request.body["type"] == "prediction.alerted"
    assert (data["prediction"], data["probability"], data["base_rate"]) == (str(prediction.pk), 0.7, 0.4)
    assert (data["prediction_type"], data["impact"], data["is_first"]) == ("DELAY_RISK", "HIGH", True)
    assert "PAY-0" not in str(request.body)


def test_look_alike_is_told_of_its_own_warning_alone(we: Organisation, they: Organisation, slack: FakeSlack) -> None:
    ours = we.destination(DestinationKind.SLACK, f"{slack.base_url}/services/ours")
    theirs = they.destination(DestinationKind.SLACK, f"{slack.base_url}/services/theirs")
    we.warn()
    they.warn()

    we.tell()

    assert (we.send(ours), they.send(theirs)) == (Turn(sent=1), Turn())
    assert [request.path for request in slack.log] == ["/services/ours"]
    assert they.messages() == []


def test_place_of_another_project_and_one_that_wants_other_news_hear_nothing(
    we: Organisation, slack: FakeSlack
) -> None:
    with tenant_context(we.tenant_id):
        other = ProjectFactory.create()
    of_other = we.destination(DestinationKind.SLACK, slack.webhook, project=other, name="of another project")
    digests = we.destination(DestinationKind.SLACK, slack.webhook, event_types=["prediction.digest"], name="digests")
    of_it = we.destination(DestinationKind.SLACK, slack.webhook, project=we.project, name="of this project")
    we.warn()

    we.tell()

    assert [we.send(place) for place in (of_other, digests, of_it)] == [Turn(), Turn(), Turn(sent=1)]


def test_people_hear_nothing_of_every_gap_and_every_run(we: Organisation, slack: FakeSlack) -> None:
    place = we.destination(DestinationKind.SLACK, slack.webhook)

    with tenant_context(we.tenant_id):
        for kind in (EventType.GAP_OPENED, EventType.SYNC_FAILED):
            assert announce(type=kind, key="1", occurred_at=NOON, data={}, project=we.project) is not None

    assert we.deliveries(place) == []


# --- once ---


def test_telling_again_tells_nothing(we: Organisation, slack: FakeSlack) -> None:
    we.destination(DestinationKind.SLACK, slack.webhook)
    we.warn()

    assert [we.tell(), we.tell(), we.tell(NOON + DAY)] == [1, 0, 0]
    assert len(we.messages()) == 1


def test_more_than_three_warnings_a_week_are_three_messages(we: Organisation, slack: FakeSlack) -> None:
    place = we.destination(DestinationKind.SLACK, slack.webhook)
    for subject in range(5):
        we.warn(subject)

    we.tell()

    assert len(we.deliveries(place)) == 3


def test_kill_between_taking_and_putting_in_loses_nothing(we: Organisation, slack: FakeSlack) -> None:
    we.destination(DestinationKind.SLACK, slack.webhook)
    we.warn()

    class Killed(Exception):
        """The process ends before it commits."""

    def be_killed() -> None:
        with tenant_context(we.tenant_id):
            tell_warnings(project=we.project, at=NOON)
            raise Killed

    with pytest.raises(Killed):
        be_killed()

    assert we.messages() == []
    assert we.tell() == 1


@pytest.mark.django_db(transaction=True)
def test_of_workers_at_once_one_tells(we: Organisation, slack: FakeSlack) -> None:
    we.destination(DestinationKind.SLACK, slack.webhook)
    we.warn()

    assert sorted(at_once(we.tell)) == [0] * (AT_ONCE - 1) + [1]
    assert len(we.messages()) == 1


def at_once(work: Callable[[], Any]) -> list[Any]:
    """The same work in several transactions that begin together."""
    ready = threading.Barrier(AT_ONCE)

    def run(_: int) -> Any:
        ready.wait()
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


# --- when ---


def test_held_over_the_night_of_a_clock_change_it_is_due_in_the_local_morning(
    we: Organisation, slack: FakeSlack
) -> None:
    we.destination(DestinationKind.SLACK, slack.webhook)
    with tenant_context(we.tenant_id):
        Tenant.objects.filter(pk=we.tenant_id).update(
            time_zone="Europe/Berlin", quiet_from=time(20), quiet_until=time(7)
        )
    we.warn(at=datetime(2026, 3, 28, 21, tzinfo=UTC))
    morning = datetime(2026, 3, 29, 5, tzinfo=UTC)  # seven in Berlin, an hour earlier than the day before

    with tenant_context(we.tenant_id):
        too_early = projects_with_warnings(morning - timedelta(seconds=1))
        due = projects_with_warnings(morning)

    assert (too_early, due) == ([], [we.project.pk])
    assert [we.tell(morning - timedelta(seconds=1)), we.tell(morning)] == [0, 1]
    [message] = we.messages()
    assert message.notice["reason"] == "This is the first warning of it. It was held until your quiet hours ended."
    assert message.notice["said"][2] == ["By", "27 Apr 2026, 23:00 (UTC+02:00)"]


def test_what_is_dismissed_or_muted_over_night_is_not_told(we: Organisation, ours: LookAlike, slack: FakeSlack) -> None:
    we.destination(DestinationKind.SLACK, slack.webhook)
    night, morning = datetime(2026, 3, 4, 23, tzinfo=UTC), datetime(2026, 3, 5, 7, tzinfo=UTC)
    we.warn(1, at=night)
    we.warn(2, at=night, type=PredictionType.SCOPE_CREEP)
    by = ours.users[Role.ADMIN]

    with tenant_context(we.tenant_id):
        assert {row.decision for row in AlertDecision.objects.filter(project=we.project)} == {PushDecision.HELD}
        alert = Alert.objects.get(project=we.project, type=PredictionType.DELAY_RISK)
        dismiss_alert(alert=alert, reason=DismissalReason.ACCEPTED, note="", by=by, at=night)
        mute_type(
            project=we.project,
            type=PredictionType.SCOPE_CREEP,
            reason=DismissalReason.ACCEPTED,
            note="",
            by=by,
            at=night,
        )

    assert we.tell(morning) == 0


def test_warning_that_nobody_wants_waits_for_whoever_is_told_within_the_week(
    we: Organisation, slack: FakeSlack
) -> None:
    we.warn()
    before = we.tell()
    place = we.destination(DestinationKind.SLACK, slack.webhook)

    with tenant_context(we.tenant_id):
        after_a_week = projects_with_warnings(NOON + 7 * DAY)
    told = we.tell(NOON + 6 * DAY)

    assert (before, after_a_week, told) == (0, [], 1)
    assert len(we.deliveries(place)) == 1


# --- one thread ---


def test_greater_impact_is_told_below_the_first_message_and_in_the_channel(we: Organisation, slack: FakeSlack) -> None:
    place = we.destination(DestinationKind.SLACK, f"{TOKEN} {CHANNEL}")
    we.warn()
    we.tell()
    we.send(place)
    later = NOON + DAY
    we.warn(at=later, impact=Severity.CRITICAL, inputs_hash="a" * 64)

    we.tell(later)
    we.pass_time(days=1)
    we.send(place)

    first, second = (request.body for request in slack.log)
    assert "thread_ts" not in first
    assert (second["thread_ts"], second["reply_broadcast"]) == ("1772600000.000001", True)
    assert [message.notice["reason"] for message in we.messages()] == [
        "This is the first warning of it.",
        "Its impact is greater than was told before.",
    ]


def test_deleted_first_message_keeps_no_news_back(we: Organisation, slack: FakeSlack) -> None:
    place = we.destination(DestinationKind.SLACK, f"{TOKEN} {CHANNEL}")
    we.warn()
    we.tell()
    we.send(place)
    we.warn(at=NOON + DAY, impact=Severity.CRITICAL, inputs_hash="a" * 64)
    we.tell(NOON + DAY)
    we.pass_time(days=1)
    slack.next_answers.append(Response(200, {"ok": False, "error": "thread_not_found"}))

    assert we.send(place) == Turn(sent=1)
    assert ["thread_ts" in request.body for request in slack.log] == [False, True, False]


# --- what the clock's question costs ---


@pytest.mark.parametrize("projects", [1, 3])
def test_clock_asks_as_much_of_three_projects_as_of_one(
    we: Organisation, slack: FakeSlack, projects: int, django_assert_num_queries: Any
) -> None:
    we.destination(DestinationKind.SLACK, slack.webhook)
    with tenant_context(we.tenant_id):
        others = [ProjectFactory.create(status=ProjectStatus.ACTIVE) for _ in range(projects - 1)]
    for project in (we.project, *others):
        we.warn(project=project)

    # Destinations, the organisation; warnings, destinations; escalations, messages; digests; a job for each project.
    with tenant_context(we.tenant_id), django_assert_num_queries(9 + projects):
        jobs = defer_notices(NOON)

    assert len(jobs) == projects


def test_clock_asks_one_question_where_nobody_is_told(we: Organisation, django_assert_num_queries: Any) -> None:
    we.warn()

    with tenant_context(we.tenant_id), django_assert_num_queries(1):
        assert defer_notices(NOON) == []


def test_closed_organisation_is_told_nothing(we: Organisation, slack: FakeSlack) -> None:
    we.destination(DestinationKind.SLACK, slack.webhook)
    we.warn()

    with tenant_context(we.tenant_id):
        Tenant.objects.filter(pk=we.tenant_id).update(is_active=False)
        jobs = defer_notices(NOON)

    assert jobs == []
