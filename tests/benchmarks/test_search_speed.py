"""The short form of `bench_search`: words by the index against ILIKE under the policy, within one run."""

from __future__ import annotations

import pytest

from tests.benchmarks.bench_search import compare, prepare

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db(transaction=True)]
ROWS = 40_000
TENANTS = 4


def test_a_search_does_not_read_the_whole_tenant() -> None:
    """The gap widens with the tenant, here of 36,000 rows; the limits leave room for a busy machine."""
    found = compare(prepare(ROWS, TENANTS, largest=0.9).tenants[0], rounds=7)

    for name in ("rare word", "beginning of a word", "key", "nothing like it"):
        assert found[name]["ratio"] >= 5, (name, found[name])
    # A word of every fifth row has no short way: what it finds is fetched before the newest are known.
    assert found["frequent word"]["ratio"] >= 0.5, found["frequent word"]
