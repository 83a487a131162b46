"""A small Microsoft Graph: a team with two channels, a team that shows nothing, and a group chat."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from tests.integrations.connectors.local_server import WORDS, FakeTool, Request, Response

SECRET = "well-known-client-secret"
DIRECTORY, CLIENT = "d1d1d1d1-0000-0000-0000-000000000001", "c1c1c1c1-0000-0000-0000-000000000002"
TEAM, CLOSED_TEAM = "7eaa0000-0000-0000-0000-000000000003", "7eaa0000-0000-0000-0000-000000000004"
TALK, NEWS, CHAT = "19:talk@thread.tacv2", "19:news@thread.tacv2", "19:chat@thread.v2"
TOKEN_PATH = rf"/{DIRECTORY}/oauth2/v2\.0/token$"
CALL_ENDED = "#microsoft.graph.callEndedEventMessageDetail"


def _user(number: int) -> dict[str, Any]:
    return {"application": None, "user": {"id": f"user-{number}", "displayName": "Nobody's business"}}


def message(number: int, day: int, **members: Any) -> dict[str, Any]:
    at = f"2026-05-{day:02}T08:00:00.{number:03}Z"
    return {
        "id": str(number),
        "messageType": "message",
        "createdDateTime": at,
        "lastModifiedDateTime": at,
        "from": _user(1),
        "body": {"content": WORDS},
        "eventDetail": None,
        "replies": [],
        **members,
    }


def _call(number: int, day: int, people: int) -> dict[str, Any]:
    event = {"@odata.type": CALL_ENDED, "initiator": _user(1), "callParticipants": [_user(n) for n in range(people)]}
    return message(number, day, messageType="systemEventMessage", eventDetail=event, **{"from": None})


class FakeGraph(FakeTool):
    """Pages of two; a token for the secret, which ends within the hour."""

    too_many = Response(429, {"error": {"code": "TooManyRequests", "message": "throttled"}}, {"Retry-After": "7"})

    def __init__(self) -> None:
        super().__init__(SECRET)
        self.tokens = 0
        self.teams = [TEAM]
        self.channels = [TALK, NEWS]
        self.messages = {
            TALK: [
                message(1, 1),
                message(2, 2, replies=[message(21, 3, **{"from": _user(2)}), message(22, 4)]),
                message(3, 5, **{"from": {"application": {"id": "app"}, "user": None}}),
                message(4, 6, messageType="systemEventMessage", **{"from": None}),
                _call(5, 7, people=3),
                _call(6, 8, people=1),
                message(7, 9),
                message(8, 10),
                message(9, 11, **{"from": None}),
            ],
            NEWS: [message(31, 1, **{"from": _user(2)})],
            CHAT: [message(41, 1), message(42, 2), message(43, 3, **{"from": _user(2)})],
        }

    # --- what a test does to it ---

    def empty(self, number: str) -> None:
        found = next(each for each in self.messages[TALK] if each["id"] == number)
        found.update({name: None for name in found if name != "id"})

    def say(self, number: int, at: datetime) -> None:
        moment = at.isoformat(timespec="milliseconds")
        self.messages[TALK].append(message(number, 1, createdDateTime=moment, lastModifiedDateTime=moment))

    # --- what it answers ---

    def answer(self, request: Request) -> Response:  # noqa: PLR0911 - a table of routes
        if request.path.endswith("/token"):
            return self._token(request)
        if request.headers.get("authorization") != f"Bearer token {self.tokens}":
            return Response(401, {"error": {"code": "InvalidAuthenticationToken"}})
        match request.path.removeprefix("/v1.0").strip("/").split("/"):
            case ["teams"]:
                return self._page(request, [{"id": team} for team in self.teams])
            case ["teams", team, "channels"] if team == TEAM:
                return self._page(request, [{"id": each, "displayName": each} for each in self.channels])
            case ["teams", _, "channels", channel, "messages"] if channel in self.channels:
                return self._page(request, self._newest_first(channel))
            case ["chats", chat, "messages"] if chat == CHAT:
                return self._page(request, self._newest_first(chat))
        return Response(404, {"error": {"code": "NotFound", "message": "words of theirs"}})

    def _token(self, request: Request) -> Response:
        if request.body["client_secret"] != self.secret:
            return Response(401, {"error": "invalid_client", "error_description": "words of theirs"})
        self.tokens += 1
        return Response(200, {"access_token": f"token {self.tokens}", "expires_in": 3599})

    def _newest_first(self, container: str) -> list[dict[str, Any]]:
        return sorted(self.messages[container], key=lambda each: str(each["lastModifiedDateTime"]), reverse=True)

    def _page(self, request: Request, records: list[dict[str, Any]]) -> Response:
        begin = int(request.query.get("$skiptoken", "0"))
        end = begin + self.page_size
        body: dict[str, Any] = {"value": records[begin:end]}
        if end < len(records):
            query = urlencode({**request.query, "$skiptoken": end})
            body["@odata.nextLink"] = f"{self.base_url}{request.path}?{query}"
        return Response(200, body)
