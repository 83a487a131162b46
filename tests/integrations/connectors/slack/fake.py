"""A small Slack: two channels that the app is in, one that it is not in, a direct one; messages, a thread, a huddle."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.integrations.connectors.local_server import WORDS, FakeTool, Request, Response

TOKEN = "xoxb-well-known-secret"
TALK, NEWS, OTHERS, DIRECT = "C1TALK", "C2NEWS", "C3OTHERS", "D4DIRECT"
THREAD = "1778000200.000100"


def message(ts: str, user: str | None = "U1", **members: Any) -> dict[str, Any]:
    return {"type": "message", "ts": ts, "user": user, "text": WORDS, **members}


def _channel(channel_id: str, *, is_member: bool, **members: Any) -> dict[str, Any]:
    return {"id": channel_id, "name": channel_id.lower(), "is_channel": True, "is_member": is_member, **members}


class FakeSlack(FakeTool):
    """Pages of two; errors are a 200 with their name in the body."""

    too_many = Response(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "7"})

    def __init__(self) -> None:
        super().__init__(TOKEN)
        self.error = ""
        self.channels = [
            _channel(TALK, is_member=True),
            _channel(NEWS, is_member=True, is_archived=True),
            _channel(OTHERS, is_member=False),
            _channel(DIRECT, is_member=False, is_im=True),
        ]
        self.users: list[dict[str, Any]] = [
            {"id": "U1", "is_email_confirmed": True, "profile": {"email": "ann@acme.example", "real_name": WORDS}},
            {"id": "U2", "is_email_confirmed": False, "profile": {"email": "bob@acme.example"}},
            {"id": "U9", "is_bot": True, "is_email_confirmed": True, "profile": {"email": "bot@acme.example"}},
        ]
        self.messages = {
            TALK: [
                message("1778000100.714899"),
                message(THREAD, "U2", thread_ts=THREAD, reply_count=2, latest_reply="1778000400.000300"),
                message("1778000500.000100", "U1", bot_id="B1"),
                message("1778000600.000100", None, subtype="bot_message"),
                message("1778000700.000100", "U2", subtype="channel_join"),
                message(
                    "1778000800.000100",
                    "USLACKBOT",
                    subtype="huddle_thread",
                    room={"created_by": "U1", "date_end": 1778001800, "participant_history": ["U1", "U2"]},
                ),
                message(
                    "1778000900.000100",
                    "USLACKBOT",
                    subtype="huddle_thread",
                    room={"created_by": "U1", "date_end": 1778001000, "participant_history": ["U1"]},
                ),
            ],
            NEWS: [message("1778000150.000100", "U2")],
            OTHERS: [message("1778000150.000100", "U2")],
        }
        self.replies = {
            THREAD: [
                message(THREAD, "U2", thread_ts=THREAD),
                message("1778000300.000200", "U1", thread_ts=THREAD),
                message("1778000400.000300", "U9", bot_id="B9", thread_ts=THREAD),
            ]
        }

    # --- what a test does to it ---

    def empty(self, ts: str) -> None:
        found = next(each for each in self.messages[TALK] if each["ts"] == ts)
        found.update({name: None for name in found if name != "ts"})

    def say(self, ts: str, channel: str = TALK) -> None:
        self.messages[channel].append(message(ts))

    # --- what it answers ---

    def answer(self, request: Request) -> Response:  # noqa: PLR0911 - a table of methods
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return _failure("invalid_auth")
        if self.error:
            return _failure(self.error)
        match request.path.removeprefix("/api/"):
            case "auth.test":
                headers = {"X-OAuth-Scopes": "channels:read, channels:history,users:read"}
                return Response(200, {"ok": True, "user_id": "U9", "team_id": "T1"}, headers)
            case "conversations.list":
                return self._page(request, "channels", self.channels)
            case "users.list":
                return self._page(request, "members", self.users)
            case "conversations.history":
                return self._history(request)
            case "conversations.replies":
                return self._page(request, "messages", self.replies[request.query["ts"]])
        return _failure("unknown_method")

    def _history(self, request: Request) -> Response:
        """Newest first; `oldest` itself is left out."""
        channel = request.query["channel"]
        if channel not in {each["id"] for each in self.channels}:
            return _failure("channel_not_found")
        oldest = Decimal(request.query.get("oldest", "0"))
        found = [each for each in self.messages[channel] if Decimal(each["ts"]) > oldest]
        return self._page(request, "messages", sorted(found, key=lambda each: each["ts"], reverse=True))

    def _page(self, request: Request, member: str, records: list[dict[str, Any]]) -> Response:
        begin = int(request.query.get("cursor", "0"))
        end = begin + self.page_size
        following = str(end) if end < len(records) else ""
        return Response(200, {"ok": True, member: records[begin:end], "response_metadata": {"next_cursor": following}})


def _failure(code: str) -> Response:
    return Response(200, {"ok": False, "error": code})
