"""A small GitHub: one repository with four issues, two pull requests, comments and a milestone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.integrations.connectors.local_server import FakeTool, Request, Response

REPOSITORY = "acme/rocket"
TOKEN = "ghp_well-known-secret"


def _person(number: int) -> dict[str, Any]:
    return {"id": number, "login": f"dev{number}"}


def _milestone() -> dict[str, Any]:
    return {
        "id": 900,
        "number": 1,
        "title": "v1",
        "state": "open",
        "due_on": "2026-07-01T07:00:00Z",
        "closed_at": None,
        "updated_at": "2026-05-01T08:00:00Z",
    }


def _issue(number: int, *, day: int, **members: Any) -> dict[str, Any]:
    return {
        "id": 1000 + number,
        "number": number,
        "title": f"Issue {number}",
        "state": "open",
        "state_reason": None,
        "user": _person(1),
        "assignees": [],
        "labels": [],
        "milestone": None,
        "comments": 0,
        "created_at": f"2026-05-{day:02}T08:00:00Z",
        "updated_at": f"2026-05-{day:02}T09:00:00Z",
        "closed_at": None,
        "html_url": f"https://github.example/{REPOSITORY}/issues/{number}",
        **members,
    }


def _event(number: int, kind: str, at: str, **members: Any) -> dict[str, Any]:
    return {"id": number, "event": kind, "created_at": at, "actor": _person(2), **members}


class FakeGitHub(FakeTool):
    """Pages of two, so that lists have several."""

    too_many = Response(
        403,
        {"message": "You have exceeded a secondary rate limit."},
        {"Retry-After": "7", "X-RateLimit-Remaining": "9"},
    )

    def __init__(self) -> None:
        super().__init__(TOKEN)
        self.issues = {
            1: _issue(1, day=1, labels=[{"name": "bug"}], milestone=_milestone(), comments=1),
            2: _issue(2, day=2, pull_request={"url": "x"}),
            3: _issue(
                3,
                day=3,
                state="closed",
                state_reason="completed",
                closed_at="2026-05-10T10:00:00Z",
                assignees=[_person(3)],
            ),
            4: _issue(4, day=4, parent_issue_url=f"https://api.github.example/repos/{REPOSITORY}/issues/1"),
            5: _issue(5, day=5),
            6: _issue(6, day=6, pull_request={"url": "x"}),
        }
        self.timelines = {
            1: [
                _event(1, "labeled", "2026-05-01T08:00:00Z", label={"name": "bug"}),
                _event(2, "milestoned", "2026-05-02T08:00:00Z", milestone={"title": "v1"}),
                {"event": "committed", "sha": "0a"},
            ],
            3: [
                _event(3, "assigned", "2026-05-04T08:00:00Z", assignee=_person(3)),
                _event(4, "closed", "2026-05-05T08:00:00Z"),
                _event(5, "reopened", "2026-05-06T08:00:00Z"),
                _event(6, "closed", "2026-05-10T10:00:00Z"),
                _event(7, "mentioned", "2026-05-10T10:00:00Z"),
            ],
            5: [
                {
                    "event": "cross-referenced",
                    "created_at": "2026-05-06T08:00:00Z",
                    "actor": _person(1),
                    "source": {"issue": {"id": 1004, "number": 4, "repository": {"full_name": REPOSITORY}}},
                }
            ],
        }
        self.pulls = [
            _issue(2, day=2, merged_at="2026-05-20T08:00:00Z", merged_by=_person(1)),
            _issue(6, day=6, merged_at=None),
        ]
        self.reviews = {
            2: [
                {"id": 71, "state": "CHANGES_REQUESTED", "submitted_at": "2026-05-18T08:00:00Z", "user": _person(2)},
                {"id": 72, "state": "APPROVED", "submitted_at": "2026-05-19T08:00:00Z", "user": _person(2)},
                {"id": 73, "state": "PENDING", "user": _person(2)},
            ],
        }
        self.comments = [
            {
                "id": 81,
                "issue_url": f"https://api.github.example/repos/{REPOSITORY}/issues/1",
                "user": _person(2),
                "created_at": "2026-05-02T08:00:00Z",
                "updated_at": "2026-05-02T08:00:00Z",
            }
        ]
        self.runs = [
            {
                "id": 91,
                "name": "tests",
                "status": "completed",
                "conclusion": "success",
                "run_attempt": 1,
                "head_branch": "main",
                "head_sha": "0a1b",
                "created_at": "2026-05-02T08:00:00Z",
                "updated_at": "2026-05-02T08:05:00Z",
                "html_url": "https://github.example/runs/91",
            }
        ]

        self.deployments = [
            {"id": 96, "environment": "production", "sha": "0a1b", "created_at": "2026-05-03T08:00:00Z"},
            {"id": 95, "environment": "production", "sha": "0a1a", "created_at": "2026-05-02T08:00:00Z"},
        ]
        self.statuses = {
            96: [{"id": 1, "state": "success", "created_at": "2026-05-03T08:05:00Z"}],
            95: [
                {"id": 3, "state": "inactive", "created_at": "2026-05-03T08:05:00Z"},
                {"id": 2, "state": "failure", "created_at": "2026-05-02T08:05:00Z"},
            ],
        }

    # --- what a test does to it ---

    def edit(self, external_id: str, title: str, at: datetime) -> None:
        self._find(external_id).update(title=title, updated_at=at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def delete(self, external_id: str) -> None:
        del self.issues[self._find(external_id)["number"]]

    def empty(self, external_id: str) -> None:
        issue = self._find(external_id)
        kept = {"id", "number", "state", "created_at", "updated_at"}
        issue.update({name: None for name in issue if name not in kept})

    def _find(self, external_id: str) -> dict[str, Any]:
        return next(issue for issue in self.issues.values() if str(issue["id"]) == external_id)

    # --- what it answers ---

    def answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return Response(401, {"message": "Bad credentials"})
        if request.path == "/user":
            return Response(200, {"login": "robot", "id": 1}, {"X-OAuth-Scopes": "repo"})
        if request.path == "/user/repos":
            return Response(200, [{"id": 5, "full_name": REPOSITORY}] if self.is_visible else [])
        base = f"/repos/{REPOSITORY}"
        if not self.is_visible or not request.path.startswith(base):
            return Response(404, {"message": "Not Found"})
        return self._of_repository(request, request.path.removeprefix(base).strip("/").split("/"))

    def _of_repository(self, request: Request, parts: list[str]) -> Response:  # noqa: PLR0911 - a table of routes
        match parts:
            case [""]:
                return Response(200, {"id": 5, "full_name": REPOSITORY})
            case ["milestones"]:
                return self.linked_page(request, [_milestone()])
            case ["issues"]:
                return self.linked_page(request, self._since(request, list(self.issues.values())))
            case ["issues", "comments"]:
                return self.linked_page(request, self._since(request, self.comments))
            case ["issues", number]:
                return Response(200, self.issues[int(number)])
            case ["issues", number, "timeline"]:
                return self.linked_page(request, self.timelines.get(int(number), []))
            case ["pulls"]:
                is_falling = request.query["direction"] == "desc"
                return self.linked_page(request, sorted(self.pulls, key=lambda p: p["updated_at"], reverse=is_falling))
            case ["pulls", number, "reviews"]:
                return self.linked_page(request, self.reviews.get(int(number), []))
            case ["deployments"]:
                return self.linked_page(request, self.deployments)
            case ["deployments", number, "statuses"]:
                return Response(200, self.statuses[int(number)])
            case ["actions", "runs"]:
                least = request.query.get("created", ">=").removeprefix(">=")
                shown = [run for run in self.runs if str(run["created_at"]) >= least]
                return Response(200, {"total_count": len(shown), "workflow_runs": shown})
        return Response(404, {"message": "Not Found"})

    def _since(self, request: Request, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [record for record in records if record["updated_at"] >= request.query.get("since", "")]
