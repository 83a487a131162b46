"""A file is known by its content, whatever it is called; one that is none of ours, or a trap, is refused in words."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.exports.registry import EXPORTS
from projects.imports.errors import ImportFileRefused, LineError
from projects.imports.formats import added_formats
from projects.imports.reading import FileReading, known_titles, read_file
from projects.observations import WorkItemObservation
from tests.integrations.exports import files
from tests.integrations.exports.test_same_record import EXPORTS as FILES
from tests.integrations.tools import TOOLS

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def read(content: bytes, **options: Any) -> tuple[str, list[WorkItemObservation], list[LineError]]:
    """Form, items and errors."""
    found = read_file(io.BytesIO(content), reading=FileReading(**{"zone": UTC, "read_at": NOW, **options}))
    records = list(found.records)
    items = [item for record in records for batch in record.batches for item in batch.items]
    return found.profile, items, [error for record in records for error in record.errors]


def tar(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as written:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        written.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def test_every_export_is_known_by_the_importer() -> None:
    assert {each.name for each in EXPORTS} <= {each.name for each in added_formats()}
    assert len(known_titles()) == len(set(known_titles().values()))
    assert all(len(name) <= 32 for name in known_titles())


@pytest.mark.parametrize("export", FILES, ids=str)
@pytest.mark.parametrize("pack", [lambda content: content, gzip.compress], ids=["plain", "gzip"])
def test_each_file_is_known_by_its_content(export: Any, pack: Callable[[bytes], bytes]) -> None:
    content = export.make(TOOLS[export.tool].play())
    if content.startswith(b"PK") and pack is gzip.compress:
        return  # a workbook is packed already

    profile, items, errors = read(pack(content))

    assert (profile, errors) == (export.profile, [])
    assert items


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_in_another_encoding_is_read_by_its_mark(encoding: str) -> None:
    text = "key,created,status,title\nX-1,2026-01-05T09:00Z,Open,Füße\n"
    marks = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}

    _, [item], errors = read(marks.get(encoding, b"") + text.encode(encoding))

    assert (item.title, errors) == ("Füße", [])


def test_text_of_a_spreadsheet_is_read_in_the_encoding_that_is_said_and_refused_without() -> None:
    content = "key;created;status;title\nX-1;2026-01-05T09:00Z;Open;Füße\n".encode("windows-1252")

    _, [item], _ = read(content, encoding="windows-1252")
    _, _, [error] = read(content)

    assert item.title == "Füße"
    assert error.reason == "is not UTF-8; save the file as UTF-8, or say which encoding it has"
    with pytest.raises(ImportFileRefused, match="no encoding of that name"):
        read(content, encoding="klingon")


def test_day_that_could_be_another_is_refused_unless_the_order_is_said() -> None:
    header = ("Issue key", "Issue id", "Issue Type", "Status", "Project key", "Created")
    content = files.table(header, [("R-1", "1", "Task", "Done", "R", "03/04/2026 14:05")])

    _, _, [error] = read(content)
    created = [read(content, date_order=order)[1][0].created_at for order in ("DMY", "MDY")]

    assert (error.line_number, error.field) == (2, "Created")
    assert "day from month" in error.reason
    assert created == [datetime(2026, 4, 3, 14, 5, tzinfo=UTC), datetime(2026, 3, 4, 14, 5, tzinfo=UTC)]


def test_moment_without_a_zone_is_refused_and_says_how_to_tell_it() -> None:
    content = files.table(
        ("Issue key", "Issue id", "Issue Type", "Status", "Project key", "Created"),
        [
            ("R-1", "1", "Task", "Done", "R", "12/Mar/24 3:14 PM"),
            ("R-2", "2", "Task", "Done", "R", "12/Mär/24 3:14 PM"),
        ],
    )

    _, [], errors = read(content, zone=None)
    _, [item], [other] = read(content)

    assert "say which time zone the file means" in errors[0].reason
    assert item.created_at == datetime(2024, 3, 12, 15, 14, tzinfo=UTC)
    assert other.line_number == 3


def test_broken_record_costs_itself_and_is_named() -> None:
    board = json.loads(files.trello_board(TOOLS["TRELLO"].play()))
    board["cards"][1]["dateLastActivity"] = "the day before"

    _, items, [error] = read(json.dumps(board, indent=1).encode())

    assert error.field == "cards[1].dateLastActivity"
    assert error.line_number > 1
    assert len(items) == len(board["cards"]) - 1


def test_document_that_ends_in_the_middle_keeps_what_came_before() -> None:
    content = files.trello_board(TOOLS["TRELLO"].play())
    whole = read(content)[1]

    profile, items, errors = read(content[: content.index(b'"cards"') + 1200])

    assert profile == "trello-board"
    assert 0 < len(items) < len(whole)
    assert "ends in the middle" in errors[0].reason


@pytest.mark.parametrize("name", ["tree/project/issues.ndjson", "2026_export/tree/project/issues.ndjson"])
def test_export_of_a_gitlab_project_is_read_out_of_its_archive(name: str) -> None:
    lines = files.gitlab_lines(TOOLS["GITLAB"].play())

    profile, items, errors = read(tar(name, lines + b"{broken\n"))

    assert profile == "gitlab-export"
    assert [item.external_id for item in items][:1] == ["key 77#1"]
    assert [(error.line_number, error.reason) for error in errors] == [(lines.count(b"\n") + 1, "is not JSON")]


def test_subitems_of_monday_belong_to_the_item_above() -> None:
    header = ("Name", "Subitems", "Status", "Item ID")
    rows = [
        ("Rocket",),
        ("Now",),
        header,
        ("Hull", "Bolts", "Working on it", 101),
        ("Subitems", "Name", "Status", "Item ID"),
        ("", "Bolts", "Done", 201),
        ("Later",),
        header,
        ("Paint", "", "", 102),
        ("", "", "", 3),
    ]

    profile, items, errors = read(files.workbook(rows))

    assert (profile, errors) == ("monday-board", [])
    assert [(item.external_id, item.title, item.parent_id, item.status_name) for item in items] == [
        ("101", "Hull", "", "Working on it"),
        ("201", "Bolts", "101", "Done"),
        ("102", "Paint", "", "No status"),
    ]
    assert {(item.created_at, item.is_creation_known) for item in items} == {(NOW, False)}


def test_plan_of_planner_is_read_with_the_rows_above_its_header() -> None:
    rows = [
        ("Plan name", "Rocket"),
        ("Plan ID", "p1"),
        (),
        ("Task ID", "Task Name", "Bucket Name", "Progress", "Created Date", "Completed Date", "Due Date"),
        ("t1", "Hull", "Build", "Completed", datetime(2026, 3, 4), datetime(2026, 3, 9), ""),  # noqa: DTZ001 - a cell
        ("t2", "Paint", "Build", "Not started", "03/05/2026", "", "03/30/2026"),
        ("t3", "Fly", "Build", "Perhaps", "03/05/2026", "", ""),
    ]

    profile, items, errors = read(files.workbook(rows), date_order="MDY")

    assert profile == "planner-plan"
    assert [(item.external_id, item.status_category, str(item.due_date)) for item in items] == [
        ("t1", "DONE", "None"),
        ("t2", "TODO", "2026-03-30"),
    ]
    assert items[0].resolved_at == datetime(2026, 3, 9, tzinfo=UTC)
    assert [(error.line_number, error.field) for error in errors] == [(7, "Progress")]


def test_formula_is_text_like_any_other() -> None:
    content = files.table(
        ("key", "created", "status", "title"), [("X-1", "2026-01-05T09:00Z", "Open", '=HYPERLINK("x")')]
    )

    assert read(content)[1][0].title == '=HYPERLINK("x")'


# --- traps ---


def _packed(beginning: bytes, megabytes: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("users.json", b"[]")
        written.writestr("channels.json", json.dumps([{"id": "C1", "name": "talk"}]))
        written.writestr("talk/2026-01-01.json", beginning + b" " * (megabytes * 1024 * 1024) + b"]")
    return packed.getvalue()


def test_archive_that_announces_more_than_it_may_is_refused_before_it_is_unpacked() -> None:
    content = _packed(b"[", 200)

    started = time.process_time()
    with pytest.raises(ImportFileRefused, match="unpacks to more than"):
        read(content)
    assert time.process_time() - started < 0.5


def test_archive_that_announces_less_than_it_holds_is_damaged() -> None:
    content = _packed(b"[", 200)
    size = (200 * 1024 * 1024 + 2).to_bytes(4, "little")

    profile, items, [error] = read(content.replace(size, (1_000).to_bytes(4, "little")))

    assert (profile, items) == ("slack-export", [])
    assert "damaged" in error.reason or "is not JSON" in error.reason


def test_small_workbook_of_very_many_rows_is_refused_before_it_is_parsed() -> None:
    row = "<row><c t='inlineStr'><is><t>a</t></is></c><c t='inlineStr'><is><t>a</t></is></c></row>"
    sheet = f"<worksheet><sheetData>{row * 600_000}</sheetData></worksheet>".encode()
    content = _workbook_with("xl/worksheets/sheet1.xml", sheet)

    started = time.process_time()
    with pytest.raises(ImportFileRefused, match="save a sheet as CSV"):
        read(content)
    assert len(content) < 300_000
    assert time.process_time() - started < 0.5


def _workbook_with(name: str, content: bytes) -> bytes:
    plain = io.BytesIO(files.workbook([("key", "created", "status"), ("X-1", "2026-01-05T09:00Z", "Open")]))
    packed = io.BytesIO()
    with zipfile.ZipFile(plain) as given, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as written:
        for each in given.namelist():
            written.writestr(each, content if each == name else given.read(each))
    return packed.getvalue()


def test_workbook_with_entities_is_refused() -> None:
    bomb = b'<!DOCTYPE sst [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><sst><si><t>&b;</t></si></sst>'

    with pytest.raises(ImportFileRefused, match="workbook is damaged"):
        read(_workbook_with("xl/sharedStrings.xml", bomb))


@pytest.mark.parametrize(
    "cell",
    [
        '<row r="{}"><c><v>1</v></c></row>',
        '<row r="2"><c t="s"><v>{}</v></c></row>',
        '<row r="2"><c s="{}"><v>1</v></c></row>',
    ],
)
def test_numbers_that_no_workbook_has_are_taken_for_none(cell: str) -> None:
    """Python refuses to read a number of more than 4,300 digits."""
    names = "".join(f"<c t='inlineStr'><is><t>{name}</t></is></c>" for name in ("key", "created", "status"))
    sheet = f"<worksheet><sheetData><row>{names}</row>{cell}</sheetData></worksheet>"
    styles = f'<styleSheet><cellXfs><xf numFmtId="{"9" * 5000}"/></cellXfs></styleSheet>'
    content = _workbook_with("xl/worksheets/sheet1.xml", sheet.format("9" * 5000).encode())

    for each in (content, _workbook_with("xl/styles.xml", styles.encode())):
        _, _, errors = read(each, profile="generic")
        assert all(error.line_number < 10 for error in errors)


def test_tag_that_does_not_end_is_refused() -> None:
    sheet = b'<worksheet><sheetData><row x="' + b"a" * (5 * 1024 * 1024)

    with pytest.raises(ImportFileRefused, match="workbook is damaged"):
        read(_workbook_with("xl/worksheets/sheet1.xml", sheet))


def test_directory_of_very_many_files_is_refused_before_it_is_read() -> None:
    entries = b"PK\x01\x02" + b"\0" * 42

    with pytest.raises(ImportFileRefused, match="more than 100000 files"):
        read(b"PK\x03\x04" + entries * 100_001)


def test_header_of_an_archive_that_is_no_header_is_refused() -> None:
    member = tarfile.TarInfo("tree/project/issues.ndjson")
    member.type, member.size = tarfile.XHDTYPE, 50 * 1024 * 1024
    content = gzip.compress(member.tobuf() + b"0" * member.size)

    with pytest.raises(ImportFileRefused, match="damaged"):
        read(content)


def test_board_without_identifiers_is_refused_with_what_to_do() -> None:
    rows = [("Rocket",), ("Now",), ("Name", "Subitems", "Status"), ("Hull", "", "Done")]

    with pytest.raises(ImportFileRefused, match="Show that column on the board"):
        read(files.workbook(rows))


def test_workbook_with_endless_text_is_refused() -> None:
    text = b"<sst>" + b"<si><t>" + b"a" * (70 * 1024 * 1024) + b"</t></si></sst>"

    with pytest.raises(ImportFileRefused, match=r"than may be kept|unpacks to more"):
        read(_workbook_with("xl/sharedStrings.xml", text))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04", "damaged"),
        (files.archive({"readme.txt": b"x"}), "no export that is known"),
        (_workbook_with("xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row>"), "damaged"),
        (_workbook_with("xl/workbook.xml", b"<workbook/>"), "damaged"),
    ],
)
def test_packed_file_that_is_none_of_ours_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ImportFileRefused, match=words):
        read(content)


@pytest.mark.parametrize("depth", [500, 100_000])
def test_json_that_is_nested_too_deeply_is_an_error(depth: int) -> None:
    content = b'{"lists": [], "cards": [{"id": ' + b"[" * depth + b"]" * depth + b"}]}"

    _, items, errors = read(content)

    assert (items, len(errors)) == ([], 1)


def test_large_board_is_read_in_flat_memory() -> None:
    fake = TOOLS["TRELLO"].play()
    board = json.loads(files.trello_board(fake))
    card = json.dumps({**board["cards"][0], "desc": "x" * 4_000}).encode()
    size = 9_000
    content = b'{"id": "b", "lists": [], "cards": [' + b",".join([card] * size) + b'], "actions": []}'
    stream = io.BytesIO(content)

    tracemalloc.start()
    found = read_file(stream, reading=FileReading(zone=UTC))
    count = sum(1 for record in found.records for _ in record.batches)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == size
    assert len(content) > 32 * 1024 * 1024
    assert peak < 10_000_000
