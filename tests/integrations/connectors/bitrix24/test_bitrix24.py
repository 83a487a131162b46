"""Bitrix24, played by a small server."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integrations.connectors.bitrix24.client import judge
from integrations.connectors.bitrix24.mapping import task_facts
from integrations.enums import SyncStatus
from integrations.http.answers import Answer
from integrations.http.errors import Forbidden, RateLimited, Refused, ToolError, Unauthorized
from projects.enums import ActivityRole, Presence, StatusCategory
from projects.imports.errors import FieldRefused
from projects.models import ActivityEvent, FieldChange, IterationMembership, TimeEntry, WorkItem
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import tenant_context
from tests.integrations.connectors.battery import ConnectorBattery, Played
from tests.integrations.connectors.bitrix24.fake import CODE, TEAM, USER, FakeBitrix24
from tests.integrations.connectors.local_server import Response

SEEN_AT = datetime(2026, 6, 1, tzinfo=UTC)


class TestBitrix24(ConnectorBattery):
    tool = "BITRIX24"
    settings = {"base_url": "https://acme.example", "user_id": USER}
    credentials = {"webhook_code": CODE}
    recorded = {
        "items": 5,
        "changes": 5,
        "iterations": 1,
        "iteration_memberships": 1,
        "activities": 1,
        "time_entries": 2,
    }
    read = {"sprints": 1, "tasks": 5, "history": 12}
    skipped = {"tasks": {"creation_unknown": 1}}
    item_path = r"/tasks\.task\.list$"
    edited = "11"
    deleted = "14"
    reads_by_post = (
        r"/(profile|scope|tasks\.task\.list|tasks\.task\.history\.list|task\.elapseditem\.getlist|tasks\.api\.scrum\.sprint\.list"
        r"|socialnetwork\.api\.workgroup\.list)$"
    )

    def make_fake(self) -> FakeBitrix24:
        return FakeBitrix24()

    # --- what only Bitrix24 does ---

    def test_numbers_that_come_as_text_fill_fields(self, played: Played) -> None:
        played.sync()

        item = played.item("11")
        assert (item.estimate_s, item.spent_s, item.comment_count, item.labels) == (9000, 600, 2, ["garden"])
        assert (item.priority, item.container, item.url.startswith("https://acme.example/")) == ("Normal", TEAM, True)

    def test_deadline_is_the_day_that_the_account_sees(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            change = FieldChange.objects.get(work_item__external_id="12", field="due_date")
        assert (played.item("11").due_date, change.to_text) == (date(2026, 7, 1), "2026-07-01")

    def test_history_gives_statuses_once_and_comments_as_events(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            changes = FieldChange.objects.filter(work_item__external_id="12", field="status").order_by("changed_at")
            assert list(changes.values_list("from_text", "to_text")) == [
                ("Pending", "In progress"),
                ("In progress", "Completed"),
            ]
            assert ActivityEvent.objects.get(work_item__external_id="12").contributor_role == ActivityRole.ASSIGNEE

    def test_times_follow_what_the_tool_corrects_until_there_are_none(self, played: Played) -> None:
        played.sync()
        before = self._times(played)
        played.fake.times[11] = [played.fake.times[11][0] | {"SECONDS": "450"}]
        played.fake.edit("11", "Changed", played.clock.now)
        played.sync()
        corrected = self._times(played)
        played.fake.tasks["11"]["timeSpentInLogs"] = None
        played.fake.edit("11", "Changed again", played.clock.now)
        played.sync()

        assert before == [(300, "2026-05-12", True), (300, "2026-05-12", True)]
        assert corrected == [(450, "2026-05-12", True), (300, "2026-05-12", False)]
        assert [is_kept for *_, is_kept in self._times(played)] == [False, False]

    def test_portal_without_times_still_reads(self, played: Played) -> None:
        played.fake.missing_methods.add("task.elapseditem.getlist")

        result = played.sync()

        assert (result.status, result.created_count) == (SyncStatus.SUCCEEDED, 5)
        assert result.streams["tasks"]["skipped"]["time_entries_not_offered"] == 1

    def _times(self, played: Played) -> list[tuple[int, str, bool]]:
        with tenant_context(played.tenant_id):
            entries = TimeEntry.objects.filter(work_item__external_id="11", source="bitrix24").order_by("external_id")
            return [(each.duration_s, str(each.worked_on_date), each.removed_at is None) for each in entries]

    def test_sprint_is_entered_when_the_history_says(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            stay = IterationMembership.objects.select_related("iteration").get(work_item__external_id="12")
            assert (stay.iteration.external_id, stay.joined_at) == ("70", datetime(2026, 5, 13, 9, tzinfo=UTC))

    def test_task_without_its_creation_counts_from_the_first_reading(self, played: Played) -> None:
        played.fake.tasks["15"].update(changedDate=None, statusChangedDate=None)
        played.sync()
        began_at = played.item("15").opened_at

        played.sync()

        assert abs((began_at - played.clock.now).total_seconds() + 3600) < 60
        assert played.item("15").opened_at == began_at

    @pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
    def test_edit_is_found_whatever_the_zone_of_the_account(self, played: Played, zone: str) -> None:
        played.sync()
        at = played.clock.now.astimezone(ZoneInfo(zone))
        played.fake.tasks[self.edited].update(title="Another title", changedDate=at.isoformat())

        assert played.sync().updated_count == 1

    def test_group_that_is_emptied_is_gone_and_not_hidden(self, played: Played) -> None:
        played.sync()
        for number in ("11", "12", "13"):
            played.fake.delete(number)

        result = played.sync()

        assert (result.status, result.gone_count, result.hidden_count) == (SyncStatus.SUCCEEDED, 3, 0)

    def test_census_that_fails_on_its_way_goes_on_in_another_pass(self, played: Played) -> None:
        played.sync()
        played.fake.delete("13")
        played.fake.bad_moments_of_census = 3
        played.fake.log.clear()

        result = played.sync()

        assert (result.status, result.gone_count) == (SyncStatus.SUCCEEDED, 1)
        asked = [request.body for request in played.fake.log if request.path.endswith("task.list")]
        begun = [body for body in asked if body["select"] == ["ID"] and body["filter"][">ID"] == "0"]
        assert len(begun) == 2  # one for each group

    def test_groups_that_are_not_listed_are_found_by_their_tasks(self, played: Played) -> None:
        played.fake.missing_methods.add("socialnetwork.api.workgroup.list")
        for number, group in (("21", "900"), ("22", "31"), ("23", "6")):
            played.fake.tasks[number] = {**played.fake.tasks["13"], "id": number, "groupId": group}
            played.fake.histories[int(number)] = []

        result = played.sync()

        assert (result.status, result.created_count) == (SyncStatus.SUCCEEDED, 8)
        with tenant_context(played.tenant_id):
            containers = WorkItem.objects.filter(source="bitrix24").values_list("container", flat=True)
            assert set(containers) == {"0", "5", "6", "31", "900"}

    def test_groups_of_the_settings_are_all_that_is_read(self, played: Played) -> None:
        played.configure(**self.settings, group_ids=[TEAM, "404"])

        result = played.sync()

        assert (result.status, result.error_code, result.created_count) == (SyncStatus.PARTIAL, "not_found", 3)

    def test_portal_without_histories_lacks_them_only(self, played: Played) -> None:
        played.fake.missing_methods.add("tasks.task.history.list")

        result = played.sync()

        assert (result.status, result.created_count) == (SyncStatus.SUCCEEDED, 5)
        assert sum(request.path.endswith("history.list") for request in played.fake.log) == 2

    def test_task_whose_history_is_refused_stops_no_other(self, played: Played) -> None:
        played.fake.refused_histories.add(11)

        result = played.sync()

        assert (result.status, result.streams["history"]["skipped"]) == (SyncStatus.SUCCEEDED, {"vanished": 1})
        assert played.counts()["changes"] == self.recorded["changes"]

    def test_page_that_repeats_is_an_error(self, played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
        played.configure(**self.settings, group_ids=[TEAM])
        same = [{"id": "11", "status": "2", "groupId": TEAM}]
        monkeypatch.setattr(FakeBitrix24, "_list", lambda *_: {"result": {"tasks": same}})

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "repeated_page")
        assert len(played.fake.log) < 20

    def test_error_inside_of_a_good_answer_is_an_error(self, played: Played) -> None:
        played.fake.broken[self.item_path] = Response(200, {"error": "0", "error_description": "Unknown error"})

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.FAILED, "refused")

    def test_two_requests_a_second_are_not_passed(self, played: Played) -> None:
        played.sync()

        assert sum(played.clock.slept) >= 0.5 * (len(played.fake.log) - 1)

    def test_connection_test_names_the_missing_permission(self, played: Played) -> None:
        played.fake.broken[self.item_path] = Response(401, {"error": "insufficient_scope"})

        report = self._check(played)

        assert (report.is_ok, report.missing_scopes) == (False, ("task",))

    def test_whole_address_in_place_of_the_code_is_refused_before_it_is_sent(self, played: Played) -> None:
        with tenant_context(played.tenant_id):
            row = played.integration
            row.credentials = Secret.of_json({"webhook_code": f"https://acme.example/rest/{USER}/{CODE}/"})
            row.save()

        report = self._check(played)

        assert report.error is not None
        assert (report.error.code, played.fake.log) == ("unauthorized", [])
        assert CODE not in report.error.message

    def test_lost_group_hides_and_tasks_without_a_group_stay(self, played: Played) -> None:
        played.sync()
        played.fake.revoke()

        result = played.sync()

        assert (result.hidden_count, played.presence_of("14")) == (3, Presence.LIVE)


@pytest.mark.parametrize(
    ("status", "body", "kind", "wait_s"),
    [
        (503, '{"error": "QUERY_LIMIT_EXCEEDED"}', RateLimited, 1.0),
        (
            429,
            '{"error": "OPERATION_TIME_LIMIT", "time": {"finish": 100.5, "operating_reset_at": 190}}',
            RateLimited,
            89.5,
        ),
        (429, '{"error": "OPERATION_TIME_LIMIT"}', RateLimited, None),
        (401, '{"error": "expired_token"}', Unauthorized, None),
        (401, '{"error": "insufficient_scope"}', Forbidden, None),
        (200, '{"error": {"code": "BITRIX_REST_V3_EXCEPTION"}}', Refused, None),
    ],
)
def test_error_is_told_by_its_code(status: int, body: str, kind: type[ToolError], wait_s: float | None) -> None:
    error = judge(Answer(status, {"content-type": "application/json"}, body.encode()))

    assert type(error) is kind
    assert error is not None
    assert error.retry_after_s == wait_s


def test_status_that_is_not_known_is_work_under_way() -> None:
    batch = task_facts({"id": 5, "status": 9}, group_id="0", site="", first_seen_at=SEEN_AT)

    assert (batch.items[0].status_name, batch.items[0].status_category) == ("Status 9", StatusCategory.IN_PROGRESS)
    assert batch.statuses[0].is_guessed


@pytest.mark.parametrize(
    ("member", "value", "field"),
    [
        ("deadline", "tomorrow", "deadline"),
        ("createdDate", "2026-05-01 10:00", "createdDate"),
        ("timeEstimate", "long", "timeEstimate"),
        ("accomplices", "8", "accomplices"),
        ("tags", "garden", "tags"),
        ("status", None, "status"),
    ],
)
def test_member_of_another_form_is_refused_by_name(member: str, value: Any, field: str) -> None:
    sent = {"id": "5", "status": "2", member: value}

    with pytest.raises(FieldRefused) as refused:
        task_facts(sent, group_id="0", site="", first_seen_at=SEEN_AT)

    assert refused.value.field == field
