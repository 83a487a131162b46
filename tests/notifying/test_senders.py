"""What a place answers is understood, and what goes wrong is kept with the delivery, without words of the place."""

from __future__ import annotations

import logging
import socket
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from integrations.domain.outgoing.replaying import send_again, send_test
from integrations.domain.outgoing.sending import Turn
from integrations.enums import DeliveryState, DestinationKind, DisabledBecause
from integrations.models import Destination
from projects.models import ProjectMembership
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import User
from tests.factories.look_alike import LookAlike
from tests.factories.tenants import UserFactory
from tests.integrations.connectors.local_server import SERVER_ERROR, Response
from tests.notifying.conftest import CHANNEL, NOON, TOKEN, FakeSlack, FakeTeams, Organisation
from tests.notifying.mail_server import MailServer

pytestmark = pytest.mark.django_db


def warned(we: Organisation, kind: DestinationKind, address: str) -> Destination:
    """A destination with a message that waits for it."""
    place = we.destination(kind, address)
    we.warn()
    we.tell()
    return place


def last_try(we: Organisation, place: Destination) -> tuple[str, str, int | None]:
    [delivery] = we.deliveries(place)
    return delivery.state, delivery.error_code, delivery.status_code


# --- Slack ---


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("invalid_auth", "unauthorized"),
        ("not_in_channel", "forbidden"),
        ("channel_not_found", "not_found"),
        ("ratelimited", "rate_limited"),
        ("a_name_nobody_knows", "refused"),
    ],
)
def test_slack_that_answers_200_with_ok_false_has_not_taken_it(
    we: Organisation, slack: FakeSlack, said: str, code: str
) -> None:
    place = warned(we, DestinationKind.SLACK, f"{TOKEN} {CHANNEL}")
    slack.next_answers.append(Response(200, {"ok": False, "error": said}))

    assert we.send(place) == Turn(failed=1)

    assert last_try(we, place)[:2] == (DeliveryState.WAITING, code)


@pytest.mark.parametrize("body", [{"text": "hello"}, {"ok": False}, b"", b"<html>", [1], {"ok": "true"}])
def test_answer_to_a_bot_that_does_not_say_that_all_is_well_is_none(
    we: Organisation, slack: FakeSlack, body: Any
) -> None:
    place = warned(we, DestinationKind.SLACK, f"{TOKEN} {CHANNEL}")
    slack.next_answers.append(Response(200, body))

    assert we.send(place) == Turn(failed=1)

    assert last_try(we, place)[1] in ("refused", "unexpected_answer")


def test_slack_that_asks_for_a_pause_gets_it(we: Organisation, slack: FakeSlack) -> None:
    place = warned(we, DestinationKind.SLACK, slack.webhook)
    slack.next_answers.append(Response(429, b"", {"Retry-After": "600"}))

    first = we.send(place)
    we.pass_time(seconds=590)
    early = we.send(place)
    we.pass_time(seconds=20)
    late = we.send(place)

    assert (first, early, late) == (Turn(failed=1), Turn(), Turn(sent=1))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Response(403, b"invalid_token", content_type="text/plain"), "unauthorized"),
        (Response(404, b"no_service", content_type="text/plain"), "not_found"),
        (Response(400, b"invalid_payload", content_type="text/plain"), "bad_request"),
        (SERVER_ERROR, "server_error"),
        (Response(is_reset=True), "unreachable"),
    ],
)
def test_webhook_of_slack_that_refuses_is_named(
    we: Organisation, slack: FakeSlack, answer: Response, code: str
) -> None:
    place = warned(we, DestinationKind.SLACK, slack.webhook)
    slack.next_answers.append(answer)

    we.send(place)
    again_at = we.deliveries(place)[0].next_try_at
    we.pass_time(minutes=5)

    assert last_try(we, place)[:2] == (DeliveryState.WAITING, code)
    assert again_at is not None
    assert we.send(place) == Turn(sent=1)


def test_archived_channel_switches_the_destination_off(we: Organisation, slack: FakeSlack) -> None:
    place = warned(we, DestinationKind.SLACK, f"{TOKEN} {CHANNEL}")
    slack.next_answers.append(Response(200, {"ok": False, "error": "is_archived"}))

    we.send(place)

    with tenant_context(we.tenant_id):
        found = Destination.objects.get(pk=place.pk)
    assert (found.is_active, found.disabled_because) == (False, DisabledBecause.GONE)


# --- Teams ---


@pytest.mark.parametrize(("status", "code"), [(400, "bad_request"), (401, "unauthorized"), (404, "not_found")])
def test_workflow_that_refuses_is_tried_again(we: Organisation, teams: FakeTeams, status: int, code: str) -> None:
    place = warned(we, DestinationKind.TEAMS, teams.workflow)
    teams.next_answers.append(Response(status, {"error": {"code": "WorkflowTriggerIsNotEnabled"}}))

    first = we.send(place)
    refused = last_try(we, place)
    we.pass_time(minutes=5)

    assert (first, refused) == (Turn(failed=1), (DeliveryState.WAITING, code, status))
    assert we.send(place) == Turn(sent=1)
    assert last_try(we, place) == (DeliveryState.SENT, "", 202)


