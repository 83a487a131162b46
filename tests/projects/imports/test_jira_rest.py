from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from projects.enums import IterationState, LinkDirection, MilestoneState, StatusCategory
from projects.imports.errors import LineError
from projects.imports.jira_rest import parse_issue
from projects.imports.reading import read_file
from projects.imports.records import ParsedRecord
from projects.observations import (
    FieldChangeObservation,
    IterationObservation,
    LinkObservation,
    MembershipObservation,
    MilestoneObservation,
    StatusObservation,
    WorkItemObservation,
)
from tests.projects.imports.jira_payloads import as_lines, change, done_status, history, issue

CREATED = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def read(content: bytes) -> list[ParsedRecord]:
    return list(read_file(io.BytesIO(content)).records)


def test_parse_issue_reads_every_fact_of_the_item() -> None:
    document = issue(
        status=done_status(),
        priority={"name": "High"},
        resolution={"name": "Fixed"},
        resolutiondate="2026-01-09T12:30:00.000+0000",
        duedate="2026-01-12",
        timeoriginalestimate=7200,
        timespent=600,
        assignee={"accountId": "5b10a2", "displayName": "Somebody"},
        reporter={"name": "jdoe", "key": "JIRAUSER1", "emailAddress": "somebody@example.org"},
        parent={"id": "10000", "key": "ABC-0"},
        labels=["garden", "garden", "paint"],
        comment={"total": 3},
    )

    batch, notes = parse_issue(document)

    assert batch.items == (
        WorkItemObservation(
            external_id="10001",
            key="ABC-1",
            container="ABC",
            item_type="Task",
            title="Paint the fence",
            status_id="6",
            status_name="Closed",
            status_category=StatusCategory.DONE,
            priority="High",
            resolution="Fixed",
            created_at=CREATED,
            updated_at=datetime(2026, 1, 9, 12, 30, 0, 250_000, tzinfo=UTC),
            resolved_at=datetime(2026, 1, 9, 12, 30, tzinfo=UTC),
            due_date=date(2026, 1, 12),
            estimate_s=7200,
            spent_s=600,
            assignee_ids=("5b10a2",),
            reporter_id="JIRAUSER1",
            parent_id="10000",
            parent_key="ABC-0",
            labels=("garden", "paint"),
            comment_count=3,
            url="https://jira.example.org/browse/ABC-1",
            source_version=1_767_961_800_250,
        ),
    )
    assert notes == ()


def test_parse_issue_names_each_change_by_its_entry_and_place() -> None:
    moved = history(
        "77",
        "2026-01-06T08:00:00.125+0000",
        change("status", "1", "Open", "3", "In Progress"),
        change("assignee", None, None, "5b10a2", "Somebody"),
        change("description", None, "old words", None, "new words"),
    )

    batch, _ = parse_issue(issue(histories=[moved]))

    at = datetime(2026, 1, 6, 8, 0, 0, 125_000, tzinfo=UTC)
    assert batch.changes == (
        FieldChangeObservation(
            external_id="77:0", item_id="10001", field="status", from_id="1", from_text="Open", to_id="3",
            to_text="In Progress", changed_at=at, actor_id="account-1",
        ),
        FieldChangeObservation(
            external_id="77:1", item_id="10001", field="assignee", to_id="5b10a2", changed_at=at, actor_id="account-1"
        ),
        FieldChangeObservation(
            external_id="77:2", item_id="10001", field="description", changed_at=at, actor_id="account-1"
        ),
    )  # fmt: skip


def test_parse_issue_sorts_the_newest_first_history_of_cloud() -> None:
    newest_first = [
        history("9", "2026-01-08T08:00:00.000+0000", change("priority", "2", "High", "3", "Low")),
        history("10", "2026-01-07T08:00:00.000+0000", change("priority", "3", "Low", "2", "High")),
        history("8", "2026-01-07T08:00:00.000+0000", change("priority", "1", "Urgent", "3", "Low")),
    ]

    batch, _ = parse_issue(issue(histories=newest_first))

    assert [found.external_id for found in batch.changes] == ["8:0", "10:0", "9:0"]


