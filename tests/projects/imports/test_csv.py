from __future__ import annotations

import gzip
import io
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from projects.enums import MilestoneState, StatusCategory
from projects.imports.errors import ImportFileRefused, LineError
from projects.imports.reading import ReadFile, read_file
from projects.observations import (
    IterationObservation,
    MembershipObservation,
    MilestoneObservation,
    ObservationBatch,
    WorkItemObservation,
)

TITANIUM_HEADER = (
    "key,proj,type,created,resolved,status,prio,nfix,fixname,fixrel,nspr,sprints,ncomm,assignee,reporter,nlinks,nsub,"
    "due,est,spent,res\n"
)
MINIMAL = "key,created,status\n"


def read(text: str | bytes, *, profile: str | None = None, zone: str | None = None) -> ReadFile:
    content = text if isinstance(text, bytes) else text.encode()
    return read_file(io.BytesIO(content), profile=profile, zone=None if zone is None else ZoneInfo(zone))


def batches(found: ReadFile) -> list[ObservationBatch]:
    return [batch for record in found.records for batch in record.batches]


def errors(found: ReadFile) -> list[LineError]:
    return [error for record in found.records for error in record.errors]


def test_generic_profile_reads_every_fact() -> None:
    text = (
        "Issue Key;Issue id;Project;Type;Summary;Status;Priority;Resolution;Created;Updated;Resolved;Due Date;"
        "Story Points;Estimate;Assignee;Reporter;Parent;Labels;Labels;Fix Version;Milestone target;Sprint;Comments;"
        "URL\n"
        "X-1;501;X;Task;Dig a hole;Closed;High;Done;2026-01-05T10:00:00+01:00;2026-01-08 09:00:00Z;"
        "2026-01-07T12:00:00.5Z;2026-01-10;2.5;3600;ann-account;bob-account;X-0;a|b;c;1.0;2026-02-01;S1;4;https://example.org/X-1\n"
    )

    found = read(text)
    (batch,) = batches(found)

    assert (found.profile, found.source) == ("generic", "csv")
    assert batch.items == (
        WorkItemObservation(
            external_id="501",
            key="X-1",
            container="X",
            item_type="Task",
            title="Dig a hole",
            status_id="Closed",
            status_name="Closed",
            status_category=StatusCategory.DONE,
            priority="High",
            resolution="Done",
            created_at=datetime(2026, 1, 5, 9, tzinfo=UTC),
            updated_at=datetime(2026, 1, 8, 9, tzinfo=UTC),
            resolved_at=datetime(2026, 1, 7, 12, 0, 0, 500_000, tzinfo=UTC),
            due_date=date(2026, 1, 10),
            estimate_points=2.5,
            estimate_s=3600,
            assignee_ids=("ann-account",),
            reporter_id="bob-account",
            parent_key="X-0",
            labels=("a", "b", "c"),
            comment_count=4,
            url="https://example.org/X-1",
            source_version=1_767_862_800_000,
        ),
    )
    assert batch.milestones == (MilestoneObservation(external_id="X:1.0", name="1.0", target_date=date(2026, 2, 1)),)
    assert batch.milestone_memberships == (MembershipObservation(item_id="501", group_id="X:1.0"),)
    assert batch.iterations == (IterationObservation(external_id="S1", name="S1"),)
    assert batch.whole_states == {"501"}
    assert batch.whole_histories == frozenset()


def test_titanium_archive_is_recognised_by_its_columns() -> None:
    row = (
        "T-1,T,Bug,2015-04-24T12:04:05.000+0000,2015-05-12T21:25:49.000+0000,Closed,Low,1,2.0,2015-06-01,2,11|12,3,a,b,"
        "0,0,,,,Fixed\n"
    )

    found = read(TITANIUM_HEADER + row)
    (batch,) = batches(found)

    assert found.profile == "titanium-archive"
    assert batch.milestones == (
        MilestoneObservation(
            external_id="T:2.0", name="2.0", state=MilestoneState.RELEASED, released_date=date(2015, 6, 1)
        ),
    )
    assert batch.iteration_memberships == (
        MembershipObservation(item_id="T-1", group_id="11"),
        MembershipObservation(item_id="T-1", group_id="12"),
    )


def test_release_date_beside_several_milestones_belongs_to_nobody() -> None:
    row = "T-1,T,Bug,2015-04-24T12:04:05.000+0000,,Open,Low,2,2.0|2.1,2015-06-01,0,,3,a,b,0,0,,,,\n"

    (batch,) = batches(read(TITANIUM_HEADER + row))

    assert [(milestone.name, milestone.released_date) for milestone in batch.milestones] == [
        ("2.0", None),
        ("2.1", None),
    ]


def test_instant_without_offset_needs_a_time_zone() -> None:
    text = MINIMAL + "X-1,2026-07-01 12:00:00,Open\n"

    refused = errors(read(text))
    (batch,) = batches(read(text, zone="Europe/Prague"))

    assert refused == [
        LineError(2, "has no UTC offset; say which time zone the file means (--time-zone)", field="created")
    ]
    assert batch.items[0].created_at == datetime(2026, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "resolved", "expected"),
    [
        ("Done", "", StatusCategory.DONE),
        ("In Review", "", StatusCategory.IN_PROGRESS),
        ("Backlog", "", StatusCategory.TODO),
        ("Waiting for Godot", "", StatusCategory.IN_PROGRESS),
        ("Vollendet", "2026-01-03T00:00Z", StatusCategory.DONE),
    ],
)
def test_status_category_is_guessed(status: str, resolved: str, expected: StatusCategory) -> None:
    text = f"key,created,status,resolved\nX-1,2026-01-01T00:00Z,{status},{resolved}\n"

    (batch,) = batches(read(text))

    assert batch.items[0].status_category == expected