# --- mail ---


def test_refused_address_keeps_no_mail_from_the_others(we: Organisation, mails: MailServer) -> None:
    place = warned(we, DestinationKind.EMAIL, "a@ours.example, gone@ours.example, B@ours.example")
    mails.refusals["gone@ours.example"] = "550 no such person"

    assert we.send(place) == Turn(sent=1)

    assert [to for to, _ in mails.received] == ["a@ours.example", "b@ours.example"]
    assert [mail["To"] for _, mail in mails.received] == ["a@ours.example", "b@ours.example"]


def test_address_that_is_busy_is_tried_again_and_nobody_gets_it_twice(we: Organisation, mails: MailServer) -> None:
    place = warned(we, DestinationKind.EMAIL, "a@ours.example,full@ours.example,b@ours.example")
    mails.refusals["full@ours.example"] = "452 try later"

    first = we.send(place)
    refused = last_try(we, place)
    mails.refusals.clear()
    we.pass_time(minutes=5)
    second = we.send(place)

    assert (first, refused, second) == (
        Turn(failed=1),
        (DeliveryState.WAITING, "mail_server_busy", None),
        Turn(sent=1),
    )
    assert [to for to, _ in mails.received] == ["a@ours.example", "b@ours.example", "full@ours.example"]
    assert len({mail["Message-ID"] for _, mail in mails.received}) == 1


def test_mail_that_nobody_takes_has_failed(we: Organisation, mails: MailServer) -> None:
    place = warned(we, DestinationKind.EMAIL, "gone@ours.example")
    mails.refusals["gone@ours.example"] = "550 no such person"

    we.send(place)

    assert last_try(we, place) == (DeliveryState.WAITING, "mail_refused", None)


@pytest.mark.parametrize(("greeting", "code"), [("421 not now", "mail_server_busy"), ("554 go away", "mail_refused")])
def test_mail_server_that_does_not_let_us_in_is_named(
    we: Organisation, mails: MailServer, greeting: str, code: str
) -> None:
    place = warned(we, DestinationKind.EMAIL, "a@ours.example")
    mails.greeting = greeting

    we.send(place)

    assert last_try(we, place)[:2] == (DeliveryState.WAITING, code)


def test_dead_mail_server_is_named(we: Organisation, mails: MailServer, settings: Any) -> None:
    place = warned(we, DestinationKind.EMAIL, "a@ours.example")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = closed.getsockname()[1]

        we.send(place)

    assert last_try(we, place)[:2] == (DeliveryState.WAITING, "mail_server_unreachable")


def test_mail_sent_again_by_a_person_goes_to_everybody_again(we: Organisation, mails: MailServer) -> None:
    place = warned(we, DestinationKind.EMAIL, "a@ours.example")
    we.send(place)

    with tenant_context(we.tenant_id):
        send_again(delivery=we.deliveries(place)[0], at=NOON)
    we.send(place)

    assert len(mails.received) == 2


def test_mails_of_one_warning_are_one_conversation(we: Organisation, mails: MailServer) -> None:
    place = warned(we, DestinationKind.EMAIL, "a@ours.example")
    we.warn(1)
    we.warn(at=NOON, impact="CRITICAL", inputs_hash="a" * 64)
    we.tell()

    we.send(place)

    first, other, second = (mail for _, mail in mails.received)
    assert first["References"] == first["In-Reply-To"] == second["References"] != other["References"]
    assert first["Message-ID"] != second["Message-ID"]


# --- whom a mail goes to ---


def add_member(we: Organisation, role: Role, email: str, **values: Any) -> User:
    user: User = UserFactory.create(role=role, email=email, **values)
    ProjectMembership.objects.create(project=we.project, user=user)
    return user


def test_groups_are_people_of_the_organisation_who_may_see_the_project(
    we: Organisation, ours: LookAlike, theirs: LookAlike, mails: MailServer
) -> None:
    with tenant_context(we.tenant_id):
        add_member(we, Role.TEAM_LEADER, "leader@ours.example")
        add_member(we, Role.TEAM_LEADER, "left@ours.example", is_active=False)
        add_member(we, Role.STAKEHOLDER, "sees-nothing@ours.example")
    place = warned(we, DestinationKind.EMAIL, "administrators, Members, outside@else.example, outside@else.example")

    we.send(place)

    admin, stranger = ours.users[Role.ADMIN].email, theirs.users[Role.ADMIN].email
    assert sorted(to for to, _ in mails.received) == sorted([admin, "leader@ours.example", "outside@else.example"])
    assert stranger not in mails.asked