def test_parse_issue_says_that_a_history_was_cut() -> None:
    document = issue(histories=[history("1", "2026-01-06T08:00:00.000+0000")])
    document["changelog"]["total"] = 41

    batch, notes = parse_issue(document)

    assert notes == ("HISTORY_CUT",)
    assert batch.whole_histories == frozenset()
    assert batch.whole_states == {"10001"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"id": "1", "name": "x", "statusCategory": {"key": "new"}}, StatusCategory.TODO),
        ({"id": "1", "name": "x", "statusCategory": {"key": "indeterminate"}}, StatusCategory.IN_PROGRESS),
        ({"id": "1", "name": "Offen", "statusCategory": {"id": 3, "key": "undefined"}}, StatusCategory.DONE),
        ({"id": "1", "name": "Resolved"}, StatusCategory.DONE),
        ({"id": "1", "name": "Warten auf Abnahme"}, StatusCategory.IN_PROGRESS),
    ],
)
def test_status_category_comes_from_the_tool_then_from_the_name(
    status: dict[str, Any], expected: StatusCategory
) -> None:
    batch, _ = parse_issue(issue(status=status))

    assert batch.items[0].status_category == expected


def test_statuses_of_the_past_are_guessed_from_their_names() -> None:
    moves = history("5", "2026-01-06T08:00:00.000+0000", change("status", "3", "In Progress", "6", "Closed"))

    batch, _ = parse_issue(issue(status=done_status(), histories=[moves]))

    assert batch.statuses == (
        StatusObservation(external_id="6", name="Closed", category=StatusCategory.DONE),
        StatusObservation(external_id="3", name="In Progress", category=StatusCategory.IN_PROGRESS, is_guessed=True),
    )


def test_reopened_issue_has_no_resolution_moment_even_where_the_workflow_left_one() -> None:
    batch, _ = parse_issue(issue(resolutiondate="2026-01-07T00:00:00.000+0000"))

    assert batch.items[0].resolved_at is None


def test_finished_issue_without_resolution_date_is_dated_by_its_last_move() -> None:
    moves = [
        history("5", "2026-01-06T08:00:00.000+0000", change("status", "1", "Open", "6", "Closed")),
        history("6", "2026-01-07T08:00:00.000+0000", change("priority", "1", "Low", "2", "High")),
    ]

    batch, _ = parse_issue(issue(status=done_status(), histories=moves))

    assert batch.items[0].resolved_at == datetime(2026, 1, 6, 8, tzinfo=UTC)


def test_release_date_is_a_promise_until_the_version_is_released() -> None:
    planned = {"id": "20", "name": "2.0", "released": False, "releaseDate": "2026-03-01", "startDate": "2026-01-01"}
    released = {"id": "10", "name": "1.0", "released": True, "releaseDate": "2026-01-02"}

    batch, _ = parse_issue(issue(fixVersions=[released, planned]))

    assert batch.milestones == (
        MilestoneObservation(
            external_id="10", name="1.0", state=MilestoneState.RELEASED, released_date=date(2026, 1, 2)
        ),
        MilestoneObservation(
            external_id="20", name="2.0", state=MilestoneState.PLANNED, start_date=date(2026, 1, 1),
            target_date=date(2026, 3, 1),
        ),
    )  # fmt: skip


def test_milestone_memberships_follow_the_history() -> None:
    swapped = history(
        "5",
        "2026-01-06T08:00:00.000+0000",
        change("Fix Version", "10", "1.0", None, None),
        change("Fix Version", None, None, "20", "2.0"),
    )

    batch, _ = parse_issue(issue(fixVersions=[{"id": "20", "name": "2.0"}], histories=[swapped]))

    moved_at = datetime(2026, 1, 6, 8, tzinfo=UTC)
    assert set(batch.milestone_memberships) == {
        MembershipObservation(item_id="10001", group_id="10", joined_at=CREATED, left_at=moved_at),
        MembershipObservation(item_id="10001", group_id="20", joined_at=moved_at),
    }
    assert MilestoneObservation(external_id="10", name="1.0", in_passing=True) in batch.milestones


