"""A small Jira Cloud: one project with four issues, one of which has 130 changes, a sprint, a release and a link."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integrations.connectors.local_server import WORDS, FakeTool, Request, Response

TOKEN = "jira-well-known-secret"
EMAIL = "robot@acme.example"
EMBEDDED = 40
LONG_HISTORY = 130
SPRINT_FIELD = "customfield_10020"
POINTS_FIELD = "customfield_10016"
STATUSES = {
    "1": {"id": "1", "name": "To Do", "statusCategory": {"id": 2, "key": "new"}},
    "3": {"id": "3", "name": "In Arbeit", "statusCategory": {"id": 4, "key": "indeterminate"}},
    "5": {"id": "5", "name": "Done", "statusCategory": {"id": 3, "key": "done"}},
}
SPRINT = {
    "id": 7,
    "name": "Sprint 1",
    "state": "closed",
    "startDate": "2026-05-04T08:00:00.000Z",
    "endDate": "2026-05-15T08:00:00.000Z",
    "completeDate": "2026-05-15T09:00:00.000Z",
    "originBoardId": 2,
    "goal": "",
}


def _person(name: str) -> dict[str, str]:
    return {"accountId": name, "emailAddress": f"{name}@acme.example", "displayName": WORDS}


def _stamp(moment: datetime) -> str:
    """As Jira writes it, in the account's zone, without a colon in the offset."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0530")


def issue(number: int, *, status: str = "1", **fields: Any) -> dict[str, Any]:
    moment = datetime(2026, 4, 30, 12, tzinfo=UTC) + timedelta(days=number)
    return {
        "id": str(10_000 + number),
        "key": f"ROCK-{number}",
        "self": f"https://api.example/rest/api/3/issue/{10_000 + number}",
        "fields": {
            "summary": f"Issue {number}",
            "status": STATUSES[status],
            "issuetype": {"name": "Story"},
            "priority": {"name": "High"},
            "project": {"id": "1", "key": "ROCK"},
            "created": _stamp(moment),
            "updated": _stamp(moment + timedelta(days=1)),
            "resolutiondate": None,
            "duedate": None,
            "assignee": None,
            "reporter": _person("ann"),
            "labels": [],
            "fixVersions": [],
            "issuelinks": [],
            "comment": {"comments": [], "total": 0},
            **fields,
        },
    }


def history(number: int, moment: datetime, *items: dict[str, Any]) -> dict[str, Any]:
    return {"id": str(number), "created": round(moment.timestamp() * 1000), "author": _person("bob"), "items": [*items]}


def worklog(number: int, *, spent_s: int = 3600, started: str = "2026-05-03T23:30:00.000-0500") -> dict[str, Any]:
    return {
        "id": str(number),
        "author": _person("cyd"),
        "started": started,
        "timeSpentSeconds": spent_s,
        "comment": {"type": "doc", "content": [{"type": "text", "text": WORDS}]},
    }


def status_change(before: str, after: str) -> dict[str, Any]:
    names = {key: status["name"] for key, status in STATUSES.items()}
    return {
        "field": "status",
        "fieldId": "status",
        "from": before,
        "fromString": names[before],
        "to": after,
        "toString": names[after],
    }


