"""Destinations and deliveries through the API and the backoffice, beside a tenant whose destinations look the same."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.enums import DeliveryState, DisabledBecause
from integrations.models import Delivery, Destination, OutgoingMessage
from integrations.models.destination import MOST_DESTINATIONS
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.api.conftest import ApiClient, machine_of, signed_in
from tests.factories.integrations import DestinationFactory
from tests.factories.look_alike import LookAlike
from tests.integrations.connectors.local_server import Response
from tests.integrations.outgoing.conftest import HIDDEN_WORD, Teller
from tests.integrations.outgoing.test_sending import is_genuine

pytestmark = pytest.mark.django_db

HOOK = f"https://receiver.example/hooks/{HIDDEN_WORD}"
INNER = [
    *("https://127.0.0.1/hook", "https://127.1/hook", "https://2130706433/hook", "https://0x7f.1/hook"),
    *("https://[::1]/hook", "https://[::ffff:10.0.0.1]/hook", "https://169.254.169.254/latest", "https://10.1.2.3/"),
    *("https://localhost/hook", "https://metadata.google.internal/", "https://printer.local/", "https://intranet/"),
    *("http://receiver.example/hook", "https://receiver.example:8443/hook", "https://u:p@receiver.example/hook"),
    *(
        "ftp://receiver.example/hook",
        "receiver.example/hook",
        "https://receiver.example/hook#part",
        "",
        " ",
        "https://",
    ),
]


@pytest.fixture
def admin(ours: LookAlike) -> ApiClient:
    return signed_in(ours.users[Role.ADMIN])


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    """A working copy has no folder of collected static files, of which WhiteNoise would warn."""
    settings.STATIC_ROOT = None


def made(client: ApiClient, **values: Any) -> Any:
    body = {"name": "Hook", "kind": "WEBHOOK", "address": HOOK, **values}
    return client.send("POST", "/api/v1/destinations", body)


def path_of(row_id: object, what: str = "", noun: str = "destinations") -> str:
    return f"/api/v1/{noun}/{row_id}{what and '/'}{what}"


# --- the API ---


def test_secret_is_in_the_answer_to_the_creation_and_in_no_other(admin: ApiClient) -> None:
    answer = made(admin, event_types=["gap.opened"])

    assert answer.status_code == 201
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", answer.json()["signing_secret"])
    assert (answer["Cache-Control"], answer.has_header("ETag")) == ("no-store", False)
    shown = admin.fetch(path_of(answer.json()["id"])).json()
    assert shown == {
        **{name: value for name, value in answer.json().items() if name != "signing_secret"},
    }
    assert (shown["place"], shown["event_types"], shown["is_active"]) == ("receiver.example", ["gap.opened"], True)
    assert {"address", "signing", "signing_secret"}.isdisjoint(shown)


@pytest.mark.parametrize("address", INNER)
def test_address_that_is_not_public_is_refused_on_creation(admin: ApiClient, address: str) -> None:
    answer = made(admin, address=address)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/address"]
    assert len(address) < 9 or address not in answer.content.decode()


def test_address_is_checked_when_it_is_changed(admin: ApiClient) -> None:
    answer = made(admin)
    row = admin.fetch(path_of(answer.json()["id"]))

    refused = admin.send("PATCH", path_of(answer.json()["id"]), {"address": INNER[0]}, etag=row["ETag"])
    kept = admin.send("PATCH", path_of(answer.json()["id"]), {"name": "Other"}, etag=row["ETag"])

    assert refused.status_code == 400
    assert (kept.status_code, kept.json()["place"], kept.json()["name"]) == (200, "receiver.example", "Other")


def test_kind_that_nothing_is_sent_to_is_refused(admin: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.destinations.registry.SENDERS", {})

    assert made(admin).status_code == 400


def test_unknown_type_of_event_is_refused(admin: ApiClient) -> None:
    assert made(admin, event_types=["gap.opened", "gap.invented"]).status_code == 400


def test_there_are_not_too_many(admin: ApiClient, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = DestinationFactory.create().project
        for _ in range(MOST_DESTINATIONS - Destination.objects.count()):
            DestinationFactory.create(project=project)

    assert made(admin).status_code == 400


def test_destination_that_is_switched_on_again_starts_afresh(admin: ApiClient, teller: Teller) -> None:
    teller.receiver.next_answers.append(Response(410, {}))
    teller.tell()
    teller.send()
    path = path_of(teller.destination.pk)
    row = admin.fetch(path)
    assert (row.json()["is_active"], row.json()["disabled_because"]) == (False, DisabledBecause.GONE)

    answer = admin.send("PATCH", path, {"is_active": True}, etag=row["ETag"])

    told = answer.json()
    assert (told["is_active"], told["disabled_because"], told["disabled_at"]) == (True, "", None)
    assert (told["failure_count"], told["failing_since"], told["last_error_code"]) == (0, None, "")


def test_replaced_secret_is_shown_once_and_signs(admin: ApiClient, teller: Teller) -> None:
    answer = admin.send("POST", path_of(teller.destination.pk, "secret"))

    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    teller.tell()
    teller.send()
    assert is_genuine(teller.receiver.log[0], answer.json()["signing_secret"])


def test_test_message_is_sent(admin: ApiClient, teller: Teller) -> None:
    answer = admin.send("POST", path_of(teller.destination.pk, "test"))

    assert answer.status_code == 202
    assert answer.json() == {"messages": 1, "deliveries": f"/api/v1/deliveries?destination={teller.destination.pk}"}
    _send_now(teller)
    assert teller.receiver.log[0].body["type"] == "test"


def test_one_message_is_sent_again_with_its_id(admin: ApiClient, teller: Teller) -> None:
    teller.tell()
    teller.send()

    answer = admin.send("POST", path_of(teller.delivery().pk, "replay", "deliveries"))

    assert (answer.status_code, answer.json()["state"], answer.json()["type"]) == (202, "WAITING", "sync.finished")
    _send_now(teller)
    first, second = teller.receiver.log
    assert (first.headers["webhook-id"], first.raw) == (second.headers["webhook-id"], second.raw)
    assert [tried["status_code"] for tried in teller.delivery().log] == [204, 204]


def test_everything_since_a_moment_is_sent_again(admin: ApiClient, teller: Teller) -> None:
    teller.tell("1")
    teller.send()
    with tenant_context(teller.tenant_id):
        Destination.objects.filter(pk=teller.destination.pk).update(event_types=["sync.finished"])
        Delivery.objects.filter(destination=teller.destination).delete()  # as if it had been made later
    teller.tell("2")
    teller.send()
    with tenant_context(teller.tenant_id):
        others = OutgoingMessage.objects.exclude(key__in=["1", "2"]).filter(type="sync.finished").count()
    path = path_of(teller.destination.pk, "replay")

    everything = admin.send("POST", path, {"since": "2020-01-01T00:00:00Z"})
    nothing = admin.send("POST", path, {"since": "2100-01-01T00:00:00Z"})

    assert (everything.status_code, everything.json()["messages"]) == (202, 2 + others)
    assert (nothing.status_code, nothing.json()["messages"]) == (202, 0)
    before = len(teller.receiver.log)
    _send_now(teller)
    assert len(teller.receiver.log) == before + 2 + others


def test_switched_off_destination_sends_nothing_again(admin: ApiClient, teller: Teller) -> None:
    teller.tell()
    teller.send()
    with tenant_context(teller.tenant_id):
        Destination.objects.filter(pk=teller.destination.pk).update(is_active=False)

    for path, body in (
        (path_of(teller.destination.pk, "test"), None),
        (path_of(teller.destination.pk, "replay"), {"since": "2020-01-01T00:00:00Z"}),
        (path_of(teller.delivery().pk, "replay", "deliveries"), None),
    ):
        assert admin.send("POST", path, body).status_code == 409


def _send_now(teller: Teller) -> None:
    """The doors write the moment that it really is."""
    teller.pass_time(days=36_500)
    teller.send()


def test_deliveries_are_listed_by_state_and_destination(admin: ApiClient, teller: Teller) -> None:
    teller.receiver.next_answers.append(Response(500, {}))
    teller.tell("1")
    teller.tell("2")
    teller.send()

    waiting = admin.fetch("/api/v1/deliveries", destination=str(teller.destination.pk), state="WAITING").json()
    every = admin.fetch("/api/v1/deliveries", destination=str(teller.destination.pk)).json()

    assert [(row["error_code"], row["status_code"]) for row in waiting["results"]] == [("server_error", 500)]
    assert sorted(row["state"] for row in every["results"]) == ["SENT", "WAITING"]
    assert {"claim", "claimed_until"}.isdisjoint(every["results"][0])


ITEM_ACTS = ("secret", "test", "replay")


@pytest.mark.parametrize("what", ITEM_ACTS)
def test_foreign_destination_answers_like_a_missing_one(admin: ApiClient, theirs: LookAlike, what: str) -> None:
    foreign, missing = theirs.rows[Destination].pk, "00000000-0000-4000-8000-000000000000"
    body = {"since": "2020-01-01T00:00:00Z"} if what == "replay" else None

    answers = [admin.send("POST", path_of(row_id, what), body) for row_id in (foreign, missing)]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_foreign_delivery_is_not_sent_again(admin: ApiClient, theirs: LookAlike) -> None:
    foreign = theirs.rows[Delivery].pk

    assert admin.send("POST", path_of(foreign, "replay", "deliveries")).status_code == 404
    with tenant_context(theirs.tenant.pk):
        assert Delivery.objects.get(pk=foreign).state == DeliveryState.SENT


def test_destination_cannot_be_put_into_a_foreign_project(admin: ApiClient, theirs: LookAlike) -> None:
    project = theirs.rows[Destination].project_id  # type: ignore[attr-defined]  # of any model

    assert made(admin, project=str(project)).status_code == 400


@pytest.mark.parametrize("role", [Role.PROJECT_MANAGER, Role.ANALYST])
def test_others_see_and_change_nothing(ours: LookAlike, role: Role, teller: Teller) -> None:
    client = signed_in(ours.users[role])

    assert client.fetch(path_of(teller.destination.pk)).status_code == 200
    assert made(client).status_code == 403
    for what in ITEM_ACTS:
        assert client.send("POST", path_of(teller.destination.pk, what)).status_code == 403


def test_key_that_reads_sends_nothing(ours: LookAlike, teller: Teller) -> None:
    client = machine_of(ours, Role.ADMIN, ApiScope.READ)

    assert client.fetch(path_of(teller.destination.pk)).status_code == 200
    for what in ITEM_ACTS:
        assert client.send("POST", path_of(teller.destination.pk, what)).status_code == 403


def test_secrets_are_shown_by_no_door(admin: ApiClient, ours: LookAlike, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = made(admin)
    pk, secret = answer.json()["id"], answer.json()["signing_secret"]
    row = admin.fetch(path_of(pk))
    again = admin.send("POST", path_of(pk, "secret")).json()["signing_secret"]

    seen = [
        caplog.text,
        *(admin.fetch(f"/api/v1/{each}").content.decode() for each in ("destinations", "deliveries")),
        b"".join(admin.fetch("/api/v1/destinations/export", format="csv").streaming_content).decode(),
        admin.fetch("/api/v1/audit-entries").content.decode(),
        admin.send("PATCH", path_of(pk), {"name": "N"}, etag=row["ETag"]).content.decode(),
        admin.fetch(path_of(pk)).content.decode(),
        *(admin.get(each).content.decode() for each in _pages(pk)),
    ]
    with tenant_context(ours.tenant.pk):
        seen += [str(each) for each in AuditEntry.objects.values()]
    for text in seen:
        for word in (HIDDEN_WORD, secret, again):
            assert word not in text


def _pages(pk: object) -> list[str]:
    return [
        reverse("admin:integrations_destination_change", args=[pk]),
        reverse("admin:integrations_destination_changelist"),
        reverse("admin:integrations_destination_history", args=[pk]),
        reverse("admin:integrations_delivery_changelist"),
    ]


# --- the backoffice ---


@pytest.fixture
def backoffice(ours: LookAlike) -> Client:
    client = Client()
    client.force_login(ours.users[Role.ADMIN])
    return client


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def act(client: Client, what: str, row_id: object, noun: str = "destination", **data: str) -> str:
    return text_of(client.post(reverse(f"admin:integrations_{noun}_{what}", args=[row_id]), data, follow=True))


def entered(**values: Any) -> dict[str, Any]:
    return {
        "name": "Hook",
        "kind": "WEBHOOK",
        "address": HOOK,
        "digest": "OFF",
        "is_active": "on",
        "event_types": ["gap.opened"],
        **values,
    }


def test_new_webhook_shows_its_secret_once(backoffice: Client, ours: LookAlike) -> None:
    answer = backoffice.post(reverse("admin:integrations_destination_add"), entered(), follow=True)

    found = re.search(r"Copy the signing secret now, it is not shown again: (whsec_\S+)", text_of(answer))
    assert found is not None
    with tenant_context(ours.tenant.pk):
        destination = Destination.objects.get(name="Hook")
    page = text_of(backoffice.get(reverse("admin:integrations_destination_change", args=[destination.pk])))
    assert found[1] not in page
    assert HIDDEN_WORD not in page
    assert "receiver.example" in page
    assert (destination.event_types, destination.address_changed_at is not None) == (["gap.opened"], True)


def test_page_refuses_a_private_address(backoffice: Client) -> None:
    answer = backoffice.post(reverse("admin:integrations_destination_add"), entered(address=INNER[0]))

    assert "nothing is sent into private networks" in text_of(answer)


def test_page_says_why_an_endpoint_is_off_and_switches_it_on(backoffice: Client, teller: Teller) -> None:
    teller.receiver.next_answers.append(Response(410, {}))
    teller.tell()
    teller.send()
    url = reverse("admin:integrations_destination_change", args=[teller.destination.pk])

    assert "It said that it is gone for good" in text_of(backoffice.get(url))
    backoffice.post(url, {"name": "Ours", "digest": "OFF", "is_active": "on"})

    now = teller.now_is()
    assert (now.is_active, now.disabled_because, now.failure_count) == (True, "", 0)
    assert now.place == "127.0.0.1"
    with tenant_context(teller.tenant_id):
        assert now.address.reveal_text() == teller.receiver.address


def test_page_sends_a_test_and_everything_again(backoffice: Client, teller: Teller) -> None:
    assert "A test message is on its way." in act(backoffice, "test", teller.destination.pk)
    assert "Copy the signing secret now" in act(backoffice, "secret", teller.destination.pk)
    teller.tell()
    teller.send()
    assert "on the way again." in act(backoffice, "replay", teller.destination.pk, hours="24")
    assert "Choose how far back." in act(backoffice, "replay", teller.destination.pk, hours="5")
    sent = teller.delivery_of("1")
    assert "on its way again" in act(backoffice, "again", sent.pk, "delivery")


def test_page_of_a_foreign_destination_is_not_there(backoffice: Client, theirs: LookAlike) -> None:
    foreign = theirs.rows[Destination].pk
    for what in ITEM_ACTS:
        assert backoffice.post(reverse(f"admin:integrations_destination_{what}", args=[foreign])).status_code == 404
    delivery = theirs.rows[Delivery].pk
    assert backoffice.post(reverse("admin:integrations_delivery_again", args=[delivery])).status_code == 404


def test_new_address_takes_the_place_of_the_old_one(backoffice: Client, teller: Teller) -> None:
    with tenant_context(teller.tenant_id):
        Destination.objects.filter(pk=teller.destination.pk).update(failure_count=3, last_error_code="not_found")
    url = reverse("admin:integrations_destination_change", args=[teller.destination.pk])

    backoffice.post(url, {"name": "Ours", "digest": "OFF", "is_active": "on", "address": HOOK})

    now = teller.now_is()
    assert (now.place, now.failure_count, now.last_error_code) == ("receiver.example", 0, "")
    with tenant_context(teller.tenant_id):
        assert now.address.reveal_text() == HOOK


def test_page_of_a_delivery_says_what_each_try_met(backoffice: Client, teller: Teller) -> None:
    teller.receiver.next_answers.append(Response(500, {}))
    teller.tell()
    teller.send()
    teller.pass_time(minutes=2)
    teller.send()

    page = text_of(backoffice.get(reverse("admin:integrations_delivery_change", args=[teller.delivery().pk])))

    assert "1 June, 12:00:00: 500, in 0 ms. It has an error of its own (5xx). 1 June, 12:02:00: 204, in 0 ms." in page
