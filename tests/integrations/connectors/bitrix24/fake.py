"""A small Bitrix24 portal: a scrum team with three tasks, two tasks without a group, and a group without tasks."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from operator import eq, ge, gt, le, lt
from typing import Any

from tests.integrations.connectors.local_server import SERVER_ERROR, WORDS, FakeTool, Request, Response

CODE = "b24wellknownsecret"
USER = "1"
TEAM = "5"
ZONE = timezone(timedelta(hours=3))
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {"": eq, ">": gt, ">=": ge, "<": lt, "<=": le}
MEMBERS = {"ID": "id", "GROUP_ID": "groupId", "CHANGED_DATE": "changedDate"}


def _task(number: int, *, group: str = TEAM, **members: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "title": f"Task {number}",
        "status": "2",
        "priority": "1",
        "parentId": None,
        "groupId": group,
        "sprintId": None,
        "tags": [],
        "commentsCount": None,
        "createdBy": "1",
        "responsibleId": "8",
        "accomplices": [],
        "createdDate": f"2026-05-{number:02}T10:00:00+03:00",
        "changedDate": f"2026-05-{number + 5:02}T10:00:00+03:00",
        "statusChangedDate": f"2026-05-{number:02}T10:00:00+03:00",
        "closedDate": None,
        "deadline": None,
        "timeEstimate": "0",
        "timeSpentInLogs": None,
        **members,
    }


def _time(number: int, spent_s: str, **members: Any) -> dict[str, Any]:
    return {
        "ID": str(number),
        "TASK_ID": "11",
        "USER_ID": "9",
        "COMMENT_TEXT": WORDS,
        "SECONDS": spent_s,
        "CREATED_DATE": "2026-05-13T01:00:00+03:00",
        "DATE_START": "2026-05-12T10:00:00+03:00",
        **members,
    }


def _entry(number: int, field: str, day: int, before: Any = None, after: Any = None) -> dict[str, Any]:
    return {
        "id": number,
        "createdDate": f"2026-05-{day:02}T12:00:00+03:00",
        "field": field,
        "value": {"from": before, "to": after},
        "user": {"id": 8, "login": "dev@acme.example"},
    }


class FakeBitrix24(FakeTool):
    """Pages of two, so that lists have several."""

    too_many = Response(503, {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"})

    def __init__(self) -> None:
        super().__init__(CODE)
        self.bad_moments_of_census = 0
        self.missing_methods: set[str] = set()
        self.refused_histories: set[int] = set()
        self.tasks = {
            "11": _task(
                11,
                deadline="2026-07-01T01:00:00+03:00",
                timeEstimate="9000",
                timeSpentInLogs="600",
                accomplices=["9"],
                tags={"35": {"id": 35, "title": "garden"}},
                commentsCount="2",
            ),
            "12": _task(12, status="5", closedDate="2026-05-16T12:00:00+03:00", sprintId="70"),
            "13": _task(13, parentId="11"),
            "14": _task(14, group="0"),
            "15": _task(15, group="0", createdDate=None),
        }
        self.times = {11: [_time(1, "300"), _time(2, "300", DATE_START=None)]}
        self.histories = {number: [_entry(number, "NEW", number)] for number in (11, 13, 14, 15)}
        self.histories[12] = [
            _entry(1, "NEW", 12),
            _entry(2, "RESPONSIBLE_ID", 12, "0", "8"),
            _entry(3, "MOVE_TO_SPRINT", 13, "", "Sprint 1"),
            _entry(4, "REAL_STATUS", 14, "2", "3"),
            _entry(5, "STATUS", 14, "2", "3"),
            # 2026-06-30, 22:30 in UTC, is already July in the zone of the account.
            _entry(6, "DEADLINE", 14, None, "1782858600"),
            _entry(7, "COMMENT", 15, None, "3409"),
            _entry(8, "STATUS", 16, "3", "5"),
        ]
        self.sprints = [
            {
                "id": 70,
                "groupId": 5,
                "name": "Sprint 1",
                "dateStart": "2026-05-11T10:00:00+03:00",
                "dateEnd": "2026-05-24T10:00:00+03:00",
                "status": "active",
            }
        ]

    # --- what a test does to it ---

    def edit(self, external_id: str, title: str, at: datetime) -> None:
        self.tasks[external_id].update(title=title, changedDate=at.astimezone(ZONE).isoformat())

    def delete(self, external_id: str) -> None:
        del self.tasks[external_id]

    def empty(self, external_id: str) -> None:
        kept = {"id", "status", "groupId"}
        self.tasks[external_id].update({name: None for name in self.tasks[external_id] if name not in kept})

    # --- what it answers ---

    def answer(self, request: Request) -> Response:
        method = request.path.rpartition("/")[2]
        if request.path != f"/rest/{USER}/{self.secret}/{method}":
            return Response(401, {"error": "INVALID_CREDENTIALS", "error_description": "Invalid request credentials"})
        routes: dict[str, Callable[[dict[str, Any]], Any]] = {
            "profile": lambda _: {"result": {"ID": USER, "ADMIN": True}},
            "scope": lambda _: {"result": ["task", "sonet_group"]},
            "socialnetwork.api.workgroup.list": self._groups,
            "tasks.api.scrum.sprint.list": lambda _: {"result": self.sprints},
            "tasks.task.list": self._list,
            "tasks.task.history.list": self._history,
            "task.elapseditem.getlist": self._times,
        }
        if method not in routes or method in self.missing_methods:
            return Response(404, {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"})
        if method == "tasks.task.history.list" and request.body["taskId"] in self.refused_histories:
            return Response(400, {"error": "0", "error_description": "Access denied. (internal error)"})
        if self.bad_moments_of_census and self._goes_on_with_a_census(request):
            self.bad_moments_of_census -= 1
            return SERVER_ERROR
        return Response(200, routes[method](request.body) | {"time": {"start": 1.0, "finish": 1.5, "operating": 0.1}})

    def _goes_on_with_a_census(self, request: Request) -> bool:
        return bool(request.body.get("select") == ["ID"] and request.body["filter"][">ID"] != "0")

    def _groups(self, body: dict[str, Any]) -> dict[str, Any]:
        team = {"id": 5, "name": "Rocket", "scrumMasterId": 1}
        shown = [*([team] if self.is_visible else []), {"id": 7, "name": "Idle", "scrumMasterId": 0}]
        page = {"result": {"workgroups": shown[body["start"] : body["start"] + 1]}, "total": len(shown)}
        return page | ({"next": body["start"] + 1} if body["start"] + 1 < len(shown) else {})

    def _list(self, body: dict[str, Any]) -> dict[str, Any]:
        shown = [task for task in self.tasks.values() if self.is_visible or task["groupId"] != TEAM]
        for name, wanted in body["filter"].items():
            operator, field = re.fullmatch(r"([<>=]*)(\w+)", name).groups()  # type: ignore[union-attr]
            is_kept = OPERATORS[operator]
            shown = [task for task in shown if is_kept(_value(field, task[MEMBERS[field]]), _value(field, wanted))]
        return {"result": {"tasks": shown[: self.page_size]}}

    def _times(self, body: dict[str, Any]) -> dict[str, Any]:
        assert list(body)[:4] == ["TASKID", "ORDER", "FILTER", "SELECT"]
        return {"result": [each for each in self.times[body["TASKID"]] if int(each["ID"]) > body["FILTER"][">ID"]]}

    def _history(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"result": {"list": self.histories[body["taskId"]]}}


def _value(field: str, value: Any) -> Any:
    if field == "CHANGED_DATE":
        return datetime.fromisoformat(value or "2000-01-01T00:00:00+00:00")
    return int(value)
