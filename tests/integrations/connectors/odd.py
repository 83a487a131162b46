"""A tool that sends odd values: in half of its answers one member is something else than what the tool documents."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

import numpy as np

from tests.integrations.connectors.local_server import FakeTool, Request, Response

VALUES: Final[tuple[Any, ...]] = (
    *(None, "", 0, -1, True, False, [], {}, [None], [[[]]], {"id": None}),
    *(10**30, -(10**18), 2**63, 1.5, 3.7e300, float("inf")),
    *("y" * 150, "z" * 240, "x" * 10_000, ["x"] * 50),
    *("x\x00y", "\ud800", "\u0661\u0662\u0663", "\u202e", " ", "../../etc", "1e400", "1,2,,x", "-1", "9" * 20),
    *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"),
    *("2026-13-45", "2026-01-01", "not a date"),
)
Value = TypeVar("Value")


class OddAnswers:
    """In place of a tool's `answer`. The same seed and the same requests make the same answers."""

    def __init__(self, tool: FakeTool, seed: Sequence[int]) -> None:
        self._answer = tool.answer
        self._chance = np.random.default_rng(seed)

    def __call__(self, request: Request) -> Response:
        response = self._answer(request)
        is_json = response.status == 200 and isinstance(response.body, dict | list)
        if not is_json or self._chance.random() < 0.5:
            return response
        body = copy.deepcopy(response.body)
        if places := list(_places(body)):
            holder, name = self._one_of(places)
            holder[name] = self._one_of(VALUES)
        return Response(200, body, response.headers)

    def _one_of(self, values: Sequence[Value]) -> Value:
        return values[int(self._chance.integers(len(values)))]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every member, at any depth: what holds it, and its name or position."""
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in named:
        yield value, name
        yield from _places(each)
