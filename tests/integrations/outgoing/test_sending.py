"""Messages arrive signed, in order and at least once, whatever the receiver and our own processes do meanwhile."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import socket
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.destinations.signing import SECRET_BYTES
from integrations.domain.environment import Environment
from integrations.domain.outgoing import sending
from integrations.domain.outgoing.claiming import LEASE, Outcome, claim_next, due_destinations, keep_outcome
from integrations.domain.outgoing.secrets import replace_secret
from integrations.domain.outgoing.sending import Turn, send_waiting
from integrations.enums import DeliveryState, DisabledBecause
from integrations.http.addresses import AddressGuard
from integrations.http.door import DoorLimits
from integrations.models import Delivery, Destination
from stratibreak.jobs.queue_app import without_connections
from tenants.audit.enums import AuditAction
from tenants.encryption.secret import Secret
from tenants.isolation.queue import own_jobs
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry, Tenant
from tests.factories.look_alike import LookAlike
from tests.integrations.connectors.local_server import Request, Response, serving
from tests.integrations.outgoing.conftest import HIDDEN_WORD, Receiver, Teller, make_destination

pytestmark = pytest.mark.django_db


def is_genuine(request: Request, secret: str, *, raw: bytes | None = None) -> bool:
    """What a receiver does, written by the text of the standard and not by our code."""
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
    key = base64.b64decode(secret.split("_", 1)[1])
    expected = base64.b64encode(hmac.digest(key, signed + (request.raw if raw is None else raw), "sha256")).decode()
    versions = [each.split(",", 1) for each in request.headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(found, expected) for version, found in versions)


# --- what arrives ---


def test_message_arrives_signed(teller: Teller) -> None:
    message = teller.tell()
    assert message is not None

    assert teller.send() == Turn(sent=1)

    [request] = teller.receiver.log
    assert (request.method, request.path) == ("POST", f"/hooks/{HIDDEN_WORD}")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == str(message.pk)
    assert request.headers["webhook-timestamp"] == str(int(teller.clock.now.timestamp()))
    assert is_genuine(request, teller.secret)
    assert request.body == {
        "type": "sync.finished",
        "timestamp": "2026-06-01T12:00:00+00:00",
        "data": {"created": 3, "name": "ü"},
    }
    delivery = teller.delivery()
    assert (delivery.state, delivery.attempts, delivery.status_code, delivery.sent_at) == (
        DeliveryState.SENT,
        1,
        204,
        teller.clock.now,
    )
    assert [(tried["status_code"], tried["error_code"]) for tried in delivery.log] == [(204, "")]


def test_tampered_body_id_and_moment_are_noticed(teller: Teller) -> None:
    teller.tell()
    teller.send()
    [request] = teller.receiver.log

    assert not is_genuine(request, teller.secret, raw=request.raw.replace(b"3", b"4"))
    for name in ("webhook-id", "webhook-timestamp"):
        forged = Request(request.method, request.path, {}, {**request.headers, name: "1"}, request.body, request.raw)
        assert not is_genuine(forged, teller.secret)
    another = base64.b64encode(bytes(SECRET_BYTES)).decode()
    assert not is_genuine(request, f"whsec_{another}")


def test_each_destination_is_told_what_it_wants(teller: Teller) -> None:
    with tenant_context(teller.tenant_id):
        address = teller.receiver.address
        gaps, _ = make_destination(address, name="Gaps", event_types=["gap.opened"])
        syncs, _ = make_destination(address, name="Syncs", event_types=["sync.finished", "sync.failed"])
        same, _ = make_destination(address, name="Same project", project=teller.project)
        off, _ = make_destination(address, name="Off", is_active=False)

    teller.tell()
    with tenant_context(teller.tenant_id):
        teller.tell("2", project=None)

    told = {each.name: len(teller.deliveries(each)) for each in (teller.destination, gaps, syncs, same, off)}
    assert told == {"Ours": 2, "Gaps": 0, "Syncs": 2, "Same project": 1, "Off": 0}


def test_what_is_meant_for_later_waits(teller: Teller) -> None:
    teller.tell(not_before=teller.clock.now + timedelta(hours=2))

    assert teller.send() == Turn()
    teller.pass_time(hours=2)
    assert teller.send() == Turn(sent=1)


def test_messages_arrive_in_their_order(teller: Teller) -> None:
    messages = [teller.tell(str(number)) for number in range(4)]

    assert teller.send() == Turn(sent=4)

    assert [request.headers["webhook-id"] for request in teller.receiver.log] == [str(m.pk) for m in messages if m]


# --- trying again ---


def test_failed_message_is_tried_again_with_the_same_id_and_body(teller: Teller) -> None:
    teller.receiver.next_answers.extend([Response(500, {}), Response(200, {})])
    teller.tell()

    assert teller.send() == Turn(failed=1)
    assert teller.send() == Turn()  # its time has not come
    waiting = teller.delivery()
    assert (waiting.state, waiting.status_code, waiting.error_code) == (DeliveryState.WAITING, 500, "server_error")
    assert waiting.next_try_at == teller.clock.now + timedelta(seconds=66)  # a minute and a tenth, in the middle
    teller.pass_time(seconds=66)
    assert teller.send() == Turn(sent=1)

    first, second = teller.receiver.log
    assert first.raw == second.raw
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 66
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert is_genuine(first, teller.secret)
    assert is_genuine(second, teller.secret)
    assert [tried["status_code"] for tried in teller.delivery().log] == [500, 200]
    assert (teller.now_is().failure_count, teller.now_is().failing_since) == (0, None)


@pytest.mark.parametrize("status", [429, 503])
def test_pause_that_is_asked_for_is_kept_by_all_that_waits(teller: Teller, status: int) -> None:
    teller.receiver.next_answers.append(Response(status, {}, {"Retry-After": "900"}))
    teller.tell("1")
    teller.tell("2")

    assert teller.send() == Turn(failed=1)

    assert teller.delivery_of("1").next_try_at == teller.clock.now + timedelta(seconds=900)
    teller.pass_time(seconds=899)
    assert teller.send() == Turn()
    with tenant_context(teller.tenant_id):
        assert due_destinations(teller.clock.now) == []
    teller.pass_time(seconds=1)
    assert teller.send() == Turn(sent=2)


def test_absurd_pause_is_a_day_at_most(teller: Teller) -> None:
    teller.receiver.next_answers.append(Response(429, {}, {"Retry-After": "99999999"}))
    teller.tell()

    teller.send()

    assert teller.delivery().next_try_at == teller.clock.now + timedelta(days=1)


def test_error_about_one_message_holds_up_no_other(teller: Teller) -> None:
    teller.receiver.next_answers.append(Response(400, {}))
    teller.tell("1")
    teller.tell("2")

    assert teller.send() == Turn(sent=1, failed=1)


def test_message_fails_after_its_tenth_try(teller: Teller) -> None:
    teller.receiver.broken["."] = Response(400, {})
    teller.tell()
    began = teller.clock.now

    for _ in range(10):
        assert teller.send() == Turn(failed=1)
        if (due := teller.delivery().next_try_at) is not None:
            teller.clock.now = due

    delivery = teller.delivery()
    assert (delivery.state, delivery.attempts, delivery.next_try_at) == (DeliveryState.FAILED, 10, None)
    assert timedelta(hours=75.6) <= teller.clock.now - began <= timedelta(hours=75.6 * 1.2)
    assert teller.send() == Turn()


def test_endpoint_that_is_gone_is_switched_off(teller: Teller) -> None:
    teller.receiver.next_answers.append(Response(410, {}))
    teller.tell("1")
    teller.tell("2")

    assert teller.send() == Turn(failed=1)

    now = teller.now_is()
    assert (now.is_active, now.disabled_because) == (False, DisabledBecause.GONE)
    assert {each.state for each in teller.deliveries()} == {DeliveryState.CANCELLED}
    assert len(teller.receiver.log) == 1
    with tenant_context(teller.tenant_id):
        entry = AuditEntry.objects.filter(resource_id=str(now.pk), action=AuditAction.CONFIGURE_INTEGRATION).first()
        assert entry is not None
        assert entry.reason == "switched off by the system"
    teller.tell("3")
    assert len(teller.deliveries()) == 2


def test_endpoint_that_fails_for_five_days_is_switched_off(teller: Teller) -> None:
    teller.receiver.broken["."] = Response(500, {})
    for day in range(6):
        teller.tell(str(day))
        teller.send()
        is_last = day == 5
        assert teller.now_is().is_active is not is_last
        teller.pass_time(days=1)

    assert teller.now_is().disabled_because == DisabledBecause.FAILING


def test_endpoint_that_recovers_in_time_stays(teller: Teller) -> None:
    teller.receiver.next_answers.append(Response(500, {}))
    teller.tell("1")
    teller.send()
    teller.pass_time(days=4)
    teller.send()
    teller.pass_time(days=4)
    teller.receiver.next_answers.append(Response(500, {}))
    teller.tell("2")
    teller.send()

    assert teller.now_is().is_active


# --- where nothing is sent ---


def test_redirect_is_not_followed(teller: Teller) -> None:
    elsewhere = Receiver()
    with serving(elsewhere):
        teller.receiver.next_answers.append(Response(302, {}, {"Location": elsewhere.address}))
        teller.tell()

        assert teller.send() == Turn(failed=1)

    assert elsewhere.log == []
    assert (teller.delivery().error_code, teller.delivery().status_code) == ("foreign_address", 302)


def test_name_that_turns_to_a_private_address_is_refused_when_it_is_sent_to(teller: Teller) -> None:
    with tenant_context(teller.tenant_id):
        teller.destination.address = Secret("https://receiver.example/hook")
        teller.destination.save()
    guard = AddressGuard(resolver=lambda *_: ["10.0.0.1"])
    environment = Environment(waiting=teller.clock.waiting(), guard=guard)
    teller.tell()

    turn = send_waiting(tenant_id=teller.tenant_id, destination_id=teller.destination.pk, environment=environment)

    assert turn == Turn(failed=1)
    assert teller.delivery().error_code == "address_refused"


def test_server_that_never_answers_is_given_up(teller: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "LIMITS", DoorLimits(read_timeout_s=0.2, whole_request_s=0.5))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        _redirect_to(teller, silent)
        teller.tell("1")
        teller.tell("2")

        assert teller.send() == Turn(failed=1)  # the second one waits with it

    assert teller.deliveries()[0].error_code == "unreachable"


def test_server_that_answers_a_byte_now_and_then_is_given_up(teller: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "LIMITS", DoorLimits(read_timeout_s=5.0, whole_request_s=0.4))
    with socket.create_server(("127.0.0.1", 0)) as dripping:
        _redirect_to(teller, dripping)
        ended = threading.Event()
        thread = threading.Thread(target=_drip, args=(dripping, ended))
        thread.start()
        teller.tell()

        turn = teller.send()
        ended.set()
        thread.join()

    assert turn == Turn(failed=1)
    assert teller.delivery().error_code == "unreachable"


def _redirect_to(teller: Teller, server: socket.socket) -> None:
    with tenant_context(teller.tenant_id):
        teller.destination.address = Secret(f"http://127.0.0.1:{server.getsockname()[1]}/hook")
        teller.destination.save()


def _drip(server: socket.socket, ended: threading.Event) -> None:
    connected, _ = server.accept()
    with connected:
        try:
            connected.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not ended.wait(0.05):
                connected.sendall(b"x")
        except OSError:
            return


def test_long_answer_is_not_read(teller: Teller) -> None:
    teller.receiver.next_answers.append(Response(200, b"x" * 5_000_000, content_type="text/plain"))
    teller.tell()

    assert teller.send() == Turn(sent=1)


# --- one sender at a time ---


def test_message_that_somebody_is_sending_is_sent_by_nobody_else(teller: Teller) -> None:
    teller.tell("1")
    teller.tell("2")
    with tenant_context(teller.tenant_id):
        claim = claim_next(teller.destination.pk, at=teller.clock.now)
    assert claim is not None

    assert teller.send() == Turn()  # also not the second one: a place has one sender

    with tenant_context(teller.tenant_id):
        assert keep_outcome(claim, Outcome(teller.clock.now, 1, 204), teller.clock.waiting())
    assert teller.send() == Turn(sent=1)
    assert len(teller.receiver.log) == 1


def test_what_waits_for_a_place_that_a_person_switched_off_is_cancelled_but_what_is_on_its_way(teller: Teller) -> None:
    teller.tell("1")
    teller.tell("2")
    with tenant_context(teller.tenant_id):
        claim = claim_next(teller.destination.pk, at=teller.clock.now)
        assert claim is not None
        Destination.objects.filter(pk=teller.destination.pk).update(is_active=False)
        assert due_destinations(teller.clock.now) == [teller.destination.pk]

    assert teller.send() == Turn()
    with tenant_context(teller.tenant_id):
        assert keep_outcome(claim, Outcome(teller.clock.now, 1, 204), teller.clock.waiting())

    assert [each.state for each in teller.deliveries()] == [DeliveryState.SENT, DeliveryState.CANCELLED]
    with tenant_context(teller.tenant_id):
        assert due_destinations(teller.clock.now) == []


def test_message_of_a_killed_sender_is_sent_again_by_its_id(teller: Teller) -> None:
    message = teller.tell()
    with tenant_context(teller.tenant_id):
        claim = claim_next(teller.destination.pk, at=teller.clock.now)  # and then the process is gone
        assert claim is not None
        assert due_destinations(teller.clock.now) == []
    teller.clock.now += LEASE
    with tenant_context(teller.tenant_id):
        assert due_destinations(teller.clock.now) == [teller.destination.pk]

    assert teller.send() == Turn(sent=1)

    assert message is not None
    assert teller.receiver.log[0].headers["webhook-id"] == str(message.pk)
    with tenant_context(teller.tenant_id):  # it was only asleep, and comes too late to say anything
        assert not keep_outcome(claim, Outcome(teller.clock.now, 1, 500), teller.clock.waiting())
    assert teller.delivery().state == DeliveryState.SENT


def test_message_that_kills_its_senders_ends(teller: Teller) -> None:
    teller.tell()
    for _ in range(10):
        with tenant_context(teller.tenant_id):
            assert claim_next(teller.destination.pk, at=teller.clock.now) is not None
        teller.clock.now += LEASE

    assert teller.send() == Turn()
    assert (teller.delivery().state, teller.delivery().error_code) == (DeliveryState.FAILED, "internal_error")


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_one_destination_send_each_message_once(teller: Teller) -> None:
    for number in range(6):
        teller.tell(str(number))
    turns: list[Turn] = []
    threads = [threading.Thread(target=lambda: turns.append(without_connections(teller.send))) for _ in range(2)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    teller.send()

    ids = [request.headers["webhook-id"] for request in teller.receiver.log]
    assert len(ids) == len(set(ids)) == 6


def test_destination_gives_way_to_others_and_goes_to_the_end_of_the_queue(teller: Teller) -> None:
    teller.receiver.takes = lambda: teller.pass_time(seconds=10)
    for number in range(5):
        teller.tell(str(number))
    with tenant_context(teller.tenant_id):
        before = len(own_jobs(subject=teller.destination.pk))

    assert teller.send() == Turn(sent=4)  # ten seconds each

    with tenant_context(teller.tenant_id):
        assert len(own_jobs(subject=teller.destination.pk)) == before  # the one that waits already is enough
    assert teller.send() == Turn(sent=1)


def test_one_failing_endpoint_holds_up_no_other(teller: Teller) -> None:
    other = Receiver()
    with serving(other), tenant_context(teller.tenant_id):
        destination, secret = make_destination(other.address, name="Other")
    teller.receiver.broken["."] = Response(500, {})
    with serving(other):
        with tenant_context(teller.tenant_id):
            destination.address = Secret(other.address)
            destination.save()
        teller.tell()

        assert teller.send() == Turn(failed=1)
        assert teller.send(destination) == Turn(sent=1)

    assert is_genuine(other.log[0], secret)
    assert not is_genuine(other.log[0], teller.secret)


# --- other organisations, and closed ones ---


def test_destination_of_another_organisation_cannot_be_sent_to(teller: Teller, theirs: LookAlike) -> None:
    teller.tell()

    turn = send_waiting(
        tenant_id=theirs.tenant.pk, destination_id=teller.destination.pk, environment=teller.environment()
    )

    assert turn == Turn()
    assert teller.receiver.log == []
    with tenant_context(theirs.tenant.pk):
        assert teller.destination.pk not in due_destinations(teller.clock.now)


def test_nothing_is_sent_for_a_closed_organisation(teller: Teller) -> None:
    teller.tell()
    with tenant_context(teller.tenant_id):
        Tenant.objects.filter(pk=teller.tenant_id).update(is_active=False)

    assert teller.send() == Turn()
    with tenant_context(teller.tenant_id):
        assert due_destinations(teller.clock.now) == []


# --- secrets ---


def test_replaced_secret_signs_beside_the_new_one_for_a_day(teller: Teller) -> None:
    with tenant_context(teller.tenant_id):
        new = replace_secret(destination=teller.now_is(), at=teller.clock.now)
    teller.tell("1")
    teller.send()
    teller.pass_time(days=1)
    teller.tell("2")
    teller.send()

    during, after = teller.receiver.log
    assert during.headers["webhook-signature"].count("v1,") == 2
    assert is_genuine(during, teller.secret)
    assert is_genuine(during, new)
    assert after.headers["webhook-signature"].count("v1,") == 1
    assert is_genuine(after, new)
    assert not is_genuine(after, teller.secret)


def test_secrets_are_in_no_log_audit_entry_or_delivery(teller: Teller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    teller.receiver.next_answers.extend([Response(500, {}), Response(302, {}, {"Location": "https://x.example/"})])
    with tenant_context(teller.tenant_id):
        new = replace_secret(destination=teller.now_is(), at=teller.clock.now)
    for key in ("1", "2", "3"):
        teller.tell(key)
    teller.send()

    with tenant_context(teller.tenant_id):
        rows = [*AuditEntry.objects.values(), *Delivery.objects.values(), *Destination.objects.values()]
    seen = " ".join([caplog.text, *(str(row) for row in rows)])
    for word in (HIDDEN_WORD, teller.secret, new, teller.secret.removeprefix("whsec_")):
        assert word not in seen


def test_opened_address_is_audited_once_a_turn(teller: Teller) -> None:
    for key in ("1", "2", "3"):
        teller.tell(key)
    teller.send()

    with tenant_context(teller.tenant_id):
        opened = AuditEntry.objects.filter(action=AuditAction.CREDENTIAL_READ, resource_id=str(teller.destination.pk))
        assert opened.count() == 1


def test_address_that_cannot_be_opened_fails_by_name(teller: Teller) -> None:
    with tenant_context(teller.tenant_id):
        broken = Destination.objects.exclude(pk=teller.destination.pk).first()
        assert broken is None
        other, _ = make_destination(teller.receiver.address, name="Other")
        Destination.objects.filter(pk=teller.destination.pk).update(address=other.address)
    teller.tell()

    assert teller.send() == Turn(failed=1)
    assert teller.delivery().error_code == "credentials_missing"


def test_bug_in_a_sender_is_told_without_its_words(
    teller: Teller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise ValueError(HIDDEN_WORD)

    monkeypatch.setattr("integrations.destinations.webhook.webhook_body", fails)
    teller.tell()

    assert teller.send() == Turn(failed=1)
    assert teller.delivery().error_code == "internal_error"
    assert "ValueError" in caplog.text
    assert HIDDEN_WORD not in caplog.text


def test_body_is_the_same_for_the_same_message(teller: Teller) -> None:
    teller.tell(data={"b": [1, 2], "a": {"z": None, "y": 1.5}})
    teller.send()

    [request] = teller.receiver.log
    assert (
        hashlib.sha256(request.raw).hexdigest()
        == hashlib.sha256(
            json.dumps(json.loads(request.raw), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        ).hexdigest()
    )
    assert datetime.fromisoformat(request.body["timestamp"]).tzinfo == UTC
