"""What a dump rewrites is no drift, and what somebody rewrites is."""

from __future__ import annotations

import pytest

from stratibreak.drift.comparison import canonical

WRITTEN = "CHECK (((kind)::text = ANY ((ARRAY['A'::character varying, 'B'::character varying])::text[])))"
READ_BACK = "CHECK (((kind)::text = ANY (ARRAY[('A'::character varying)::text, ('B'::character varying)::text])))"


def test_the_same_test_before_and_after_a_dump_is_one() -> None:
    assert canonical(WRITTEN) == canonical(READ_BACK)


@pytest.mark.parametrize(
    "other",
    [
        WRITTEN.replace("'B'", "'C'"),
        WRITTEN.replace("= ANY", "<> ALL"),
        WRITTEN.replace("kind", "day"),
        WRITTEN.replace(", 'B'::character varying", ""),
    ],
)
def test_another_test_is_another(other: str) -> None:
    assert canonical(other) != canonical(WRITTEN)


def test_brackets_that_decide_stay() -> None:
    assert canonical("CHECK ((a OR b) AND c)") != canonical("CHECK (a OR (b AND c))")
    assert canonical("f(a)") == "f(a)"
