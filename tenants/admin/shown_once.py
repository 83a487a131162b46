"""What is shown once: keys and secrets, in the answer to the request that made them and nowhere else.

No message and no redirect: a message waits for the next page in a cookie, in clear, and so in the browser's profile and
in whatever logs cookies on the way. The answer is kept by no cache; to see the text again one has to make a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse


@dataclass(frozen=True, slots=True)
class ShownOnce:
    """words: what to do with the text, in front of it;  text: the secret;  more: behind it"""

    words: str
    text: str
    more: str = ""

    def __repr__(self) -> str:
        return f"ShownOnce({self.words!r})"


def show_once(request: HttpRequest, shown: ShownOnce) -> None:
    """Have a text shown by the answer to this request."""
    noted: Any = request
    noted.shown_once = [*getattr(request, "shown_once", []), shown]


def shown_once_answer(request: HttpRequest, site: AdminSite, *, title: str, go_on: str) -> HttpResponse | None:
    """The page with what this request has to show once; None where that is nothing.

    go_on: the address of the page that would have come instead
    """
    shown: list[ShownOnce] = getattr(request, "shown_once", [])
    if not shown:
        return None
    context = {**site.each_context(request), "title": title, "shown_once": shown, "go_on": go_on}
    answer = TemplateResponse(request, "admin/shown_once.html", context)
    answer["Cache-Control"] = "no-store"
    return answer
