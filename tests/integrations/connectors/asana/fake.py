"""A small Asana: one workspace, two projects that share a task, subtasks, a dependency."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.integrations.connectors.local_server import WORDS, FakeTool, Request, Response

TOKEN = "asana-well-known-secret"
WORKSPACE = "900"
HOUSE = "101"
GARDEN = "102"
SECTIONS = {"11": "To do", "12": "Doing", "13": "Waiting for paint", "21": "Beds"}


def _gid(number: str | None) -> dict[str, str] | None:
    return None if number is None else {"gid": number}


def section(number: str, project: str = HOUSE) -> dict[str, Any]:
    return {"gid": number, "name": SECTIONS[number], "project": _gid(project)}


def _task(number: str, *, day: int, places: dict[str, str | None], **members: Any) -> dict[str, Any]:
    return {
        "gid": number,
        "name": f"Task {number}",
        "resource_subtype": "default_task",
        "completed": False,
        "completed_at": None,
        "created_at": f"2026-05-{day:02}T08:00:00.000Z",
        "modified_at": f"2026-05-{day:02}T09:00:00.000Z",
        "due_on": None,
        "due_at": None,
        "assignee": None,
        "created_by": {"gid": "7", "email": "ann@acme.example"},
        "parent": None,
        "projects": [_gid(project) for project in places],
        "memberships": [
            {"project": _gid(project), "section": section(place, project) if place else None}
            for project, place in places.items()
        ],
        "tags": [],
        "num_subtasks": 0,
        "dependencies": [],
        "dependents": [],
        "custom_fields": [],
        "actual_time_minutes": None,
        "permalink_url": f"https://asana.example/0/{number}",
        **members,
    }


def story(number: int, kind: str, at: str, **members: Any) -> dict[str, Any]:
    return {
        "gid": str(number),
        "resource_subtype": kind,
        "created_at": f"2026-05-{at}.000Z",
        "created_by": _gid("8"),
        "text": "Somebody said something that must not be kept",
        **members,
    }


def _stories() -> dict[str, list[dict[str, Any]]]:
    return {
        "1001": [
            story(1, "added_to_project", "01T08:00:00", project=_gid(HOUSE)),
            story(2, "section_changed", "02T08:00:00", old_section=section("11"), new_section=section("12")),
            story(3, "assigned", "02T09:00:00", assignee=_gid("8")),
            story(4, "comment_added", "03T08:00:00"),
            story(5, "marked_complete", "04T08:00:00"),
            story(6, "follower_added", "04T08:00:01"),
        ],
        "1002": [
            story(
                21,
                "due_date_changed",
                "05T08:00:00",
                old_dates={"due_on": None},
                new_dates={"due_on": "2026-06-10", "due_at": None},
            ),
            story(22, "dependency_added", "05T09:00:00", dependency=_gid("1001")),
            story(
                23,
                "number_custom_field_changed",
                "05T10:00:00",
                custom_field={"name": "Story points"},
                old_number_value=None,
                new_number_value=5,
            ),
        ],
        "1003": [
            story(
                31,
                "section_changed",
                "06T08:00:00",
                old_section=section("21", GARDEN),
                new_section=section("21", GARDEN),
            )
        ],
        "1004": [],
        "1005": [story(51, "marked_complete", "07T08:00:00")],
        "1006": [story(61, "comment_added", "07T08:00:00")],
        "1007": [story(71, "due_date_changed", "08T08:00:00")],
        "1008": [],
        "1009": [],
        "1010": [],
    }


class FakeAsana(FakeTool):
    """Pages of four, so that lists have several."""

    too_many = Response(429, {"errors": [{"message": "Slow down."}]}, {"Retry-After": "7"})
    page_size = 4

    def __init__(self) -> None:
        super().__init__(TOKEN)
        self.projects = {HOUSE: "House", GARDEN: "Garden"}
        self.tasks = {
            "1001": _task(
                "1001",
                day=4,
                places={HOUSE: "12"},
                completed=True,
                completed_at="2026-05-04T08:00:00.000Z",
                assignee=_gid("8"),
                actual_time_minutes=90,
            ),
            "1002": _task(
                "1002",
                day=5,
                places={HOUSE: "13"},
                due_on="2026-06-10",
                dependencies=[_gid("1001")],
                tags=[{"name": "paint"}],
                custom_fields=[
                    {"name": "Story points", "resource_subtype": "number", "number_value": 5, "display_value": "5"},
                    {"name": "Estimated time", "number_value": 120, "format": "duration", "display_value": "2h"},
                    {"name": "Priority", "enum_value": {"name": "High"}, "display_value": "High"},
                ],
            ),
            "1003": _task("1003", day=6, places={HOUSE: None, GARDEN: "21"}, num_subtasks=2),
            "1004": _task("1004", day=6, places={HOUSE: "11"}),
            "1005": _task(
                "1005",
                day=7,
                places={},
                parent=_gid("1003"),
                completed=True,
                completed_at="2026-05-07T08:00:00.000Z",
            ),
            "1006": _task("1006", day=7, places={}, parent=_gid("1003"), num_subtasks=1),
            "1007": _task("1007", day=8, places={}, parent=_gid("1006")),
            "1008": _task("1008", day=8, places={GARDEN: "21"}),
            "1009": _task("1009", day=9, places={GARDEN: "21"}),
            "1010": _task("1010", day=10, places={GARDEN: None}),
        }
        self.stories = _stories()
        self.times = {
            "1001": [
                {"gid": "501", "duration_minutes": 60, "entered_on": "2026-05-03", "created_by": _gid("9"), "x": WORDS},
                {"gid": "502", "duration_minutes": 30, "entered_on": "2026-05-04", "created_by": None},
            ]
        }

    # --- what a test does to it ---

    def edit(self, external_id: str, title: str, at: datetime) -> None:
        moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        self.tasks[external_id].update(name=title, modified_at=moment)

    def delete(self, external_id: str) -> None:
        del self.tasks[external_id]

    def revoke(self) -> None:
        self.projects.clear()

    def empty(self, external_id: str) -> None:
        task = self.tasks[external_id]
        task.update({name: None for name in task if name not in ("gid", "created_at")})
        task["projects_for_the_list"] = [_gid(HOUSE)]

    # --- what it answers ---

    def answer(self, request: Request) -> Response:  # noqa: PLR0911 - a table of routes
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return Response(401, {"errors": [{"message": "Not Authorized"}]})
        match request.path.strip("/").split("/"):
            case ["users", "me"]:
                return Response(200, {"data": {"gid": "7", "workspaces": [{"gid": WORKSPACE, "name": "Home"}]}})
            case ["workspaces", _, "projects"]:
                return self._page(request, [{"gid": gid, "name": name} for gid, name in self.projects.items()])
            case ["projects", project] if project in self.projects:
                return Response(200, {"data": {"gid": project, "name": self.projects[project]}})
            case ["projects", project, "tasks"] if project in self.projects:
                return self._page(request, self._listed(request, project))
            case ["tasks", gid] if gid in self.tasks:
                return Response(200, {"data": self.tasks[gid]})
            case ["tasks", gid, "stories"] if gid in self.tasks:
                return self._page(request, self.stories[gid])
            case ["tasks", gid, "time_tracking_entries"] if gid in self.times:
                return self._page(request, self.times[gid])
            case ["tasks", gid, "subtasks"] if gid in self.tasks:
                return self._page(request, [task for task in self.tasks.values() if task["parent"] == _gid(gid)])
        return Response(404, {"errors": [{"message": "Unknown object"}]})

    def _listed(self, request: Request, project: str) -> list[dict[str, Any]]:
        since = request.query.get("modified_since", "")
        return [
            task
            for task in self.tasks.values()
            if _gid(project) in (task.get("projects_for_the_list") or task["projects"])
            and (task["modified_at"] or "9999") >= since
        ]

    def _page(self, request: Request, records: list[dict[str, Any]]) -> Response:
        offset = request.query.get("offset", "place 0")
        if not offset.startswith("place "):
            return Response(400, {"errors": [{"message": "offset: Your pagination token has expired."}]})
        start = int(offset.removeprefix("place "))
        end = start + self.page_size
        following = {"offset": f"place {end}", "uri": "unused"} if end < len(records) else None
        return Response(
            200, {"data": [self._shown(request, each) for each in records[start:end]], "next_page": following}
        )

    def _shown(self, request: Request, record: dict[str, Any]) -> dict[str, Any]:
        """Only what was asked for, as Asana does."""
        asked = {field.partition(".")[0] for field in request.query.get("opt_fields", "").split(",")}
        return {name: value for name, value in record.items() if name in asked | {"gid", "resource_type"}}
