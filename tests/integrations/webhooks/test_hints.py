"""What hints do to runs: they hurry them, no hint is lost, none hurries what is held, and deletions are found soon."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.domain.receiving import Outcome, receive
from integrations.domain.syncing import due_integrations, presence
from integrations.domain.webhook_addresses import find_address, make_address
from integrations.enums import IntegrationStatus, SyncStatus
from integrations.models import IncomingDelivery, IncomingWebhook, Integration, StreamState
from tenants.encryption.secret import Secret
from tenants.isolation.queue import own_jobs
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.integrations.connectors.battery import Played
from tests.integrations.connectors.github.fake import REPOSITORY, TOKEN, FakeGitHub
from tests.integrations.connectors.local_server import Response, serving
from tests.integrations.webhooks.signing import github

pytestmark = pytest.mark.django_db
SECRET = "shared-secret-of-github"
GAP = timedelta(minutes=1)


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    tool = FakeGitHub()
    with serving(tool):
        yield tool


class Hinted(Played):
    """A played GitHub that also sends webhooks."""

    url: str = ""
    sent: int = 0

    def hint(self, payload: Any = None) -> Outcome:
        """One message, now by the clock of the runs."""
        address = find_address(self.url.rstrip("/").rpartition("/")[2])
        assert address is not None
        self.sent += 1
        body = payload or {"action": "edited", "issue": {"n": self.sent}, "repository": {"full_name": REPOSITORY}}
        return receive(address, github(SECRET, self.url, 0, body).sent(), at=self.clock.now).outcome

    def deletes(self, repository: str = REPOSITORY) -> Outcome:
        return self.hint({"action": "deleted", "issue": {"n": self.sent}, "repository": {"full_name": repository}})

    def is_due(self) -> bool:
        with tenant_context(self.tenant_id):
            return self.integration_id in due_integrations(self.clock.now)

    def jobs(self) -> int:
        with tenant_context(self.tenant_id):
            return len(own_jobs(subject=self.integration_id))

    def webhook(self) -> IncomingWebhook:
        with tenant_context(self.tenant_id):
            found: IncomingWebhook = IncomingWebhook.objects.get(integration_id=self.integration_id)
            return found


@pytest.fixture
def played(ours: LookAlike, fake: FakeGitHub) -> Hinted:
    """Everything has been read once, just now; the interval is an hour."""
    with tenant_context(ours.tenant.pk):
        Integration.objects.all()._raw_delete("default")
        integration = Integration(
            project=ProjectFactory.create(),
            name="Code",
            type="GITHUB",
            status=IntegrationStatus.ACTIVE,
            config={"repositories": [REPOSITORY]},
            credentials=Secret.of_json({"token": TOKEN}),
        )
        integration.save()
        made = make_address(integration=integration, at=timezone.now(), secret=SECRET)
    found = Hinted(fake, ours.tenant.pk, integration.pk)
    found.url = made.url
    found.sync()
    return found


def test_hint_brings_the_next_run_forward(played: Hinted) -> None:
    played.clock.pass_time(300)
    before = played.is_due()
    played.fake.edit("1005", "Renamed", played.clock.now)

    taken = played.hint()

    assert (before, taken, played.is_due(), played.jobs()) == (False, Outcome.TAKEN, True, 1)
    played.sync()
    assert played.title_of("1005") == "Renamed"
    assert played.is_due() is False


def test_hints_right_after_a_run_began_wait_for_the_gap(played: Hinted) -> None:
    played.clock.pass_time(20)
    for _ in range(100):
        played.hint()
    soon = (played.is_due(), played.jobs())

    played.clock.pass_time(GAP.total_seconds() - 20)

    assert soon == (False, 0)
    assert played.is_due() is True


def test_storm_of_hints_in_a_minute_begins_one_run(played: Hinted) -> None:
    """The worker's tick comes once a minute; whatever is due then is read once."""
    played.clock.pass_time(600)
    runs = 0
    for _ in range(20):
        played.hint()
        if played.is_due():
            runs += 1
            played.clock.pass_time(-3600)  # a run passes an hour by the clock of the tests
            played.sync()
        played.clock.pass_time(3)

    assert runs == 1
    assert played.is_due() is True  # for those that came after it began


def test_hint_during_a_run_makes_another_one_due(played: Hinted) -> None:
    """Also of a place that the run has passed already."""
    seen: list[Outcome] = []

    def watch(_: object) -> None:
        if not seen:
            played.clock.pass_time(1)
            seen.append(played.hint())

    played.sync(on_step=watch)
    after = played.is_due()
    played.clock.pass_time(GAP.total_seconds())

    assert (seen, after, played.is_due()) == ([Outcome.TAKEN], False, True)


