"""Jira, played by a small server."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from integrations.enums import SyncStatus
from projects.models import Contributor, FieldChange, IterationMembership, TimeEntry, WorkItem
from tenants.isolation.transaction import tenant_context
from tests.integrations.connectors.battery import ConnectorBattery, Played
from tests.integrations.connectors.jira.fake import EMAIL, LONG_HISTORY, TOKEN, FakeJira, FakeJiraDataCenter, worklog


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
        "time_entries": 4,
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
            assert len(set(known.values_list("email_digest", flat=True))) == 3  # ann, bob and cyd

    def test_times_are_rows_of_their_own_and_follow_what_the_tool_corrects(self, played: Played) -> None:
        played.sync()
        played.fake.issues["10004"]["fields"]["worklog"] = {"worklogs": [worklog(910, spent_s=900)], "total": 1}
        played.fake.issues["10002"]["fields"]["worklog"] = {"worklogs": [worklog(902)], "total": 1}
        for changed in ("10002", "10004"):
            played.fake.edit(changed, "Changed", played.clock.now)

        played.sync()
        again = played.sync()

        with tenant_context(played.tenant_id):
            entries = TimeEntry.objects.filter(source="jira", work_item__key__startswith="ROCK-").order_by(
                "external_id"
            )
            assert [(entry.external_id, entry.duration_s, entry.removed_at is None) for entry in entries] == [
                ("901", 3600, False),
                ("902", 3600, True),
                ("903", 3600, False),
                ("910", 900, True),
            ]
            assert {(str(entry.worked_on_date), entry.contributor is None) for entry in entries} == {
                ("2026-05-04", False)
            }
        assert again.streams["issues"].get("facts", 0) == 0

    def test_times_that_are_not_shown_take_none_away(self, played: Played) -> None:
        played.sync()
        del played.fake.issues["10004"]["fields"]["worklog"]
        played.fake.edit("10004", "Changed", played.clock.now)

        played.sync()

        with tenant_context(played.tenant_id):
            assert TimeEntry.objects.get(source="jira", external_id="910").removed_at is None

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


class TestJiraDataCenter(ConnectorBattery):
    """The same issues, read from a server of one's own."""

    tool = "JIRA"
    settings = {"base_url": "https://jira.acme.example", "deployment": "data_center"}
    credentials = {"api_token": TOKEN}
    recorded = TestJira.recorded
    read = {"sprints": 1, "issues": 4}
    item_path = r"/rest/api/2/search$"
    edited = "10001"
    deleted = "10004"

    def make_fake(self) -> FakeJiraDataCenter:
        return FakeJiraDataCenter()

    def test_history_is_whole_and_the_sprint_is_entered_when_it_says(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            changes = FieldChange.objects.filter(work_item__external_id="10002", field="status")
            stay = IterationMembership.objects.select_related("iteration").get(work_item__external_id="10003")
            assert changes.count() == LONG_HISTORY
            assert (stay.iteration.external_id, stay.joined_at.isoformat()) == ("7", "2026-05-05T12:00:00+00:00")

    def test_page_that_comes_again_is_an_error_and_nobody_is_gone(
        self, played: Played, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        played.sync()
        played.forget()
        own = FakeJiraDataCenter._search_by_start
        monkeypatch.setattr(
            FakeJiraDataCenter,
            "_search_by_start",
            lambda fake, sent: own(fake, replace(sent, query={**sent.query, "startAt": "0"})),
        )

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "repeated_page")
        assert played.lost_items() == 0
