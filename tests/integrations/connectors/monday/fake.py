"""A small monday account: one board with four items, an archived and a deleted one, a log and an update."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.integrations.connectors.local_server import FakeTool, Request, Response

TOKEN = "monday-well-known-secret"
BOARD = "10"
LABELS = {"0": "Working on it", "1": "Done", "5": ""}


def _columns() -> list[dict[str, Any]]:
    drawn = [
        ("name", "Name", "name", {}),
        ("status", "Status", "status", {"labels": LABELS, "done_colors": [1]}),
        ("priority", "Priority", "status", {"labels": {"2": "High"}, "done_colors": []}),
        ("person", "Owner", "people", {}),
        ("date4", "Due date", "date", {}),
        ("numbers", "Estimated hours", "numbers", {}),
        ("dependent_on", "Depends on", "dependency", {}),
    ]
    return [
        {"id": column_id, "title": title, "type": kind, "archived": False, "settings_str": json.dumps(settings)}
        for column_id, title, kind, settings in drawn
    ]


def _cell(column_id: str, kind: str, text: str = "", value: Any = None, **members: Any) -> dict[str, Any]:
    raw = None if value is None else json.dumps(value)
    return {"__typename": kind, "id": column_id, "text": text, "value": raw, **members}


def _status(index: int, day: int) -> dict[str, Any]:
    value = {"index": index, "changed_at": f"2026-05-{day:02}T10:00:00.000Z"}
    return _cell("status", "StatusValue", LABELS[str(index)], value)


def _item(number: int, *cells: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "name": f"Item {number}",
        "state": "active",
        "url": f"https://acme.example/boards/{BOARD}/pulses/{number}",
        "created_at": f"2026-05-{number - 100:02}T08:00:00Z",
        "updated_at": f"2026-05-{number - 90:02}T08:00:00Z",
        "creator_id": "7",
        "board": {"id": BOARD},
        "group": {"id": "topics", "title": "Now"},
        "parent_item": None,
        "column_values": list(cells),
        **members,
    }


def _log(number: int, event: str, at: str, **data: Any) -> dict[str, Any]:
    ticks = round(datetime.fromisoformat(at).timestamp()) * 10_000_000
    return {
        "id": f"log-{number}",
        "event": event,
        "data": json.dumps({"board_id": int(BOARD), **data}),
        "created_at": str(ticks),
        "user_id": "8",
    }


def _label(index: int) -> dict[str, Any]:
    return {"label": {"index": index, "text": LABELS[str(index)]}}


class FakeMonday(FakeTool):
    """Pages of two, so that lists have several."""

    too_many = Response(
        200,
        {
            "errors": [
                {
                    "message": "Complexity budget exhausted",
                    "extensions": {"code": "COMPLEXITY_BUDGET_EXHAUSTED", "retry_in_seconds": 7},
                }
            ]
        },
    )

    def __init__(self) -> None:
        super().__init__(TOKEN)
        self.version = "2026-04"
        self.lists_all_items = True
        person = {"personsAndTeams": [{"id": 8, "kind": "person"}, {"id": 3, "kind": "team"}]}
        self.items = {
            "101": _item(
                101,
                _status(0, 3),
                _cell("priority", "StatusValue", "High", {"index": 2}),
                _cell("person", "PeopleValue", "Dev", person),
                _cell("date4", "DateValue", "2026-07-01", {"date": "2026-07-01", "time": "22:30:00"}),
                _cell("numbers", "NumbersValue", "2.5", "2.5"),
            ),
            "102": _item(102, _status(1, 9)),
            "103": _item(103, _cell("dependent_on", "DependencyValue", linked_item_ids=["101"])),
            "104": _item(104, _status(5, 4)),
            "105": _item(105, _status(1, 1), state="archived"),
            "106": _item(106, state="deleted"),
        }
        cell = {"pulse_id": 102, "column_id": "status", "column_title": "Status", "column_type": "color"}
        self.logs = [
            _log(1, "update_column_value", "2026-05-09T10:00:00Z", **cell, previous_value=_label(0), value=_label(1)),
            _log(2, "update_column_value", "2026-05-05T10:00:00Z", **cell, previous_value=None, value=_label(0)),
            _log(3, "create_group", "2026-05-01T08:00:00Z"),
        ]
        self.updates = [
            {
                "id": "901",
                "item_id": "101",
                "creator_id": "7",
                "created_at": "2026-05-12T08:00:00Z",
                "replies": [{"id": "902", "creator_id": "8", "created_at": "2026-05-12T09:00:00Z"}],
            }
        ]

    # --- what a test does to it ---

    def edit(self, external_id: str, title: str, at: datetime) -> None:
        self.items[external_id].update(name=title, updated_at=at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def delete(self, external_id: str) -> None:
        del self.items[external_id]

    def empty(self, external_id: str) -> None:
        self.items[external_id] = {**dict.fromkeys(self.items[external_id]), "id": external_id, "board": {"id": BOARD}}

    # --- what it answers ---

    def answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != self.secret:
            return Response(401, {"errors": ["Not Authenticated"]})
        query, variables = request.body["query"], request.body.get("variables") or {}
        routes: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "activity_logs": self._logs,
            "next_items_page": lambda v: {"next_items_page": self._items(v, int(v["cursor"]))},
            "items_page": lambda v: {"boards": [{"items_page": self._items(v, 0)}] if self._shows(v["board"]) else []},
            "updates": self._updates,
            "items(": self._all_items,
            "boards(": self._boards,
            "me {": lambda _: {"me": {"id": "7"}},
        }
        make = next(make for word, make in routes.items() if word in query)
        if make == self._all_items and not self.lists_all_items:
            return Response(200, {"errors": [{"message": "ids?", "extensions": {"code": "InvalidArgumentException"}}]})
        return Response(200, {"data": make(variables)}, {"API-Version": self.version})

    def _shows(self, ids: list[str] | None) -> bool:
        return self.is_visible and (ids is None or BOARD in ids)

    def _boards(self, variables: dict[str, Any]) -> dict[str, Any]:
        is_shown = self._shows(variables["ids"]) and variables["page"] == 1
        board = {"id": BOARD, "name": "Rocket", "type": "board", "columns": _columns()}
        return {"boards": [board] if is_shown else []}

    def _items(self, variables: dict[str, Any], start: int) -> dict[str, Any]:
        found = [item for item in self.items.values() if item["state"] in ("active", None)]
        order = ((variables.get("params") or {}).get("order_by") or [{}])[0]
        if order.get("column_id") == "__last_updated__":
            found.sort(key=lambda item: item["updated_at"] or "", reverse=order["direction"] == "desc")
        following = start + self.page_size
        return {"items": found[start:following], "cursor": str(following) if following < len(found) else None}

    def _all_items(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"items": self._page(list(self.items.values()), variables)}

    def _logs(self, variables: dict[str, Any]) -> dict[str, Any]:
        since = variables["since"] or "2000-01-01T00:00:00Z"
        oldest = datetime.fromisoformat(since).timestamp() * 10_000_000
        found = [log for log in self.logs if int(log["created_at"]) >= oldest]
        return {"boards": [{"activity_logs": self._page(found, variables)}] if self.is_visible else []}

    def _updates(self, variables: dict[str, Any]) -> dict[str, Any]:
        since = variables["since"] or ""
        found = [update for update in self.updates if str(update["created_at"]) >= since]
        page = self._page(found, variables)
        return {"boards": [{"updates": page}]} if "boards" in variables else {"updates": page}

    def _page(self, records: list[Any], variables: dict[str, Any]) -> list[Any]:
        return records[(variables["page"] - 1) * self.page_size : variables["page"] * self.page_size]