class FakeJira(FakeTool):
    """Pages of two."""

    too_many = Response(429, {"errorMessages": ["Rate limit exceeded."]}, {"Retry-After": "7"})

    def __init__(self) -> None:
        super().__init__(TOKEN)
        link = {
            "id": "55",
            "type": {"name": "Blocks", "outward": "blocks", "inward": "is blocked by"},
            "outwardIssue": {"id": "10002", "key": "ROCK-2"},
        }
        version = {"id": "40", "name": "1.0", "released": False, "releaseDate": "2026-07-01"}
        comment = {"id": "66", "author": _person("ann"), "created": "2026-05-02T10:00:00.000+0000"}
        self.worklogs = {"10002": [worklog(n) for n in range(901, 904)]}
        self.issues = {
            "10001": issue(1, issuelinks=[link], fixVersions=[version], comment={"comments": [comment], "total": 1}),
            "10002": issue(
                2,
                status="5",
                resolutiondate="2026-05-20T12:00:00.000+0000",
                worklog={"worklogs": [worklog(901)], "total": 3, "maxResults": 1},
            ),
            "10003": issue(3, status="3", assignee=_person("bob"), **{SPRINT_FIELD: [SPRINT], POINTS_FIELD: 3.0}),
            "10004": issue(
                4,
                duedate="2026-06-30",
                timeoriginalestimate=7200,
                worklog={"worklogs": [worklog(910, spent_s=600)], "total": 1},
            ),
        }
        start = datetime(2026, 5, 2, 12, tzinfo=UTC)
        joined = {"field": "Sprint", "fieldId": SPRINT_FIELD, "from": "", "fromString": "", "to": "7", "toString": "S"}
        self.histories: dict[str, list[dict[str, Any]]] = {
            "10002": [
                history(n, start + timedelta(hours=n), status_change(*(("1", "3") if n % 2 else ("3", "1"))))
                for n in range(1, LONG_HISTORY)
            ]
            + [history(LONG_HISTORY, start + timedelta(days=18), status_change("3", "5"))],
            "10003": [history(500, start + timedelta(days=3), joined, status_change("1", "3"))],
        }

    # --- what a test does to it ---

    def edit(self, external_id: str, title: str, at: datetime) -> None:
        self.issues[external_id]["fields"].update(summary=title, updated=at.isoformat(timespec="milliseconds"))

    def delete(self, external_id: str) -> None:
        del self.issues[external_id]

    def empty(self, external_id: str) -> None:
        fields = self.issues[external_id]["fields"]
        kept = {"status", "created", "updated", "project"}
        fields.update({name: None for name in fields if name not in kept})

    # --- what it answers ---

    def answer(self, request: Request) -> Response:
        basic = base64.b64encode(f"{EMAIL}:{self.secret}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return Response(401, {"errorMessages": ["Client must be authenticated."]})
        routes: dict[str, Callable[[Request], Any]] = {
            r"/rest/api/3/myself": lambda _: {"accountId": "robot", "timeZone": "Asia/Kolkata"},
            r"/rest/api/3/serverInfo": lambda _: {"deploymentType": "Cloud", "version": "1001.0.0"},
            r"/rest/api/3/field": lambda _: self._fields(),
            r"/rest/api/3/status": lambda _: list(STATUSES.values()),
            r"/rest/api/3/project/search": lambda _: self._projects(),
            r"/rest/agile/1.0/board": lambda _: {"values": [{"id": 2}, {"id": 3}], "isLast": True},
            r"/rest/agile/1.0/board/2/sprint": lambda _: {"values": [SPRINT], "isLast": True},
            r"/rest/api/3/search/jql": self._search,
            r"/rest/api/3/changelog/bulkfetch": self._bulk,
            r"/rest/api/3/issue/10002/worklog": lambda _: self._worklogs("10002"),
        }
        for path, make in routes.items():
            if request.path == path:
                return Response(200, make(request))
        if request.path == "/rest/agile/1.0/board/3/sprint":
            return Response(400, {"errorMessages": ["The board does not support sprints"]})
        return Response(404, {"errorMessages": ["null for uri"]})

    def _worklogs(self, issue_id: str) -> dict[str, Any]:
        return {"worklogs": self.worklogs[issue_id], "total": len(self.worklogs[issue_id])}

    def _fields(self) -> list[dict[str, Any]]:
        return [
            {"id": SPRINT_FIELD, "name": "Sprint", "schema": {"custom": "com.pyxis.greenhopper.jira:gh-sprint"}},
            {"id": POINTS_FIELD, "name": "Story point estimate", "schema": {"custom": "x"}},
        ]

    def _projects(self) -> dict[str, Any]:
        shown = [{"id": "1", "key": "ROCK", "name": "Rocket"}] if self.is_visible else []
        return {"values": shown, "total": len(shown), "isLast": True}

    def _search(self, request: Request) -> dict[str, Any]:
        since = re.search(r"updated >= (\d+)", request.body["jql"])
        found = [issue for issue in self.issues.values() if since is None or self._is_newer(issue, int(since[1]))]
        start = int(request.body.get("nextPageToken", "0"))
        end = start + self.page_size
        is_last = end >= len(found)
        page = found[start:end]
        shown = page if request.body["fields"] != ["id"] else [{"id": issue["id"]} for issue in page]
        return {"issues": shown, "isLast": is_last} | ({} if is_last else {"nextPageToken": str(end)})

    def _is_newer(self, issue: dict[str, Any], since_ms: int) -> bool:
        return datetime.fromisoformat(issue["fields"]["updated"]).timestamp() * 1000 >= since_ms

    def _bulk(self, request: Request) -> dict[str, Any]:
        """A hundred histories a page, whosever they are."""
        wanted = request.body["issueIdsOrKeys"]
        rows = [(issue_id, history) for issue_id in wanted for history in self.histories.get(issue_id, [])]
        start = int(request.body.get("nextPageToken", "0"))
        logs: dict[str, list[Any]] = {}
        for issue_id, history in rows[start : start + 100]:
            logs.setdefault(issue_id, []).append(history)
        more = {"nextPageToken": str(start + 100)} if start + 100 < len(rows) else {}
        return {"issueChangeLogs": [{"issueId": i, "changeHistories": h} for i, h in logs.items()], **more}


class FakeJiraDataCenter(FakeJira):
    """The same issues on a server of one's own: version 2, pages by startAt, histories inside, a sprint is a text."""

    def __init__(self) -> None:
        super().__init__()
        told = {**SPRINT, "rapidViewId": 2, "state": "CLOSED", "goal": "<null>"}
        text = ",".join(f"{name}={value}" for name, value in told.items() if name != "originBoardId")
        sprint = f"com.atlassian.greenhopper.service.sprint.Sprint@1f0b[{text}]"
        self.issues["10003"]["fields"][SPRINT_FIELD] = [sprint]

    def answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return Response(401, {"errorMessages": ["You are not authenticated."]})
        routes: dict[str, Callable[[Request], Any]] = {
            r"/rest/api/2/myself": lambda _: {"key": "JIRAUSER1", "name": "robot", "timeZone": "Asia/Kolkata"},
            r"/rest/api/2/serverInfo": lambda _: {"deploymentType": "Server", "version": "9.12.2"},
            r"/rest/api/2/field": lambda _: self._fields(),
            r"/rest/api/2/status": lambda _: list(STATUSES.values()),
            r"/rest/api/2/project": lambda _: self._projects()["values"],
            r"/rest/agile/1.0/board": lambda _: {"values": [{"id": 2}], "isLast": True},
            r"/rest/agile/1.0/board/2/sprint": lambda _: {"values": [SPRINT], "isLast": True},
            r"/rest/api/2/search": self._search_by_start,
            r"/rest/api/2/issue/10002/worklog": lambda _: self._worklogs("10002"),
        }
        make = routes.get(request.path)
        return Response(200, make(request)) if make else Response(404, {"errorMessages": ["null for uri"]})

    def _search_by_start(self, request: Request) -> dict[str, Any]:
        since = re.search(r"updated >= (\d+)", request.query["jql"])
        found = [issue for issue in self.issues.values() if since is None or self._is_newer(issue, int(since[1]))]
        start = int(request.query["startAt"])
        page = found[start : start + self.page_size]
        if request.query["fields"] == "id":
            page = [{"id": issue["id"]} for issue in page]
        if request.query.get("expand") == "changelog":
            page = [{**issue, "changelog": self._changelog(issue["id"])} for issue in page]
        return {"startAt": start, "maxResults": self.page_size, "total": len(found), "issues": page}

    def _changelog(self, issue_id: str) -> dict[str, Any]:
        histories = [{**each, "created": _text_of(each["created"])} for each in self.histories.get(issue_id, [])]
        return {"startAt": 0, "maxResults": len(histories), "total": len(histories), "histories": histories}


def _text_of(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