def test_named_status_category_beats_the_name_of_the_status() -> None:
    text = "key,created,status,status category\nX-1,2026-01-01T00:00Z,Closed,In progress\n"

    (batch,) = batches(read(text))

    assert batch.items[0].status_category == StatusCategory.IN_PROGRESS
    assert not batch.statuses[0].is_guessed


@pytest.mark.parametrize(
    ("header", "cell", "column"),
    [
        ("Due Date", "03/04/2026", "Due Date"),
        ("points", "nan", "points"),
        ("points", "-1", "points"),
        ("points", "1,5", "points"),
        ("comments", "2.5", "comments"),
        ("updated", "yesterday", "updated"),
        ("url", "javascript:alert(1)", "url"),
        ("type", "t" * 101, "type"),
        ("status category", "perhaps", "status category"),
        ("created at", "0001-01-01T00:00:00+14:00", "created"),
    ],
)
def test_broken_cell_costs_its_row_and_is_named_by_its_column(header: str, cell: str, column: str) -> None:
    created = "" if header == "created at" else "2026-01-01T00:00Z"
    text = f'key,created,status,{header}\nX-1,{created},Open,"{cell}"\nX-2,2026-01-01T00:00Z,Open,\n'

    records = list(read(text).records)

    assert [(error.line_number, error.field) for error in records[0].errors] == [(2, column)]
    assert records[0].batches == ()
    assert [batch.items[0].key for batch in records[1].batches] == ["X-2"]


def test_row_of_the_wrong_length_is_an_error() -> None:
    found = errors(read(MINIMAL + "X-1,2026-01-01T00:00Z\nX-2,2026-01-01T00:00Z,Open\n"))

    assert found == [LineError(2, "has 2 columns where the first line names 3")]


def test_open_quote_costs_one_row_only() -> None:
    rows = "".join(f"X-{number},2026-01-01T00:00Z,Open\n" for number in range(2, 1200))

    records = list(read(MINIMAL + '"X-1,2026-01-01T00:00Z,Open\n' + rows).records)

    assert [error.line_number for record in records for error in record.errors] == [2]
    assert sum(len(record.batches) for record in records) == 1198


def test_quoted_cell_may_span_lines() -> None:
    text = (
        'key,title,created,status\nX-1,"two\nlines, and a ""quote""",2026-01-01T00:00Z,Open\n'
        "X-2,,2026-01-01T00:00Z,Open\n"
    )

    records = list(read(text).records)

    assert [(record.first_line, record.last_line) for record in records] == [(2, 3), (4, 4)]
    assert records[0].batches[0].items[0].title == 'two\nlines, and a "quote"'


@pytest.mark.parametrize(
    "content",
    [
        (MINIMAL + "X-1,2026-01-01T00:00Z,Open\n").encode("utf-8-sig"),
        gzip.compress((MINIMAL + "X-1,2026-01-01T00:00Z,Open").encode("utf-8-sig"), mtime=0),
        b"key\tcreated\tstatus\r\nX-1\t2026-01-01T00:00Z\tOpen\r\n",
        b"key;created;status\nX-1;2026-01-01T00:00Z;Open\n\n;;\n",
    ],
)
def test_marks_compression_delimiters_and_line_ends_are_seen_through(content: bytes) -> None:
    found = read(content)

    assert [batch.items[0].key for batch in batches(found)] == ["X-1"]


def test_bytes_that_are_not_utf8_cost_their_line() -> None:
    content = MINIMAL.encode() + b"X-1,2026-01-01T00:00Z,Ge\xf6ffnet\nX-2,2026-01-01T00:00Z,Open\n"

    records = list(read(content).records)

    assert [error.line_number for error in records[0].errors] == [2]
    assert records[1].batches[0].items[0].key == "X-2"


def test_damaged_compression_keeps_what_came_before() -> None:
    rows = "".join(f"X-{number},2026-01-01T00:00Z,Open\n" for number in range(30_000))
    content = gzip.compress((MINIMAL + rows).encode())

    records = list(read(content[: len(content) // 2]).records)

    assert len(records) > 1000
    assert [error.reason for error in records[-1].errors] == [
        "the compressed file is damaged here; what follows is lost"
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b\x00", "damaged"),
        (b"name,created\n", "needs: key, status"),
        (b"key,status\n", "needs: created"),
        (b"\xff\n", "cannot be read"),
        (b'"key\n', "is not CSV"),
    ],
)
def test_file_that_cannot_be_read_at_all_is_refused_with_a_hint(content: bytes, words: str) -> None:
    with pytest.raises(ImportFileRefused, match=words):
        read(content)


def test_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ImportFileRefused, match="jira-rest, titanium-archive, generic"):
        read(MINIMAL, profile="excel")
