"""Asana, played by a small server."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from integrations.connectors.asana.mapping import task_facts
from integrations.connectors.asana.payloads import parse_task
from integrations.enums import SyncStatus
from integrations.models import StreamState
from projects.enums import ActivityKind, LinkDirection, Presence, StatusCategory
from projects.imports.errors import FieldRefused
from projects.models import ActivityEvent, FieldChange, TimeEntry, WorkflowStatus, WorkItem, WorkItemLink
from tenants.isolation.transaction import tenant_context
from tests.integrations.connectors.asana.fake import GARDEN, HOUSE, TOKEN, FakeAsana, section, story
from tests.integrations.connectors.battery import ConnectorBattery, Played
from tests.integrations.connectors.local_server import Response


class TestAsana(ConnectorBattery):
    tool = "ASANA"
    credentials = {"token": TOKEN}
    recorded = {"items": 10, "changes": 10, "links": 1, "activities": 2, "time_entries": 2}
    read = {"tasks": 8, "subtasks": 3}
    skipped = {"tasks": {"counted_in_another_project": 1}}
    item_path = r"/projects/\d+/tasks$"
    edited = "1002"
    deleted = "1004"

    def make_fake(self) -> FakeAsana:
        return FakeAsana()

    # --- tasks in several projects ---

    def test_task_of_two_projects_is_one_item_of_the_first(self, played: Played) -> None:
        played.sync()

        assert played.item("1003").container == HOUSE
        assert played.item("1008").container == GARDEN

    def test_task_that_leaves_its_first_project_stays_an_item(self, played: Played) -> None:
        played.sync()
        task = played.fake.tasks["1003"]
        task["projects"], task["memberships"] = [{"gid": GARDEN}], [task["memberships"][1]]
        played.fake.edit("1003", "Moved", played.clock.now)

        result = played.sync()

        assert (result.gone_count, result.hidden_count) == (0, 0)
        assert played.item("1003").container == GARDEN
        assert played.item("1003").presence == Presence.LIVE

    # --- times ---

    def test_times_follow_what_the_tool_corrects(self, played: Played) -> None:
        played.sync()
        played.fake.times["1001"][0]["duration_minutes"] = 75
        del played.fake.times["1001"][1]
        played.fake.edit("1001", "Changed", played.clock.now)

        played.sync()

        with tenant_context(played.tenant_id):
            entries = TimeEntry.objects.filter(work_item__external_id="1001").order_by("external_id")
            told = [(entry.duration_s, str(entry.worked_on_date), entry.removed_at is None) for entry in entries]
            assert told == [(4500, "2026-05-03", True), (1800, "2026-05-04", False)]

    @pytest.mark.parametrize("status", [402, 403])
    def test_plan_without_time_tracking_is_named_and_fails_nothing(self, played: Played, status: int) -> None:
        played.fake.broken["/time_tracking_entries$"] = Response(status, {"errors": [{"message": "Not available"}]})

        result = played.sync()

        assert (result.status, result.created_count) == (SyncStatus.SUCCEEDED, self.recorded["items"])
        assert result.streams["tasks"]["skipped"]["time_entries_not_offered"] == 1

    # --- subtasks ---

    def test_subtasks_below_subtasks_are_items_with_their_parents(self, played: Played) -> None:
        played.sync()

        parents = {gid: played.item(gid).parent_external_id for gid in ("1005", "1006", "1007")}
        assert parents == {"1005": "1003", "1006": "1003", "1007": "1006"}
        assert played.item("1007").container == HOUSE

    def test_edit_of_a_subtask_that_leaves_its_parent_as_it_was_is_found(self, played: Played) -> None:
        played.sync()
        played.fake.edit("1007", "Another name below", played.clock.now)

        result = played.sync()

        assert (result.updated_count, played.title_of("1007")) == (1, "Another name below")
        assert result.streams["subtasks"]["read"] == 1

    def test_deleted_subtask_is_gone(self, played: Played) -> None:
        played.sync()
        played.fake.delete("1005")
        played.fake.tasks["1003"]["num_subtasks"] = 1

        result = played.sync()

        assert (result.gone_count, played.presence_of("1005")) == (1, Presence.GONE)
        assert played.presence_of("1007") == Presence.LIVE

    def test_old_subtasks_come_with_a_task_that_is_new_here(self, played: Played) -> None:
        played.fake.tasks["1003"]["projects"] = []
        assert played.sync().created_count == 6
        played.fake.tasks["1003"]["projects"] = [{"gid": HOUSE}]
        played.fake.edit("1003", "Came later", played.clock.now)

        result = played.sync()

        assert result.created_count == 4
        assert played.presence_of("1007") == Presence.LIVE

    # --- presence ---

    def test_named_project_that_is_not_shown_is_an_error_and_the_others_are_read(self, played: Played) -> None:
        played.configure(project_gids=[HOUSE, "555"])

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "not_found")
        assert result.created_count == 7

    def test_connection_test_names_a_project_that_is_not_shown(self, played: Played) -> None:
        played.configure(project_gids=[HOUSE, "555"])

        report = self._check(played)

        assert report.is_ok
        assert report.notes == ("Project 555 is not shown to this account.",)

    # --- edits in other time zones ---

    @pytest.mark.parametrize(
        "moment", ["2026-06-01T09:30:00-04:00", "2026-06-01T19:00:00+05:30", "2026-06-02T01:30+12"]
    )
    def test_edit_is_found_whatever_the_clock_of_its_author(self, played: Played, moment: str) -> None:
        played.sync()
        played.fake.edit(self.edited, "From far away", datetime.fromisoformat(moment))

        assert played.sync().updated_count == 1

    def test_moments_are_asked_for_in_utc(self, played: Played) -> None:
        played.sync()
        played.fake.log.clear()
        played.sync()

        asked = {request.query["modified_since"] for request in played.fake.log if "modified_since" in request.query}
        assert asked == {"2026-05-06T08:55:00.000Z", "2026-05-10T08:55:00.000Z"}

    # --- pages ---

    def test_page_token_that_repeats_ends_the_stream_with_an_error(self, played: Played) -> None:
        page = {"data": [], "next_page": {"offset": "again"}}
        played.fake.broken[rf"/projects/{HOUSE}/tasks$"] = Response(200, page)

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "repeated_page")
        assert played.presence_of("1008") == Presence.LIVE

    def test_page_token_that_died_begins_the_list_anew(self, played: Played) -> None:
        played.sync()
        with tenant_context(played.tenant_id):
            StreamState.objects.filter(stream="tasks", partition=HOUSE).update(
                cursor="", checkpoint={"offset": "dead", "done": []}
            )

        result = played.sync()

        assert (result.status, result.error_message) == (SyncStatus.SUCCEEDED, "")
        assert result.unchanged_count == 6  # four of the house, and two within the overlap of the others

    def test_error_inside_of_a_good_answer_is_an_error(self, played: Played) -> None:
        played.fake.broken[self.item_path] = Response(200, {"errors": [{"message": "no"}]})

        result = played.sync()

        assert (result.status, result.error_code, result.created_count) == (
            SyncStatus.FAILED,
            "unexpected_answer",
            0,
        )

    # --- facts ---

    def test_history_of_a_task_goes_through_its_sections_to_completion(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            changes = FieldChange.objects.filter(work_item__external_id="1001", field="status").order_by("changed_at")
            assert [(change.from_text, change.to_text) for change in changes] == [
                ("To do", "Doing"),
                ("Doing", "Completed"),
            ]
            statuses = dict(WorkflowStatus.objects.filter(source="asana").values_list("name", "category"))
        assert statuses == {
            "To do": StatusCategory.TODO,
            "Doing": StatusCategory.IN_PROGRESS,
            "Waiting for paint": StatusCategory.IN_PROGRESS,
            "Beds": StatusCategory.IN_PROGRESS,
            "Incomplete": StatusCategory.TODO,
            "Completed": StatusCategory.DONE,
        }

    def test_item_has_what_the_task_says(self, played: Played) -> None:
        played.sync()

        item = played.item("1002")
        assert (item.due_date, item.estimate_points, item.estimate_s) == (date(2026, 6, 10), 5.0, 7200)
        assert (item.priority, item.labels, item.status_name) == ("High", ["paint"], "Waiting for paint")
        done = played.item("1001")
        assert (done.resolved_at, done.spent_s) == (datetime(2026, 5, 4, 8, tzinfo=UTC), 5400)
        assert done.comment_count == 1

    def test_dependency_blocks_with_the_moment_it_was_made(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            link = WorkItemLink.objects.select_related("target_item").get(work_item__external_id="1002")
        assert (link.link_type, link.direction) == ("Blocks", LinkDirection.INWARD)
        assert (link.target_item.external_id, link.linked_at) == ("1001", datetime(2026, 5, 5, 9, tzinfo=UTC))

    def test_what_people_wrote_is_not_kept(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            kept = [*FieldChange.objects.values_list("to_text", flat=True), *WorkItem.objects.values_list("title")]
            kinds = set(ActivityEvent.objects.filter(source="asana").values_list("kind", flat=True))
        assert not any("must not be kept" in str(each) for each in kept)
        assert kinds == {ActivityKind.COMMENT}


# --- mapping, without a server ---


def _sent(**members: object) -> dict[str, object]:
    return {"gid": "1", "created_at": "2026-05-01T08:00:00Z", **members}


def test_task_with_nothing_but_a_number_and_a_birth_is_an_incomplete_item() -> None:
    batch = task_facts(_sent(), [], container=HOUSE)

    (item,) = batch.items
    assert (item.status_category, item.title, item.key, item.assignee_ids) == (StatusCategory.TODO, "", "1", ())
    assert item.source_version == 1777622400000


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("created_at", None),
        ("created_at", "yesterday"),
        ("assignee", "Ann"),
        ("due_on", "06/10/2026"),
        ("tags", [{"name": 5.5}]),
        ("memberships", {}),
        ("actual_time_minutes", "90"),
    ],
)
def test_odd_member_is_refused_by_name(member: str, value: object) -> None:
    with pytest.raises(FieldRefused):
        parse_task(_sent(**{member: value}), container=HOUSE)


def test_task_in_a_section_named_done_was_resolved_when_it_came_there() -> None:
    done = {"gid": "14", "name": "Done"}
    moved = story(1, "section_changed", "09T08:00:00", old_section=section("11"), new_section=done)
    sent = _sent(memberships=[{"project": {"gid": HOUSE}, "section": done}])

    (item,) = task_facts(sent, [moved], container=HOUSE).items

    assert (item.status_category, item.resolved_at) == (StatusCategory.DONE, datetime(2026, 5, 9, 8, tzinfo=UTC))


def test_completion_that_was_taken_back_leads_to_the_section_of_then() -> None:
    told = [
        story(1, "marked_complete", "02T08:00:00"),
        story(2, "section_changed", "03T08:00:00", old_section=section("11"), new_section=section("12")),
        story(3, "marked_incomplete", "04T08:00:00"),
    ]
    sent = _sent(memberships=[{"project": {"gid": HOUSE}, "section": section("12")}])

    changes = task_facts(sent, told, container=HOUSE).changes

    assert [(change.from_text, change.to_text) for change in changes] == [
        ("To do", "Completed"),
        ("Completed", "Doing"),
    ]


def test_move_in_another_project_is_no_change_of_status() -> None:
    moved = story(1, "section_changed", "09T08:00:00", old_section=section("21"), new_section=section("21", GARDEN))

    (change,) = task_facts(_sent(), [moved], container=HOUSE).changes

    assert change.field == "section"


def test_change_of_dates_that_tells_no_dates_claims_none() -> None:
    (change,) = task_facts(_sent(), [story(1, "due_date_changed", "09T08:00:00")], container=HOUSE).changes

    assert (change.field, change.to_text) == ("due_date_changed", "")


def test_approval_is_a_review() -> None:
    told = story(1, "approval_status_changed", "09T08:00:00", new_approval_status="approved")

    (activity,) = task_facts(_sent(), [told], container=HOUSE).activities

    assert activity.kind == ActivityKind.APPROVAL


def test_address_is_told_of_whoever_the_task_names() -> None:
    (account,) = task_facts(_sent(assignee={"gid": "8", "email": "bob@acme.example"}), [], container=HOUSE).accounts

    assert (account.account_id, account.email) == ("8", "bob@acme.example")
