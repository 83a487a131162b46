"""A Jira of many issues, each with five changes, as a server in a process of its own.

    python -m tests.benchmarks.large_jira 29000

It prints its address, and at a line on standard input how many seconds it has spent on answers so far.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integrations.connectors.jira.fake import FakeJira, history, issue, status_change
from tests.integrations.connectors.local_server import Request, Response, serving

BEGIN = datetime(2020, 1, 6, 9, tzinfo=UTC)
STEPS = (("1", "3"), ("3", "1"), ("1", "3"), ("3", "5"), ("5", "5"))


class LargeJira(FakeJira):
    """Its pages are as large as they are asked for."""

    def __init__(self, issues: int) -> None:
        super().__init__()
        self.spent_s = 0.0
        self.issues = {str(10_000 + n): _issue(n) for n in range(1, issues + 1)}
        self.listed = list(self.issues.values())
        self.histories = {str(10_000 + n): _histories(n) for n in range(1, issues + 1)}

    def respond(self, request: Request) -> Response:
        began = time.perf_counter()
        response = super().respond(request)
        response = replace(response, body=json.dumps(response.body).encode())
        self.log.clear()
        self.spent_s += time.perf_counter() - began
        return response

    def _search(self, request: Request) -> dict[str, Any]:
        start = int(request.body.get("nextPageToken", "0"))
        end = start + int(request.body["maxResults"])
        if "updated >=" in request.body["jql"]:
            self.page_size = int(request.body["maxResults"])
            return super()._search(request)
        page = self.listed[start:end]
        shown = page if request.body["fields"] != ["id"] else [{"id": each["id"]} for each in page]
        more = {} if end >= len(self.listed) else {"nextPageToken": str(end)}
        return {"issues": shown, "isLast": not more, **more}


def _issue(number: int) -> dict[str, Any]:
    begun = BEGIN + timedelta(minutes=97 * number)
    moments = {"created": _stamp(begun), "updated": _stamp(begun + timedelta(days=20))}
    done = {"resolutiondate": _stamp(begun + timedelta(days=20))}
    person = {"accountId": f"account-{number % 190}"}
    return issue(number, status="5", assignee=person, **moments, **done)


def _histories(number: int) -> list[dict[str, Any]]:
    begun = BEGIN + timedelta(minutes=97 * number)
    return [
        history(10 * number + place, begun + timedelta(days=1 + 4 * place), status_change(*step))
        for place, step in enumerate(STEPS)
    ]


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    jira = LargeJira(int(sys.argv[1]))
    with serving(jira):
        _say(jira.base_url)
        for _ in sys.stdin:
            _say(str(jira.spent_s))
