"""A small Trello: two boards, an archived card, a card made of actions, and comments."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from tests.integrations.connectors.local_server import FakeTool, Request, Response

KEY = "trello-well-known-key"
TOKEN = "trello-well-known-secret"
HOUSE = "5f0000000000000000000b01"
GARDEN = "5f0000000000000000000b02"
LISTS = {
    "5f0000000000000000000c01": "To do",
    "5f0000000000000000000c02": "Doing",
    "5f0000000000000000000c03": "Done 🎉",
    "5f0000000000000000000c04": "Beds",
}
TO_DO, DOING, DONE, BEDS = LISTS
MEMBER = "5f0000000000000000000e01"
_KEY_IN_HEADER = re.compile(r'OAuth oauth_consumer_key="([^"]*)", oauth_token="([^"]*)"')


def made(day: int, number: int, *, hour: int = 8) -> str:
    """The id of something made on a day of May 2026."""
    return f"{int(datetime(2026, 5, day, hour, tzinfo=UTC).timestamp()):08x}{number:016x}"


def place(list_id: str) -> dict[str, str]:
    return {"id": list_id, "name": LISTS[list_id]}


def _card(day: int, number: int, list_id: str, *, board: str = HOUSE, **members: Any) -> dict[str, Any]:
    return {
        "id": made(day, number),
        "name": f"Card {number}",
        "closed": False,
        "dateLastActivity": f"2026-05-{day:02}T09:00:00.000Z",
        "due": None,
        "dueComplete": False,
        "idBoard": board,
        "idList": list_id,
        "idMembers": [],
        "labels": [],
        "badges": {"comments": 0},
        "shortLink": f"Link{number}",
        "url": f"https://trello.example/c/Link{number}",
        "isTemplate": False,
        "customFieldItems": [],
        **members,
    }


def action(day: int, number: int, kind: str, card_id: str, /, *, board: str = HOUSE, **data: Any) -> dict[str, Any]:
    return {
        "id": made(day, number, hour=10),
        "type": kind,
        "date": f"2026-05-{day:02}T10:00:00.{number % 1000:03}Z",
        "idMemberCreator": MEMBER,
        "data": {"board": {"id": board}, **data, "card": {"id": card_id, **data.get("card", {})}},
    }


def move(day: int, number: int, card: str, start: str, end: str) -> dict[str, Any]:
    lists: dict[str, Any] = {"listBefore": place(start), "listAfter": place(end)}
    return action(day, number, "updateCard", card, old={"idList": start}, card={"idList": end}, **lists)


CARDS = {number: made(day, number) for number, day in ((1, 1), (2, 2), (3, 3), (4, 3), (5, 3), (6, 4), (7, 5))}


def _actions() -> list[dict[str, Any]]:
    done, edited, archived = CARDS[1], CARDS[2], CARDS[4]
    return [
        action(1, 1, "createCard", done, list=place(TO_DO)),
        move(2, 2, done, TO_DO, DOING),
        move(3, 3, done, DOING, DONE),
        action(4, 4, "commentCard", done, text="Words that must not be kept"),
        action(4, 5, "updateCard", edited, old={"due": None}, card={"due": "2026-06-10T22:30:00.000Z"}),
        # Within one second, ids and order disagree.
        action(5, 9, "addMemberToCard", edited, idMember=MEMBER),
        action(5, 7, "updateCard", edited, old={"pos": 1}, card={"pos": 2}),
        action(5, 8, "commentCard", edited, text="More of them"),
        action(5, 6, "updateCard", edited, old={"name": "Before"}, card={"name": "Card 2"}),
        action(6, 10, "updateCard", archived, old={"closed": False}, card={"closed": True}, list=place(DOING)),
        action(6, 11, "updateList", "", list=place(DOING)),
        action(
            6,
            12,
            "updateCustomFieldItem",
            edited,
            old={"value": None},
            customField={"name": "Story points"},
            customFieldItem={"value": {"number": "5"}},
        ),
    ]


class FakeTrello(FakeTool):
    """Pages of three, whatever is asked for."""

    too_many = Response(
        429,
        {"error": "API_TOKEN_LIMIT_EXCEEDED"},
        {"X-Rate-Limit-Api-Token-Interval-Ms": "10000", "X-Rate-Limit-Api-Token-Remaining": "0"},
    )
    page_size = 3

    def __init__(self) -> None:
        super().__init__(TOKEN)
        self.boards = {HOUSE: "House", GARDEN: "Garden"}
        self.hidden: set[str] = set()
        self.permissions = [{"modelType": "Board", "idModel": "*", "read": True, "write": False}]
        cards = [
            _card(1, 1, DONE, badges={"comments": 1}, dateLastActivity="2026-05-04T10:00:00.004Z"),
            _card(
                2,
                2,
                TO_DO,
                due="2026-06-10T22:30:00.000Z",
                idMembers=[MEMBER],
                labels=[{"name": "paint", "color": "red"}, {"name": "", "color": "green"}],
                customFieldItems=[{"idCustomField": "f1", "value": {"number": "5"}}],
            ),
            # Three of one second, as on a copied board.
            _card(3, 3, TO_DO),
            _card(3, 4, DOING, closed=True, dateLastActivity="2026-05-06T10:00:00.010Z"),
            _card(3, 5, DOING, dueComplete=True),
            _card(4, 6, TO_DO),
            _card(5, 7, BEDS, board=GARDEN),
        ]
        self.cards = {card["id"]: card for card in cards}
        self.actions = _actions()
        self.closed_to_us: set[str] = set()

    # --- what a test does to it ---

    def add_beside_the_list(self, number: int, **members: Any) -> str:
        """A card that no board lists, and that an action of the house names."""
        card = _card(8, number, DOING, **{"board": "", **members})
        self.cards[card["id"]] = card
        self.actions.append(move(8, number, card["id"], TO_DO, DOING))
        return str(card["id"])

    def edit(self, external_id: str, title: str, at: datetime) -> None:
        moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        self.cards[external_id].update(name=title, dateLastActivity=moment)

    def delete(self, external_id: str) -> None:
        del self.cards[external_id]

    def revoke(self) -> None:
        self.boards.clear()

    def empty(self, external_id: str) -> None:
        self.cards[external_id].update(
            {name: None for name in self.cards[external_id] if name not in ("id", "idBoard")}
        )

    # --- what it answers ---

    def answer(self, request: Request) -> Response:  # noqa: PLR0911 - a table of routes
        told = _KEY_IN_HEADER.fullmatch(request.headers.get("authorization", ""))
        if told is None or told.groups() != (KEY, self.secret):
            return Response(401, b"invalid app token", content_type="text/plain")
        match request.path.strip("/").split("/"):
            case ["members", "me"]:
                return Response(200, {"id": MEMBER, "username": "robot"})
            case ["members", "me", "boards"]:
                return Response(200, [{"id": board, "name": name} for board, name in self.boards.items()])
            case ["tokens", token] if token == TOKEN:
                return Response(200, {"permissions": self.permissions, "dateExpires": "2027-01-01T00:00:00.000Z"})
            case ["cards", card, *_] if card in self.closed_to_us:
                return Response(401, b"unauthorized permission requested", content_type="text/plain")
            case ["cards", card] if card in self.cards:
                return Response(200, self.cards[card])
            case ["cards", card, "actions"] if card in self.cards:
                return self._page(
                    request, [each for each in self.actions if each["data"]["card"]["id"] == card], "date"
                )
            case ["boards", board, *_] if board in self.hidden:
                return Response(401, b"unauthorized permission requested", content_type="text/plain")
            case ["boards", board, *rest] if board in self.boards:
                return self._of_board(request, board, rest)
        return Response(404, b"The requested resource was not found.", content_type="text/plain")

    def _of_board(self, request: Request, board: str, rest: list[str]) -> Response:
        match rest:
            case []:
                return Response(200, {"id": board, "name": self.boards[board]})
            case ["lists"]:
                shown = [BEDS] if board == GARDEN else [TO_DO, DOING, DONE]
                return Response(200, [place(each) for each in shown])
            case ["customFields"]:
                return Response(200, [{"id": "f1", "name": "Story points", "type": "number"}])
            case ["cards"]:
                cards = [card for card in self.cards.values() if card["idBoard"] == board]
                open_only = request.query.get("filter") != "all"
                return self._page(request, [card for card in cards if not (open_only and card["closed"])], "id")
            case ["actions"]:
                actions = [each for each in self.actions if each["data"]["board"]["id"] == board]
                return self._page(request, [each for each in actions if _is_asked(each, request)], "date")
        return Response(404, b"", content_type="text/plain")

    def _page(self, request: Request, records: list[dict[str, Any]], order: str) -> Response:
        limit, since = request.query.get("before", "~"), request.query.get("since", "")
        shown = [each for each in records if each["id"] < limit and each.get("date", "~") >= since]
        asked = {"id", *request.query["fields"].split(",")}
        asked |= {"customFieldItems"} if request.query.get("customFieldItems") == "true" else set()
        newest_first = sorted(shown, key=lambda each: each[order], reverse=True)[: self.page_size]
        return Response(200, [{k: v for k, v in each.items() if k in asked} for each in newest_first])


def _is_asked(sent: dict[str, Any], request: Request) -> bool:
    kinds = request.query.get("filter", "all").split(",")
    fields = [f"{sent['type']}:{name}" for name in sent["data"].get("old") or {}]
    return kinds == ["all"] or any(kind in kinds for kind in (sent["type"], *fields))
