"""monday.com, played by a small server."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from integrations.connectors.monday.answers import judge
from integrations.connectors.monday.mapping import item_facts
from integrations.connectors.monday.payloads import Column, log_moment
from integrations.connectors.monday.roles import roles_of
from integrations.enums import SyncStatus
from integrations.http.answers import Answer
from integrations.http.errors import CheckpointExpired, Forbidden, RateLimited, Unauthorized
from integrations.models import StreamState
from projects.enums import LinkDirection, StatusCategory
from projects.imports.errors import FieldRefused
from projects.models import FieldChange, WorkItemLink
from tenants.isolation.transaction import tenant_context
from tests.integrations.connectors.battery import ConnectorBattery, Played
from tests.integrations.connectors.local_server import Response
from tests.integrations.connectors.monday.fake import BOARD, TOKEN, FakeMonday

DATA_LOST = Response(200, {"data": None, "errors": [{"message": "no", "extensions": {"code": "CursorExpiredError"}}]})


class TestMonday(ConnectorBattery):
    tool = "MONDAY"
    credentials = {"api_token": TOKEN}
    recorded = {"items": 5, "changes": 2, "links": 1, "activities": 2}
    read = {"items": 4, "other_items": 2, "activity": 3, "comments": 1}
    skipped = {"other_items": {"deleted": 1}, "activity": {"other_event": 1}}
    item_path = r"/v2$"
    edited = "101"
    deleted = "104"
    reads_by_post = r"/v2$"

    def make_fake(self) -> FakeMonday:
        return FakeMonday()

    # --- what only monday does ---

    def test_no_query_is_a_mutation(self, played: Played) -> None:
        played.configure(board_ids=[BOARD])
        played.sync()
        played.sync()

        assert [r.body["query"] for r in played.fake.log if not r.body["query"].strip().startswith("query")] == []

    def test_cells_fill_fields_by_type_and_title(self, played: Played) -> None:
        played.sync()

        item = played.item("101")
        assert (item.status_name, item.status_category) == ("Working on it", StatusCategory.IN_PROGRESS)
        assert (item.priority, item.due_date, item.estimate_s) == ("High", date(2026, 7, 1), 9000)
        assert item.assignee is not None

    def test_label_that_the_board_calls_done_is_done_since_it_was_set(self, played: Played) -> None:
        played.sync()

        item = played.item("102")
        assert (item.status_category, item.resolved_at) == (StatusCategory.DONE, datetime(2026, 5, 9, 10, tzinfo=UTC))

    def test_archived_item_stays_live_and_done(self, played: Played) -> None:
        played.sync()
        result = played.sync()

        item = played.item("105")
        assert (item.presence, item.status_category, item.container) == ("LIVE", "DONE", f"{BOARD} (archive)")
        # The copied board had set the status before the item was there.
        assert item.resolved_at == item.opened_at
        assert result.gone_count == 0

    def test_item_that_is_archived_after_all_comes_back_within_a_day(self, played: Played) -> None:
        played.sync()
        played.fake.items["102"]["state"] = "archived"

        played.sync()
        gone = played.item("102").presence
        played.clock.pass_time(24 * 3600)
        played.sync()

        assert (gone, played.item("102").presence) == ("GONE", "LIVE")

    def test_log_gives_the_history_of_the_status(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            changes = FieldChange.objects.filter(work_item__external_id="102").order_by("changed_at")
            assert list(changes.values_list("field", "from_text", "to_text")) == [
                ("status", "No status", "Working on it"),
                ("status", "Working on it", "Done"),
            ]

    def test_dependency_comes_before(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            link = WorkItemLink.objects.get(work_item__external_id="103")
            assert (link.direction, link.link_type, link.target_external_id) == (LinkDirection.INWARD, "Blocks", "101")

    def test_later_reading_stops_at_what_it_knows(self, played: Played) -> None:
        played.sync()
        played.fake.log.clear()

        played.sync()

        full = [r for r in played.fake.log if "items_page" in r.body["query"] and "name state" in r.body["query"]]
        assert len(full) == 1

    @pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
    def test_edit_is_found_whatever_the_zone_of_the_account(self, played: Played, zone: str) -> None:
        played.sync()
        at = played.clock.now.astimezone(ZoneInfo(zone))
        played.fake.items[self.edited].update(name="Another title", updated_at=at.isoformat())

        assert played.sync().updated_count == 1

    def test_boards_of_the_settings_are_all_that_is_read(self, played: Played) -> None:
        played.configure(board_ids=[BOARD, "99"])
        played.fake.items["107"] = {**played.fake.items["105"], "id": "107", "board": {"id": "98"}}

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "not_found")
        assert result.created_count == 5

    def test_plan_that_lists_no_items_without_ids_lacks_the_archive_only(self, played: Played) -> None:
        played.fake.lists_all_items = False

        result = played.sync()

        assert (result.status, result.created_count) == (SyncStatus.SUCCEEDED, 4)
        assert result.streams["other_items"]["skipped"] == {"not_offered": 1}

    def test_cursor_that_died_begins_the_board_anew(self, played: Played) -> None:
        played.kill_after(1)
        with tenant_context(played.tenant_id):
            states = StreamState.objects.filter(integration_id=played.integration_id, stream="items")
            assert states.update(checkpoint={"cursor": "4"}, newest="") == 1
        played.fake.next_answers.append(DATA_LOST)

        result = played.sync()

        assert (result.status, played.counts()["items"]) == (SyncStatus.SUCCEEDED, 5)

    @pytest.mark.parametrize("member", ["items", "boards", "updates"])
    def test_page_that_repeats_is_an_error(self, played: Played, monkeypatch: pytest.MonkeyPatch, member: str) -> None:
        name = {"items": "_all_items", "boards": "_boards", "updates": "_updates"}[member]
        same = getattr(FakeMonday, name)
        monkeypatch.setattr(FakeMonday, name, lambda fake, variables: same(fake, {**variables, "page": 1}))

        result = played.sync()

        assert (result.status != SyncStatus.SUCCEEDED, result.error_code) == (True, "repeated_page")
        assert len(played.fake.log) < 30

    def test_cursor_that_repeats_is_an_error(self, played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(FakeMonday, "_items", lambda *_: {"items": [], "cursor": "2"})

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "repeated_page")
        assert len(played.fake.log) < 30

    def test_error_inside_of_a_good_answer_is_an_error(self, played: Played) -> None:
        played.fake.broken[self.item_path] = Response(
            200, {"data": {"boards": []}, "errors": [{"message": "x", "extensions": {"code": "UndefinedField"}}]}
        )

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.FAILED, "refused")
        assert "UndefinedField" in result.error_message

    def test_wait_that_the_tool_names_is_kept(self, played: Played) -> None:
        played.fake.next_answers.append(played.fake.too_many)

        played.sync()

        assert 7 <= played.clock.slept[0] < 8

    def test_connection_test_says_that_another_version_answers(self, played: Played) -> None:
        played.fake.version = "2027-01"

        report = self._check(played)

        assert any("2027-01" in note for note in report.notes)


@pytest.mark.parametrize(
    ("body", "kind", "wait_s"),
    [
        ('{"error_code": "ComplexityException", "status_code": 429}', RateLimited, None),
        ('{"errors": [{"extensions": {"code": "DAILY_LIMIT_EXCEEDED", "retry_in_seconds": 90}}]}', RateLimited, 90.0),
        ('{"errors": [{"extensions": {"code": "CursorException"}}], "data": null}', CheckpointExpired, None),
        ('{"errors": [{"extensions": {"code": "UserUnauthorizedException"}}]}', Forbidden, None),
        ('{"errors": [{"extensions": {"code": "Unauthorized"}}]}', Unauthorized, None),
    ],
)
def test_error_is_told_by_its_code(body: str, kind: type[Exception], wait_s: float | None) -> None:
    error = judge(Answer(200, {"content-type": "application/json"}, body.encode()))

    assert type(error) is kind
    assert error is not None
    assert error.retry_after_s == wait_s


def test_moment_of_the_log_has_seventeen_digits() -> None:
    assert log_moment("16872631837419768") == datetime(2023, 6, 20, 12, 13, 3, 741977, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "168726318", "-6872631837419768"])
def test_moment_of_the_log_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(FieldRefused):
        log_moment(text)


def test_settings_choose_the_column() -> None:
    columns = [
        Column(id="a", title="Status", kind="status"),
        Column(id="b", title="Build", kind="status", done=frozenset({"1"})),
    ]

    assert roles_of(columns, {}).status == columns[0]
    assert roles_of(columns, {"status_column": "build"}).status == columns[1]


def test_item_of_a_board_that_is_not_shown_is_read_by_its_cells() -> None:
    sent = {
        "id": "5",
        "name": "Paint",
        "created_at": "2026-05-01T08:00:00Z",
        "board": {"id": "77"},
        "column_values": [
            {"id": "task_status", "text": "Working on it", "value": {"index": 0}},
            {"id": "date4", "__typename": "DateValue", "text": "2026-05-04", "value": '{"date": "2026-05-04"}'},
        ],
    }

    batch = item_facts(sent, roles=None, container="77", first_seen_at=datetime(2026, 6, 1, tzinfo=UTC))

    item = batch.items[0]
    assert (item.status_name, item.status_category, item.due_date) == ("Working on it", "IN_PROGRESS", date(2026, 5, 4))


def test_board_without_status_goes_by_its_groups() -> None:
    sent = {"id": "5", "created_at": "2026-05-01T08:00:00Z", "group": {"id": "g", "title": "Done"}}

    item = item_facts(sent, roles=roles_of([], {}), container="77", first_seen_at=datetime(2026, 6, 1, tzinfo=UTC))

    assert item.items[0].status_category == StatusCategory.DONE