def test_run_that_began_right_after_a_hint_is_followed_by_another(played: Hinted) -> None:
    """The tool's list may not have shown yet what it hinted at."""
    played.clock.pass_time(300)
    played.hint()
    played.clock.pass_time(-3596)  # a run passes an hour by the clock of the tests: it begins 4 s later
    played.sync()
    soon = played.is_due()
    played.clock.pass_time(GAP.total_seconds())

    assert (soon, played.is_due()) == (False, True)
    played.sync()
    assert played.is_due() is False


def test_hint_before_a_kill_is_not_lost(played: Hinted) -> None:
    played.kill_after(1)
    played.clock.pass_time(5)
    played.hint()
    played.clock.pass_time(-3600)
    played.sync()

    played.clock.pass_time(GAP.total_seconds())

    assert played.is_due() is True


def test_hint_does_not_break_the_pause_that_the_tool_asked_for(played: Hinted) -> None:
    played.fake.broken["/issues$"] = Response(429, {}, {"Retry-After": "3000"})
    played.sync()
    played.fake.broken.clear()
    played.clock.pass_time(1000)

    played.hint()
    held = (played.is_due(), played.jobs())
    played.clock.pass_time(2100)

    assert held == (False, 0)
    assert played.is_due() is True


def test_hint_does_not_shorten_the_wait_after_failures(played: Hinted) -> None:
    played.fake.token_is_bad()
    assert played.sync().status == SyncStatus.FAILED
    played.clock.pass_time(120)

    played.hint()

    assert (played.is_due(), played.jobs()) == (False, 0)
    assert played.webhook().held_until is not None


def test_hint_hurries_again_after_a_good_run(played: Hinted) -> None:
    played.fake.broken["/issues$"] = Response(403, {})
    assert played.sync().status == SyncStatus.PARTIAL  # refused, without a pause: nothing is held

    assert played.webhook().held_until is None


def test_switched_off_integration_is_not_made_due(played: Hinted) -> None:
    played.clock.pass_time(300)
    played.hint()
    with tenant_context(played.tenant_id):
        Integration.objects.update(status=IntegrationStatus.INACTIVE)

    assert played.is_due() is False


# --- deletions ---


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every container is one whose census is taken once a day."""
    monkeypatch.setattr(presence, "SMALL_CONTAINER", 0)


@pytest.mark.usefixtures("large")
def test_deletion_that_was_hinted_at_is_found_by_the_next_run(played: Hinted) -> None:
    played.fake.delete("1005")
    played.sync()
    unseen = played.presence_of("1005")

    played.deletes()
    played.sync()

    assert (unseen, played.presence_of("1005")) == ("LIVE", "GONE")


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("repository", [REPOSITORY.upper(), "\u0000"])
def test_deletion_is_found_however_the_place_is_written(repository: str, played: Hinted) -> None:
    played.fake.delete("1005")
    played.deletes(repository)
    played.sync()

    assert played.presence_of("1005") == "GONE"


@pytest.mark.usefixtures("large")
def test_deletion_elsewhere_and_one_that_was_looked_for_take_no_census(played: Hinted) -> None:
    played.deletes()
    played.sync()
    with tenant_context(played.tenant_id):
        taken_at = StreamState.objects.get(integration_id=played.integration_id, stream="issues").census_at

    played.deletes("acme/other")
    played.sync()

    with tenant_context(played.tenant_id):
        assert StreamState.objects.get(integration_id=played.integration_id, stream="issues").census_at == taken_at


@pytest.mark.usefixtures("large")
def test_deletion_while_the_census_is_taken_is_looked_for_again(
    played: Hinted, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown_ids = presence.PresenceCheck._shown_ids

    def shown_before_it(self: Any, *where: Any) -> list[str]:
        found = shown_ids(self, *where)
        played.clock.pass_time(1)
        played.fake.delete("1005")
        played.deletes()
        return found

    played.deletes()
    with monkeypatch.context() as during:
        during.setattr(presence.PresenceCheck, "_shown_ids", shown_before_it)
        played.sync()
    unseen = played.presence_of("1005")
    played.sync()

    assert (unseen, played.presence_of("1005")) == ("LIVE", "GONE")


# --- retention ---


def test_deliveries_go_after_a_week(played: Hinted) -> None:
    played.hint()
    played.clock.pass_time(timedelta(days=7).total_seconds() - 7200)
    played.sync()
    kept = _deliveries(played)

    played.clock.pass_time(7200)
    played.sync()

    assert (kept, _deliveries(played)) == (1, 0)


def _deliveries(played: Hinted) -> int:
    with tenant_context(played.tenant_id):
        return IncomingDelivery.objects.filter(integration_id=played.integration_id).count()