def test_sprints_are_read_as_objects_and_as_strings() -> None:
    as_object = [
        {"id": 7, "name": "Sprint 7", "state": "active", "boardId": 1, "startDate": "2026-01-05T08:00:00.000Z"}
    ]
    as_string = [
        "com.atlassian.greenhopper.service.sprint.Sprint@1a2b[id=7,rapidViewId=1,state=ACTIVE,name=Sprint 7, part id=8,"
        "goal=<null>,startDate=2026-01-05T08:00:00.000Z,endDate=<null>,completeDate=<null>,sequence=7]"
    ]

    from_object, _ = parse_issue(issue(customfield_10020=as_object))
    from_string, _ = parse_issue(issue(customfield_10020=as_string))

    starts_at = datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert from_object.iterations == (
        IterationObservation(external_id="7", name="Sprint 7", state=IterationState.ACTIVE, starts_at=starts_at),
    )
    assert from_string.iterations == (
        IterationObservation(
            external_id="7", name="Sprint 7, part id=8", state=IterationState.ACTIVE, starts_at=starts_at
        ),
    )


def test_sprint_memberships_are_tracked_by_identifier() -> None:
    moved = history(
        "5", "2026-01-06T08:00:00.000+0000", change("Sprint", "6", "Sprint 6", "6, 7", "Sprint 6, Sprint 7")
    )
    sprints = [
        {"id": 6, "name": "Sprint 6", "state": "closed", "goal": ""},
        {"id": 7, "name": "Sprint 7", "state": "active"},
    ]

    batch, _ = parse_issue(issue(customfield_10020=sprints, histories=[moved]))

    assert set(batch.iteration_memberships) == {
        MembershipObservation(item_id="10001", group_id="6", joined_at=CREATED),
        MembershipObservation(item_id="10001", group_id="7", joined_at=datetime(2026, 1, 6, 8, tzinfo=UTC)),
    }


def test_sprint_history_that_has_names_only_leaves_the_beginning_open() -> None:
    moved = history("5", "2026-01-06T08:00:00.000+0000", change("Sprint", None, "Sprint 6", None, "Sprint 7"))
    sprints = [{"id": 7, "name": "Sprint 7", "state": "active", "goal": ""}]

    batch, notes = parse_issue(issue(customfield_10020=sprints, histories=[moved]))

    assert batch.iteration_memberships == (MembershipObservation(item_id="10001", group_id="7"),)
    assert notes == ("SPRINT_WITHOUT_ID",)


def test_schema_and_names_tell_which_custom_field_is_which() -> None:
    page = {
        "names": {"customfield_1": "Story point estimate", "customfield_2": "Story Points"},
        "schema": {"customfield_3": {"custom": "com.pyxis.greenhopper.jira:gh-epic-link"}},
        "issues": [issue(customfield_1=8, customfield_2=5, customfield_3="ABC-99")],
    }

    record = read(as_lines(page))[0]

    item = record.batches[0].items[0]
    assert (item.estimate_points, item.parent_key) == (5, "ABC-99")


def test_links_are_seen_from_the_issue_and_dated_by_the_history() -> None:
    blocks = {"name": "Blocks", "inward": "is blocked by", "outward": "blocks"}
    links = [
        {"id": "1", "type": blocks, "outwardIssue": {"id": "2", "key": "ABC-2"}},
        {"id": "2", "type": blocks, "inwardIssue": {"id": "3", "key": "XYZ-3"}},
    ]
    linked = history(
        "5", "2026-01-06T08:00:00.000+0000", change("Link", None, None, "ABC-2", "This issue blocks ABC-2")
    )

    batch, _ = parse_issue(issue(issuelinks=links, histories=[linked]))

    assert batch.links == (
        LinkObservation(
            external_id="1", item_id="10001", link_type="Blocks", direction=LinkDirection.OUTWARD, target_id="2",
            target_key="ABC-2", linked_at=datetime(2026, 1, 6, 8, tzinfo=UTC),
        ),
        LinkObservation(
            external_id="2", item_id="10001", link_type="Blocks", direction=LinkDirection.INWARD, target_id="3",
            target_key="XYZ-3",
        ),
    )  # fmt: skip


