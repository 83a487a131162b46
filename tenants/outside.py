"""Asking somebody outside in the middle of a request, while no transaction is open.

A tool may take 20 seconds. A transaction that is held that long keeps dead rows from being removed, for every tenant,
and occupies a connection of a transaction pooler. So a view that needs such an answer is run twice:

1. It runs in the tenant's transaction as every view does, reads what the question needs, and returns a `Question`.
2. The door commits, and asks: no context is in force and no transaction is open, so nothing of any tenant can be read.
3. The view runs once more from its beginning, in a transaction of its own, and finds what was said. What there is to
   see is decided anew: a row that was removed meanwhile is not found.

What the first run writes stays, whatever comes of the question: a view writes there only what holds in any case, such
as that credentials were opened.

    def test(self, request, ...):
        integration = self.find_asked()
        if not is_answered(request):
            return Question(begin_connection_test(integration, environment))
        report = told(request)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse


class Question(HttpResponse):
    """What a view returns that cannot go on before somebody outside has answered. It reaches no client.

    ask: needs neither a context nor a transaction; what it raises is raised by `told`
    """

    def __init__(self, ask: Callable[[], Any]) -> None:
        super().__init__()
        self.ask = ask


@dataclass(frozen=True, slots=True)
class _Told:
    value: Any = None
    error: Exception | None = None


def put_question(request: HttpRequest, question: Question) -> None:
    """Ask, and keep with the request what was said. For the door, outside of every transaction."""
    bare: Any = request
    try:
        bare.told_outside = _Told(question.ask())
    except Exception as error:
        bare.told_outside = _Told(error=error)


def is_answered(request: HttpRequest) -> bool:
    """Whether this is the second run."""
    return hasattr(request, "told_outside")


def told(request: HttpRequest) -> Any:
    """What was said. Raises what asking has raised."""
    kept: _Told = request.told_outside  # type: ignore[attr-defined]  # set by `put_question`
    if kept.error is not None:
        raise kept.error
    return kept.value
