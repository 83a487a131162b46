"""A small GitLab: one project with four issues (one of them an incident), two merge requests, runs and a release."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.integrations.connectors.local_server import FakeTool, Request, Response

PATH = "acme/rocket"
PROJECT = 77
TOKEN = "glpat-well-known-secret"
API = "/api/v4"
SERVER: dict[str, dict[str, Any]] = {
    "/user": {"id": 1, "username": "robot"},
    "/version": {"version": "19.0.0-ee"},
    "/personal_access_tokens/self": {"scopes": ["read_api"], "expires_at": "2027-03-01"},
}


def _person(number: int) -> dict[str, Any]:
    return {"id": number, "username": f"dev{number}"}


def _milestone() -> dict[str, Any]:
    return {
        "id": 900,
        "iid": 1,
        "title": "v1",
        "state": "active",
        "start_date": "2026-05-01",
        "due_date": "2026-07-01",
        "updated_at": "2026-05-01T08:00:00.000Z",
    }


def iteration(number: int, state: int) -> dict[str, Any]:
    return {
        "id": 800 + number,
        "title": None,
        "state": state,
        "start_date": f"2026-05-{number:02}",
        "due_date": f"2026-05-{number + 6:02}",
        "updated_at": "2026-05-01T08:00:00.000Z",
    }


def _issue(iid: int, *, day: int, **members: Any) -> dict[str, Any]:
    return {
        "id": 1000 + iid,
        "iid": iid,
        "project_id": PROJECT,
        "title": f"Issue {iid}",
        "state": "opened",
        "issue_type": "issue",
        "author": _person(1),
        "assignees": [],
        "labels": [],
        "milestone": None,
        "iteration": None,
        "weight": None,
        "due_date": None,
        "time_stats": {"time_estimate": 0, "total_time_spent": 0},
        "user_notes_count": 0,
        "created_at": f"2026-05-{day:02}T08:00:00.000Z",
        "updated_at": f"2026-05-{day:02}T09:00:00.000Z",
        "closed_at": None,
        "references": {"full": f"{PATH}#{iid}"},
        "web_url": f"https://gitlab.example/{PATH}/-/issues/{iid}",
        **members,
    }


def note(number: int, body: str, at: str, *, is_system: bool = True, **members: Any) -> dict[str, Any]:
    return {
        "id": number,
        "type": None,
        "body": body,
        "system": is_system,
        "author": _person(2),
        "created_at": at,
        "noteable_type": "Issue",
        **members,
    }


def event(number: int, at: str, **members: Any) -> dict[str, Any]:
    return {"id": number, "created_at": at, "user": _person(2), **members}


class FakeGitLab(FakeTool):
    """Pages of two. Iterations and weights are known, as in the paid editions."""

    too_many = Response(429, b"Retry later\n", {"Retry-After": "7"}, content_type="text/plain")

    def __init__(self) -> None:
        super().__init__(TOKEN)
        self.is_premium = True
        self.project = {"id": PROJECT, "path_with_namespace": PATH, "issues_enabled": True}
        self.issues = {
            1: _issue(
                1,
                day=1,
                labels=["bug", "workflow::doing"],
                milestone=_milestone(),
                iteration=iteration(4, 2),
                weight=3,
                due_date="2026-06-30",
                time_stats={"time_estimate": 7200, "total_time_spent": 600},
                assignees=[_person(3)],
                user_notes_count=1,
            ),
            2: _issue(
                2,
                day=2,
                state="closed",
                closed_at="2026-05-10T10:00:00.000Z",
                moved_to_id=None,
                _links={"closed_as_duplicate_of": None},
            ),
            3: _issue(3, day=3, issue_type="incident", severity="HIGH"),
            4: _issue(4, day=4, state="closed", closed_at="2026-05-09T10:00:00.000Z", closed_by=_person(1)),
        }
        self.events: dict[tuple[int, str], list[dict[str, Any]]] = {
            (1, "resource_label_events"): [
                event(1, "2026-05-01T08:00:00.000Z", action="add", label={"name": "bug"}),
                event(2, "2026-05-02T08:00:00.000Z", action="add", label={"name": "workflow::ready"}),
                event(3, "2026-05-03T08:00:00.000Z", action="add", label={"name": "workflow::doing"}),
                event(4, "2026-05-03T08:00:00.000Z", action="remove", label={"name": "workflow::ready"}),
                event(5, "2026-05-03T08:00:00.000Z", action="remove", label=None),
            ],
            (1, "resource_milestone_events"): [
                event(1, "2026-05-02T08:00:00.000Z", action="add", milestone=_milestone())
            ],
            (1, "resource_iteration_events"): [
                event(1, "2026-05-01T09:00:00.000Z", action="add", iteration=iteration(1, 3)),
                event(2, "2026-05-04T08:00:00.000Z", action="remove", iteration=iteration(1, 3)),
                event(3, "2026-05-04T08:00:00.000Z", action="add", iteration=iteration(4, 2)),
            ],
            (1, "resource_weight_events"): [
                event(1, "2026-05-01T09:00:00.000Z", weight=5),
                event(2, "2026-05-02T09:00:00.000Z", weight=3),
            ],
            (2, "resource_state_events"): [
                event(1, "2026-05-05T08:00:00.000Z", state="closed"),
                event(2, "2026-05-06T08:00:00.000Z", state="reopened"),
                event(3, "2026-05-10T10:00:00.000Z", state="closed"),
            ],
        }
        self.notes = {
            1: [
                note(11, "assigned to @dev3 and unassigned @dev9", "2026-05-02T08:00:00.000Z"),
                note(12, "changed due date to June 30, 2026", "2026-05-02T08:01:00.000Z"),
                note(13, "changed time estimate to 2h", "2026-05-02T08:02:00.000Z"),
                note(14, "marked this issue as blocking #2", "2026-05-02T08:03:00.000Z"),
                note(18, "added 1h 30m of time spent at 2026-05-01", "2026-05-02T08:06:00.000Z"),
                note(15, "When will it be there?", "2026-05-02T08:04:00.000Z", is_system=False),
                note(16, "mentioned in commit 0a1b", "2026-05-02T08:05:00.000Z"),
                note(17, "approved this merge request", "2026-05-02T08:05:00.000Z", noteable_type="MergeRequest"),
            ],
        }
        self.links = {
            1: [
                {
                    "id": 1002,
                    "issue_link_id": 61,
                    "link_type": "blocks",
                    "link_created_at": "2026-05-02T08:03:00.000Z",
                    "references": {"full": f"{PATH}#2"},
                }
            ]
        }
        self.merge_requests = {
            1: _issue(
                1,
                day=5,
                id=2001,
                state="merged",
                merged_at="2026-05-20T08:00:00.000Z",
                merge_user=_person(1),
                description="It flies now.\n\nCloses #2",
            ),
            2: _issue(2, day=6, id=2002, description=None),
        }
        self.review_notes = {
            1: [
                note(21, "requested review from @dev2", "2026-05-18T08:00:00.000Z", noteable_type="MergeRequest"),
                note(
                    22, "no", "2026-05-19T08:00:00.000Z", is_system=False, type="DiffNote", noteable_type="MergeRequest"
                ),
                note(23, "approved this merge request", "2026-05-19T09:00:00.000Z", noteable_type="MergeRequest"),
            ]
        }
        self.pipelines = [
            {
                "id": 91,
                "status": "success",
                "source": "push",
                "ref": "main",
                "sha": "0a1b",
                "created_at": "2026-05-02T08:00:00.000Z",
                "updated_at": "2026-05-02T08:05:00.000Z",
                "web_url": f"https://gitlab.example/{PATH}/-/pipelines/91",
            }
        ]
        self.deployments = [
            {
                "id": 95,
                "status": "failed",
                "sha": "0a1b",
                "environment": {"name": "production"},
                "deployable": {
                    "started_at": "2026-05-02T08:06:00.000Z",
                    "finished_at": "2026-05-02T08:09:00.000Z",
                    "web_url": f"https://gitlab.example/{PATH}/-/jobs/5",
                },
                "created_at": "2026-05-02T08:05:30.000Z",
                "updated_at": "2026-05-02T08:09:00.000Z",
            }
        ]

    # --- what a test does to it ---

    def edit(self, external_id: str, title: str, at: datetime) -> None:
        self._find(external_id).update(title=title, updated_at=at.isoformat(timespec="milliseconds"))

    def delete(self, external_id: str) -> None:
        del self.issues[self._find(external_id)["iid"]]

    def empty(self, external_id: str) -> None:
        issue = self._find(external_id)
        issue.update({name: None for name in issue if name not in {"id", "iid", "state", "created_at"}})

    def _find(self, external_id: str) -> dict[str, Any]:
        return next(issue for issue in self.issues.values() if str(issue["id"]) == external_id)

    # --- what it answers ---

    def answer(self, request: Request) -> Response:  # noqa: PLR0911 - a table of routes
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return Response(401, {"message": "401 Unauthorized"})
        path = request.path.removeprefix(API)
        if path in SERVER:
            return Response(200, SERVER[path])
        match path.strip("/").split("/"):
            case ["projects"]:
                return self.linked_page(request, [self.project] if self.is_visible else [])
            case ["groups", "acme", "projects"]:
                return self.linked_page(request, [self.project])
            case ["projects", "acme", "rocket"] if self.is_visible:
                return Response(200, self.project)
            case ["projects", "77", *parts] if self.is_visible:
                return self._of_project(request, parts)
        return Response(404, {"message": "404 Project Not Found"})

    def _of_project(self, request: Request, parts: list[str]) -> Response:  # noqa: PLR0911 - a table of routes
        match parts:
            case ["members", "all"]:
                return self.linked_page(request, [_person(9)])
            case ["milestones"]:
                return self.linked_page(request, [_milestone()])
            case ["iterations"] if self.is_premium:
                return self.linked_page(request, [iteration(1, 3), iteration(4, 2)])
            case ["issues"]:
                return self.linked_page(request, self._since(request, list(self.issues.values())))
            case ["issues", iid] if int(iid) in self.issues:
                return Response(200, self.issues[int(iid)])
            case ["issues", iid, "notes"]:
                return self.linked_page(request, self.notes.get(int(iid), []))
            case ["issues", iid, "links"]:
                return Response(200, self.links.get(int(iid), []))
            case ["issues", iid, kind] if self.is_premium or not kind.startswith(("resource_it", "resource_w")):
                return self.linked_page(request, self.events.get((int(iid), kind), []))
            case ["merge_requests"]:
                return self.linked_page(request, self._since(request, list(self.merge_requests.values())))
            case ["merge_requests", iid, "notes"]:
                return self.linked_page(request, self.review_notes.get(int(iid), []))
            case ["pipelines"]:
                return self.linked_page(request, self._since(request, self.pipelines))
            case ["deployments"]:
                return self.linked_page(request, self._since(request, self.deployments))
        return Response(404, {"message": "404 Not Found"})

    def _since(self, request: Request, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        since = datetime.fromisoformat(request.query.get("updated_after", "2000-01-01T00:00:00Z"))
        return [record for record in records if self._moment(record) >= since]

    def _moment(self, record: dict[str, Any]) -> datetime:
        return datetime.fromisoformat(record["updated_at"] or "2000-01-01T00:00:00Z").astimezone(UTC)