def test_estimate_of_zero_is_none_and_no_time_spent_is_zero() -> None:
    batch, _ = parse_issue(issue(timeoriginalestimate=0, timespent=0))

    [item] = batch.items
    assert (item.estimate_s, item.spent_s) == (None, 0)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"created": "2026-01-05T10:00:00.000"}, "fields.created"),
        ({"created": None}, "fields.created"),
        ({"duedate": "12/01/2026"}, "fields.duedate"),
        ({"summary": "half \ud800"}, "fields.summary"),
        ({"summary": "nul \x00"}, "fields.summary"),
        ({"status": None}, "fields.status"),
        ({"status": {"name": "", "id": None}}, "fields.status.id"),
        ({"timeoriginalestimate": -1}, "fields.timeoriginalestimate"),
        ({"labels": "garden"}, "fields.labels"),
        ({"fixVersions": [{"name": "x", "releaseDate": "soon"}]}, "fields.fixVersions[0].releaseDate"),
        ({"assignee": []}, "fields.assignee"),
        ({"comment": {"total": 1e300}}, "fields.comment.total"),
    ],
)
def test_broken_member_costs_the_whole_issue_and_is_named(fields: dict[str, Any], place: str) -> None:
    content = as_lines(issue(**fields), issue("10002", "ABC-2"))

    broken, sound = read(content)

    assert broken.batches == ()
    assert [(error.line_number, error.field) for error in broken.errors] == [(1, place)]
    assert [item.key for item in sound.batches[0].items] == ["ABC-2"]


def test_broken_history_costs_the_whole_issue() -> None:
    document = issue(histories=[history("5", "yesterday")])

    (record,) = read(as_lines(document))

    assert record.batches == ()
    assert record.errors[0].field == "changelog.histories[0].created"


def test_page_keeps_its_sound_issues_and_names_the_broken_one() -> None:
    page = {"issues": [issue(), issue("10002", "ABC-2", created="never"), issue("10003", "ABC-3")]}

    (record,) = read(as_lines(page))

    assert [batch.items[0].key for batch in record.batches] == ["ABC-1", "ABC-3"]
    assert [(error.line_number, error.field) for error in record.errors] == [(1, "issues[1].fields.created")]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[1, 2]",
        b'{"issues": 3}',
        b'{"issues": [1]}',
        b"{}",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
    ],
)
def test_line_that_is_no_issue_is_one_error(line: bytes) -> None:
    records = read(as_lines(issue()) + line + b"\n" + as_lines(issue("10002", "ABC-2")))

    assert [len(record.errors) for record in records] == [0, 1, 0]
    assert records[1].errors[0].line_number == 2


def test_error_quotes_no_value() -> None:
    (record,) = read(as_lines(issue(created="hunter2")))

    assert record.errors == (
        LineError(1, "is not an ISO 8601 instant such as 2026-01-31T09:30:00+00:00", field="fields.created"),
    )
    assert "hunter2" not in str(record.errors[0])


def test_names_and_addresses_of_people_are_never_observed() -> None:
    person = {"accountId": "5b10a2", "displayName": "Somebody", "emailAddress": "somebody@example.org"}
    entry = history("5", "2026-01-06T08:00:00.000+0000", change("assignee", "x", "Somebody", "5b10a2", "Somebody"))
    entry["author"] = person

    batch, _ = parse_issue(issue(assignee=person, reporter=person, creator=person, histories=[entry]))

    assert "omebody" not in repr(batch)


def test_web_address_is_only_built_on_http() -> None:
    document = issue()
    document["self"] = "javascript:alert(1)/rest/api/2/issue/1"

    batch, _ = parse_issue(document)

    assert batch.items[0].url == ""


def test_empty_lines_are_passed_over() -> None:
    records = read(b"\n" + json.dumps(issue()).encode() + b"\n\n")

    assert [record.first_line for record in records] == [2]
