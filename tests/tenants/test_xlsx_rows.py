"""Rows as a workbook: what a spreadsheet reads is what was meant."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tenants.api import xlsx_rows
from tenants.api.xlsx_rows import CUT, MOST_CHARACTERS, XlsxFormat


def _book(columns: list[str], rows: list[dict[str, Any]]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(XlsxFormat().chunks(columns, rows))))


def _cells(book: zipfile.ZipFile, sheet: int = 1) -> str:
    return book.read(f"xl/worksheets/sheet{sheet}.xml").decode()


def _texts(book: zipfile.ZipFile) -> list[str]:
    return re.findall(r"<t[^>]*>(.*?)</t>", _cells(book), re.DOTALL)


def test_names_stand_in_the_first_line_and_stay_in_sight() -> None:
    book = _book(["id", "title"], [{"id": 1, "title": "One"}])

    assert _texts(book)[:2] == ["id", "title"]
    assert 'state="frozen"' in _cells(book)


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "https://example.org", "00123", "1e5"]
)
def test_text_stays_text_and_nothing_in_it_calculates_or_links(text: str) -> None:
    book = _book(["text"], [{"text": text}])

    cells = _cells(book)
    assert "<f>" not in cells
    assert "hyperlink" not in cells
    assert 't="inlineStr"' in cells
    assert _texts(book)[1] == text.replace("&", "&amp;")


def test_days_and_instants_are_dates_in_utc() -> None:
    moment = datetime.fromisoformat("2026-03-01T12:00:00+02:00")
    book = _book(["on", "at", "old"], [{"on": date(2026, 3, 1), "at": moment, "old": date(1850, 1, 1)}])

    assert "<v>46082</v>" in _cells(book)
    assert "<v>46082.41666666666</v>" in _cells(book)
    assert "1850-01-01" in _texts(book)


def test_numbers_are_numbers_unless_a_spreadsheet_would_round_them() -> None:
    book = _book(["a", "b", "c", "d"], [{"a": 5, "b": Decimal("12.50"), "c": 2**60, "d": 0.25}])

    cells = _cells(book)
    assert "<v>5</v>" in cells
    assert "<v>12.50</v>" in cells
    assert "<v>0.25</v>" in cells
    assert str(2**60) in _texts(book)


def test_nothing_stays_empty_and_structures_are_json() -> None:
    row = {"none": None, "yes": True, "json": {"a": [1]}, "id": UUID(int=7)}

    book = _book(list(row), [row])

    assert _texts(book)[4:] == ['{"a":[1]}', "00000000-0000-0000-0000-000000000007"]
    assert '<c r="A2"' not in _cells(book)


def test_text_that_no_cell_holds_is_cut_and_says_so() -> None:
    book = _book(["text"], [{"text": "x" * 40_000}])

    (text,) = _texts(book)[1:]
    assert len(text) == MOST_CHARACTERS
    assert text.endswith(CUT)


def test_letters_that_xml_cannot_hold_do_not_break_the_file() -> None:
    book = _book(["text"], [{"text": "a\x00b\x1f\ud7ff\U0001f600 <b>&"}])

    assert "&lt;b&gt;&amp;" in _cells(book)


def test_more_rows_than_a_sheet_holds_go_on_in_a_further_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_rows, "MOST_ROWS", 2)

    book = _book(["n"], [{"n": n} for n in range(5)])

    assert [name for name in book.namelist() if "worksheets/sheet" in name] == [
        f"xl/worksheets/sheet{n}.xml" for n in (1, 2, 3)
    ]
    assert "<v>4</v>" in _cells(book, 3)


def test_rows_are_read_one_by_one() -> None:
    read: list[int] = []

    def rows() -> Any:
        for n in range(1000):
            read.append(n)
            yield {"n": n, "at": datetime(2026, 1, 1, tzinfo=UTC)}

    pieces = XlsxFormat().chunks(["n", "at"], rows())

    assert read == []
    assert b"".join(pieces).startswith(b"PK")
    assert len(read) == 1000
