from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.imports.errors import FieldRefused
from projects.imports.written_dates import as_iso


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("12/Mar/24 3:14 PM", "2024-03-12T15:14:00"),
        ("12/Mar/24", "2024-03-12"),
        ("1-Jan-2024 12:05 am", "2024-01-01T00:05:00"),
        ("May 2, 2024 3:04 PM", "2024-05-02T15:04:00"),
        ("Ann Example May 2, 2024 12:04 PM", "2024-05-02T12:04:00"),
        ("26.11.2026 14:00:59", "2026-11-26T14:00:59"),
        ("2026/07/01", "2026-07-01"),
        ("2026-07-01T10:00:00+02:00", "2026-07-01T10:00:00+02:00"),
        ("31.02.2026", "31.02.2026"),
        ("12/Mär/24", "12/Mär/24"),
        ("12/Mar/24 13:14 PM", "12/Mar/24 13:14 PM"),
        ("yesterday", "yesterday"),
    ],
)
def test_date_is_put_in_order_or_left_alone(text: str, iso: str) -> None:
    assert as_iso(text, field="created") == iso


@pytest.mark.parametrize(("order", "iso"), [("DMY", "2026-04-03T14:00:00"), ("MDY", "2026-03-04T14:00:00")])
def test_day_between_slashes_needs_an_order(order: str, iso: str) -> None:
    assert as_iso("03/04/2026 2:00 PM", field="created", order=order) == iso
    with pytest.raises(FieldRefused, match="which comes first"):
        as_iso("03/04/2026 2:00 PM", field="created")


@given(moment=st.datetimes(min_value=datetime(2001, 1, 1), max_value=datetime(2099, 1, 1)))  # noqa: DTZ001 - no zone
def test_every_moment_comes_back_from_how_jira_writes_it(moment: datetime) -> None:
    whole = moment.replace(second=0, microsecond=0)

    assert as_iso(whole.strftime("%d/%b/%y %I:%M %p"), field="x") == whole.isoformat()


@given(text=st.text(max_size=120))
def test_any_text_is_left_or_refused(text: str) -> None:
    for order in ("", "DMY"):
        with suppress(FieldRefused):
            assert isinstance(as_iso(text, field="x", order=order), str)
