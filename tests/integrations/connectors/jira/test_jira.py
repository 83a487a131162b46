"""Jira, played by a small server."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from integrations.enums import SyncStatus
from projects.models import Contributor, FieldChange, IterationMembership, WorkItem
from tenants.isolation.transaction import tenant_context
from tests.integrations.connectors.battery import ConnectorBattery, Played
from tests.integrations.connectors.jira.fake import EMAIL, LONG_HISTORY, TOKEN, FakeJira


class TestJira(ConnectorBattery):
    tool = "JIRA"
    settings = {"base_url": "https://acme.example", "account_email": EMAIL}
    credentials = {"api_token": TOKEN}
    recorded = {
        "items": 4,
        "changes": LONG_HISTORY + 2,
        "iterations": 1,
        "iteration_memberships": 1,
        "milestones": 1,
        "milestone_memberships": 1,
        "links": 1,
        "activities": 1,
    }
    read = {"sprints": 1, "issues": 4}
    item_path = r"/search/jql$"
    edited = "10001"
    deleted = "10004"
    reads_by_post = r"/search/jql$|/changelog/bulkfetch$"

    def make_fake(self) -> FakeJira:
        return FakeJira()

    # --- what only Jira does ---

    def test_long_history_is_whole(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            changes = FieldChange.objects.filter(work_item__external_id="10002", field="status")
            assert changes.count() == LONG_HISTORY

    def test_sprint_is_entered_when_the_history_says(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            stay = IterationMembership.objects.select_related("iteration").get(work_item__external_id="10003")
            assert (stay.iteration.external_id, stay.joined_at.isoformat()) == ("7", "2026-05-05T12:00:00+00:00")

    def test_page_of_an_issue_is_that_of_the_site(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            assert WorkItem.objects.get(external_id="10001", source="jira").url == "https://acme.example/browse/ROCK-1"

    def test_addresses_become_digests_of_the_people_in_the_issues(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            known = Contributor.objects.filter(source="jira").exclude(email_digest="")
            assert len(set(known.values_list("email_digest", flat=True))) == 2  # ann and bob

    @pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
    def test_edit_is_found_whatever_the_zone_of_the_account(self, played: Played, zone: str) -> None:
        played.sync()
        played.fake.edit(self.edited, "Another title", played.clock.now.astimezone(ZoneInfo(zone)))

        result = played.sync()

        assert (result.status, result.updated_count) == (SyncStatus.SUCCEEDED, 1)
        queries = [request.body["jql"] for request in played.fake.log if request.path.endswith("/search/jql")]
        assert not any("-" in jql.split("updated >=")[1] for jql in queries if "updated >=" in jql)

    def test_page_token_that_repeats_is_an_error(self, played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(FakeJira, "_search", lambda *_: {"issues": [], "nextPageToken": "again"})

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "repeated_page")
        assert len(played.fake.log) < 20
