"""CSV that says what was there and calculates nothing, whichever way a spreadsheet splits it."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tenants.api.csv_rows import CHUNK_CHARS, CsvFormat, guarded

CALCULATES = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
PASSED_OVER = '"\u00a0\u3000\ufeff' + "".join(map(chr, range(33)))
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
NASTY = st.text(st.sampled_from(list("=+-@;,\t\r\n\"' a1|!\u3000\uff1d")), max_size=12)


def written(*rows: dict[str, Any]) -> str:
    """The file as text, its byte order mark taken off."""
    columns = list(rows[0])
    raw = b"".join(CsvFormat().chunks(columns, rows))
    assert raw.startswith(b"\xef\xbb\xbf")
    return raw.decode("utf-8-sig")


def cells(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_each_kind_of_value_has_one_spelling() -> None:
    row = {
        "missing": None,
        "empty": "",
        "text": 'Grün, "neu"\nund gut',
        "yes": True,
        "count": 7,
        "share": -0.25,
        "amount": Decimal("-1200.50"),
        "id": UUID("01a207b9-8687-703f-b45d-894f62164a35"),
        "at": datetime(2026, 3, 1, 9, tzinfo=UTC),
        "day": date(2026, 3, 1),
        "json": {"unit": "tests", "values": [1, None]},
    }

    header, _, line = written(row).partition("\r\n")

    assert header == ",".join(f'"{name}"' for name in row)
    assert line == (
        ',"","Grün, ""neu""\nund gut",true,7,-0.25,"-1200.50","01a207b9-8687-703f-b45d-894f62164a35",'
        '"2026-03-01T09:00:00Z","2026-03-01","{""unit"":""tests"",""values"":[1,null]}"\r\n'
    )


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-", "'-"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1", " '=1"),
        ('"=1', "\"'=1"),
        ("\t=1", "\t'=1"),
        ("\uff1dcmd", "'\uff1dcmd"),
        ("a;=cmd|'/C calc'!A0", "a;'=cmd|'/C calc'!A0"),
        ("a\n- b", "a\n'- b"),
        ("a=b, c-d @home", "a=b, c-d @home"),
        ("'=1", "'=1"),
    ],
)
def test_what_would_calculate_gets_an_apostrophe(text: str, safe: str) -> None:
    assert guarded(text) == safe


@given(texts=st.lists(TEXT | NASTY, min_size=1, max_size=4), number=st.floats(allow_nan=False, allow_infinity=False))
@example(texts=['x",";=1'], number=-1.0)
@example(texts=["a", '"\n=1'], number=-1.0)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_calculates_whatever_the_spreadsheet_splits_at(delimiter: str, texts: list[str], number: float) -> None:
    row = {"n": number} | {f"c{place}": text for place, text in enumerate(texts)}

    for line in cells(written(row), delimiter):
        for cell in line:
            begins = cell.lstrip(PASSED_OVER)[:1]
            assert begins not in CALCULATES or NUMBER.match(cell), (cell, line)


@given(texts=st.lists(TEXT | NASTY, min_size=1, max_size=4))
def test_the_file_reads_back_as_it_was_written_but_for_the_apostrophes(texts: list[str]) -> None:
    row = {f"c{place}": text for place, text in enumerate(texts)}

    assert cells(written(row)) == [list(row), [guarded(text) for text in texts]]


@given(text=TEXT | NASTY)
def test_guarding_adds_apostrophes_and_nothing_else_and_once(text: str) -> None:
    safe = guarded(text)

    assert safe.replace("'", "") == text.replace("'", "")
    assert guarded(safe) == safe


def test_rows_are_asked_for_as_they_are_sent() -> None:
    asked: list[int] = []

    def rows() -> Any:
        for number in range(1_000):
            asked.append(number)
            yield {"text": "x" * 1_000}

    chunks = CsvFormat().chunks(["text"], rows())
    header, first = next(chunks), next(chunks)

    assert header == b'\xef\xbb\xbf"text"\r\n'
    assert CHUNK_CHARS <= len(first) < CHUNK_CHARS + 2_000
    assert len(asked) < 40
