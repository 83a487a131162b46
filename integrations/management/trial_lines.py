"""A trial of a connector, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_SHOWN = ("read", "created", "updated", "unchanged", "facts", "gone", "hidden", "failed", "deferred")


def trial_lines(name: str, told: Mapping[str, Any]) -> list[str]:
    """told: from `integrations.domain.trying.try_connector`"""
    return [name, *_lines(told)]


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    connection, wrong = told["connection"], told["wrong_credential"]
    yield f"  connection: {'works' if connection['ok'] else connection['error']} {connection['server']}".rstrip()
    yield f"  wrong credential: {wrong['error_code'] or 'was accepted'}"
    for run in ("full", "incremental"):
        yield from _run_lines(run, told[run])
    kinds = (f"{kind} {number:,}" for kind, number in told["recorded"].items() if isinstance(number, int) and number)
    yield f"  recorded: {', '.join(kinds)}"


def _run_lines(name: str, run: Mapping[str, Any] | None) -> Iterator[str]:
    if run is None:
        yield f"  {name}: another worker was at it"
        return
    seconds = run["duration_ms"] / 1000
    yield f"  {name}: {run['status']}, {run['requests']:,} requests, {seconds:.1f} s {run['error']}".rstrip()
    for stream, counts in run["streams"].items():
        numbers = [f"{key} {counts[key]:,}" for key in _SHOWN if counts.get(key)]
        numbers += [f"skipped {reason} {number:,}" for reason, number in counts.get("skipped", {}).items()]
        yield f"    {stream}: {', '.join(numbers) or 'nothing'}"
