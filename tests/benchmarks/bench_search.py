"""Searching by words against ILIKE under the policy: `python -m tests.benchmarks.bench_search --rows 600000`.

Gaps of 1,000 organisations; the largest has two ninths of the rows (133,000 of 600,000). Both ways read one page of the
same rows as the app role, in the tenant's transaction, with signed contexts and in turns. Prints one JSON; times are
medians in ms.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import django
from django.db import connections
from django.db.models import Q

from tests.benchmarks.turns import Work, take_turns

if TYPE_CHECKING:
    from tests.benchmarks.gap_rows import Organisations

TENANTS = 1000
ROUNDS = 15
PAGE = 50
SYLLABLES = [first + second for first in "bdfglmnprst" for second in "ae"]
WORDS = len(SYLLABLES) ** 3  # drawn with frequencies like those of a language: the first is in a fifth of all titles


def word(number: int) -> str:
    """The number-th word, the most frequent first."""
    base = len(SYLLABLES)
    return "".join(SYLLABLES[number // base**place % base] for place in range(3))


def _drawn_word() -> str:
    syllables = "(ARRAY[" + ", ".join(f"'{syllable}'" for syllable in SYLLABLES) + "])"
    base = len(SYLLABLES)
    return " || ".join(f"{syllables}[1 + k / {base**place} % {base}]".replace("%", "%%") for place in range(3))


# Every part is a constant of this module.
TITLE = f"""
  'GAP-' || n || ' ' || (SELECT string_agg({_drawn_word()}, ' ') FROM
    (SELECT floor({WORDS} * power(random(), 3))::int AS k
     FROM generate_series(1, 8) WHERE n > 0 OFFSET 0) AS numbers)"""  # noqa: S608
TYPED = {
    "rare word": word(WORDS * 3 // 4),
    "rare and frequent word": f"{word(WORDS * 3 // 4)} {word(0)}",
    "beginning of a word": word(WORDS // 2)[:5],
    "two frequent words": f"{word(0)} {word(1)}",
    "frequent word": word(0),
    "key": "GAP-1000",
    "nothing like it": "zzzzzz",
}


def in_turns(*works: Callable[[], Any], rounds: int) -> list[float]:
    """Duration of each work by the clock, in ms, in one block of turns."""
    spent = take_turns(*(Work(run=work) for work in works), blocks=1, turns=rounds)
    return [blocks[0].clock_ms for blocks in spent]


def by_words(typed: str) -> list[UUID]:
    """One page by the search, as the doors ask it."""
    from gaps.models import Gap  # noqa: PLC0415  # settings are needed first
    from tenants.isolation.search.matching import find_matches  # noqa: PLC0415

    rows = find_matches(Gap, typed).among(Gap.objects.order_by("-id"))
    return list(rows.values_list("pk", flat=True)[:PAGE])


def by_patterns(typed: str) -> list[UUID]:
    """One page by Django's own way to find words anywhere, under all layers."""
    from gaps.models import Gap  # noqa: PLC0415  # settings are needed first

    rows = Gap.objects.all()
    for each in typed.split():
        rows = rows.filter(Q(title__icontains=each) | Q(description__icontains=each) | Q(impact__icontains=each))
    return list(rows.order_by("-id").values_list("pk", flat=True)[:PAGE])


def compare(tenant_id: UUID, rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Medians of both ways for each kind of typed text."""
    from tenants.isolation.transaction import tenant_context  # noqa: PLC0415  # settings are needed first

    found = {}
    with tenant_context(tenant_id):
        for name, typed in TYPED.items():
            assert set(by_words(typed)) <= set(by_patterns(typed)) or len(by_words(typed)) == PAGE
            words_ms, patterns_ms = in_turns(partial(by_words, typed), partial(by_patterns, typed), rounds=rounds)
            found[name] = {
                "search_ms": words_ms,
                "patterns_ms": patterns_ms,
                "ratio": patterns_ms / words_ms,
                "rows": len(by_words(typed)),
            }
    return found


def _across() -> dict[str, float]:
    from gaps.models import Gap  # noqa: PLC0415  # settings are needed first
    from tenants.isolation.platform_access import across_all_tenants  # noqa: PLC0415
    from tenants.isolation.search.matching import find_matches  # noqa: PLC0415

    with across_all_tenants(reason="a benchmark"):
        return {name: in_turns(partial(find_matches, Gap, typed), rounds=3)[0] for name, typed in TYPED.items()}


def _written_s(owner: Any, rows: int, organisations: Any) -> float:
    """How long it takes to write rows, best of three."""
    from tests.benchmarks.gap_rows import fill  # noqa: PLC0415  # settings are needed first

    def once() -> float:
        began = time.perf_counter()
        fill(owner, "gaps_gap", rows=rows, of=organisations, shares=[1.0], changed={"title": TITLE})
        return time.perf_counter() - began

    return min(once() for _ in range(3))


def prepare(rows: int, tenants: int, largest: float = 2 / 9) -> Organisations:
    """Fill the table, of which the first organisation has the share `largest`. Return the organisations."""
    from tests.benchmarks.gap_rows import fill, make_organisations  # noqa: PLC0415  # settings are needed first
    from tests.owner_rows import owner_connection  # noqa: PLC0415

    organisations = make_organisations(tenants)
    shares = [largest, *((1 - largest) / (tenants - 1) for _ in range(tenants - 1))]
    with owner_connection() as owner:
        fill(owner, "gaps_gap", rows=rows, of=organisations, shares=shares, changed={"title": TITLE})
    return organisations


def measure(rows: int) -> dict[str, Any]:
    """Everything, in the current database."""
    from tests.owner_rows import owner_connection  # noqa: PLC0415  # settings are needed first

    organisations = prepare(rows, TENANTS)
    largest, smaller = organisations.tenants[:2]
    with owner_connection() as owner:
        size = "SELECT pg_relation_size('gaps_gap'), pg_relation_size('gaps_gap_words'), count(*) FROM gaps_gap"
        table_bytes, index_bytes, held = owner.execute(size).fetchone() or (0, 0, 0)
    result: dict[str, Any] = {
        "rows": held,
        "table_MB": table_bytes / 1e6,
        "index_MB": index_bytes / 1e6,
        "largest": compare(largest),
        "another": compare(smaller),
        "across_ms": _across(),
    }
    with owner_connection() as owner:
        with_index = _written_s(owner, 30_000, organisations)
        definition = owner.execute("SELECT pg_get_indexdef('gaps_gap_words'::regclass)").fetchone() or ("",)
        owner.execute("DROP INDEX gaps_gap_words")
        without = _written_s(owner, 30_000, organisations)
        began = time.perf_counter()
        owner.execute(str(definition[0]).encode())
        result["writing"] = {"with_index_us_a_row": with_index / 0.03, "without_us_a_row": without / 0.03}
        result["writing"]["building_us_a_row"] = (time.perf_counter() - began) / 0.03
    return result


def main() -> None:
    """Make a test database, measure, remove it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=600_000)
    rows = parser.parse_args().rows
    django.setup()
    from django.test.utils import setup_databases, teardown_databases  # noqa: PLC0415  # settings are needed first

    old = setup_databases(verbosity=0, interactive=False, serialized_aliases=set())
    try:
        sys.stdout.write(json.dumps(measure(rows), indent=2) + "\n")
    finally:
        connections.close_all()
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    main()
