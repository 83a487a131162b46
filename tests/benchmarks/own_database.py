"""Long forms of the benchmarks run in a test database of their own, and print one JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

import django


def print_measured(measure: Callable[[int], dict[str, Any]], description: str | None, *, rows: int = 1_000_000) -> None:
    """Make a test database, print what `measure` finds with `--rows` rows in it, remove it."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rows", type=int, default=rows)
    asked = parser.parse_args().rows
    django.setup()
    from django.test.utils import setup_databases, teardown_databases  # noqa: PLC0415  # settings are needed first

    old = setup_databases(verbosity=0, interactive=False, serialized_aliases=set())
    try:
        sys.stdout.write(json.dumps(measure(asked), indent=2) + "\n")
    finally:
        teardown_databases(old, verbosity=0)