def test_owner_is_told_and_where_there_is_none_the_administrators(
    we: Organisation, ours: LookAlike, mails: MailServer
) -> None:
    place = we.destination(DestinationKind.EMAIL, "owner")
    we.warn(1)
    we.tell()
    we.send(place)
    with tenant_context(we.tenant_id):
        we.project.owner = ours.users[Role.PROJECT_MANAGER]
        we.project.save()
    we.warn(2)
    we.tell()
    we.send(place)

    assert [to for to, _ in mails.received] == [ours.users[Role.ADMIN].email, ours.users[Role.PROJECT_MANAGER].email]


def test_group_with_nobody_in_it_is_named(we: Organisation, mails: MailServer) -> None:
    place = warned(we, DestinationKind.EMAIL, "members")

    we.send(place)

    assert last_try(we, place)[:2] == (DeliveryState.WAITING, "nobody_to_tell")


# --- what is entered ---


@pytest.mark.parametrize(
    ("kind", "address", "word"),
    [
        (DestinationKind.SLACK, "https://ours.slack.com/archives/C1", "incoming webhook"),
        (DestinationKind.SLACK, "xoxb-17-token-without-channel", "incoming webhook"),
        (DestinationKind.SLACK, "http://hooks.slack.com/services/1", "https"),
        (DestinationKind.SLACK, "https://127.0.0.1/services/1", "not public"),
        (DestinationKind.TEAMS, "https://ours.webhook.office.com/webhookb2/1?sig=1", "retired"),
        (DestinationKind.TEAMS, "https://prod-1.westus.logic.azure.com/workflows/1", "sig="),
        (DestinationKind.EMAIL, "everybody", "administrators"),
        (DestinationKind.EMAIL, "a@b.example\r\nBcc: c@d.example", "mail addresses"),
        (DestinationKind.EMAIL, "Someone <a@b.example>", "mail addresses"),
        (DestinationKind.EMAIL, ", ,", "mail addresses"),
        (DestinationKind.EMAIL, ",".join(f"{number}@b.example" for number in range(21)), "At most 20"),
    ],
)
def test_address_that_is_none_of_its_kind_is_refused_with_what_to_enter(
    we: Organisation, kind: DestinationKind, address: str, word: str
) -> None:
    with pytest.raises(ValidationError, match=word):
        we.destination(kind, address)


@pytest.mark.parametrize(
    ("kind", "address", "place"),
    [
        (DestinationKind.SLACK, "https://hooks.slack.com/services/T1/B1/hidden", "hooks.slack.com"),
        (DestinationKind.SLACK, f"{TOKEN} {CHANNEL}", f"channel {CHANNEL}, as a bot"),
        (
            DestinationKind.TEAMS,
            "https://prod-1.westus.logic.azure.com:443/workflows/1?sig=hidden",
            "prod-1.westus.logic.azure.com",
        ),
        (
            DestinationKind.EMAIL,
            "owner, administrators, hidden@b.example, hidden2@b.example",
            "owner of the project, administrators, 2 addresses at b.example",
        ),
    ],
)
def test_of_an_address_only_the_place_is_shown(
    we: Organisation, kind: DestinationKind, address: str, place: str
) -> None:
    found = we.destination(kind, address)

    assert found.place == place


# --- secrets and tests ---


def test_no_secret_is_in_log_delivery_or_message(
    we: Organisation, slack: FakeSlack, teams: FakeTeams, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    places = [
        we.destination(DestinationKind.SLACK, slack.webhook, name="a"),
        we.destination(DestinationKind.SLACK, f"{TOKEN} {CHANNEL}", name="b"),
        we.destination(DestinationKind.TEAMS, teams.workflow, name="c"),
    ]
    we.warn()
    we.tell()
    for tool in (slack, teams):
        tool.broken[""] = Response(500, {"error": "word-in-the-address word-in-the-token"})

    turns = [we.send(place) for place in places]

    kept = [str(vars(each)) for place in places for each in we.deliveries(place)]
    kept += [str(vars(each)) for each in we.messages()]
    assert turns == [Turn(failed=1)] * 3
    assert [text for text in [*kept, caplog.text] if "word-in-the" in text] == []


def test_test_message_has_words_for_every_kind(
    we: Organisation, slack: FakeSlack, teams: FakeTeams, mails: MailServer
) -> None:
    places = [
        we.destination(DestinationKind.SLACK, slack.webhook),
        we.destination(DestinationKind.TEAMS, teams.workflow),
        we.destination(DestinationKind.EMAIL, "a@ours.example"),
    ]
    for place in places:
        with tenant_context(we.tenant_id):
            send_test(destination=place, at=NOON)

    assert [we.send(place) for place in places] == [Turn(sent=1)] * 3
    assert slack.log[0].body["text"].startswith("A test: messages arrive here · Sent to: Our SLACK")
    assert mails.received[0][1]["Subject"] == "A test: messages arrive here"
