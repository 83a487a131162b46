"""How the door asks: how often, how long it waits, what it takes for an answer, and what it says when there is none."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from integrations.http.addresses import AddressGuard
from integrations.http.answers import Answer
from integrations.http.door import Door, DoorLimits, Meter, Service
from integrations.http.errors import (
    BadRequest,
    BudgetSpent,
    Forbidden,
    ForeignAddress,
    Gone,
    NotFound,
    NotJson,
    RateLimited,
    Refused,
    ServerFailed,
    TooLarge,
    ToolError,
    Unauthorized,
    Unreachable,
    WrongContentType,
)
from integrations.http.redaction import redact
from tests.integrations.connectors.local_server import RESET, FakeTool, Request, Response, serving
from tests.integrations.waiting import START, FakeClock

SECRET = "a-secret/with+signs"


class Echo(FakeTool):
    def answer(self, request: Request) -> Response:
        return Response(200, {"path": request.path, "query": dict(request.query)})


@pytest.fixture
def tool() -> Iterator[FakeTool]:
    with serving(Echo()) as served:
        yield served


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def door_to(tool: FakeTool, clock: FakeClock, *, path: str = "", **options: Any) -> Door:
    names = ("judge", "pace_s", "headers", "secrets", "keeps_answers")
    service = Service(base_url=tool.base_url + path, **{name: options.pop(name) for name in names if name in options})
    limits = DoorLimits(**options.pop("limits", {}))
    guard = AddressGuard.allowing(["127.0.0.0/8"])
    return Door(service, guard=guard, waiting=clock.waiting(), limits=limits, **options)


# --- tries and waits ---


@pytest.mark.parametrize(
    ("headers", "least_s"),
    [
        ({"Retry-After": "17"}, 17),
        ({"Retry-After": format_datetime(START + timedelta(seconds=40), usegmt=True)}, 40),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(round(START.timestamp()) + 25)}, 25),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": (START + timedelta(seconds=30)).isoformat()}, 30),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "12"}, 12),
        ({"Retry-After": format_datetime(START - timedelta(days=1), usegmt=True)}, 0),
        ({"Retry-After": "Mon, 16 Nov 2029 13:32:02 +99999999999999"}, 0),
    ],
)
def test_wait_is_what_the_tool_asks_for(
    tool: FakeTool, clock: FakeClock, headers: dict[str, str], least_s: float
) -> None:
    tool.next_answers.append(Response(429, {}, headers))

    with door_to(tool, clock) as door:
        answer = door.get("/x")

    assert answer.status == 200
    assert len(clock.slept) == 1
    assert least_s <= clock.slept[0] <= least_s + 1
    assert door.meter.waited_s == clock.slept[0]


@pytest.mark.parametrize("fault", [Response(500), Response(502), Response(503), Response(504), RESET, Response(429)])
def test_three_tries_and_no_more(tool: FakeTool, clock: FakeClock, fault: Response) -> None:
    tool.broken["."] = fault

    with door_to(tool, clock) as door, pytest.raises(ToolError) as failure:
        door.get("/x")

    assert failure.value.is_transient
    assert (len(tool.log), door.meter.requests, len(clock.slept)) == (3, 3, 2)


def test_back_off_is_jittered_and_doubles(tool: FakeTool, clock: FakeClock) -> None:
    tool.broken["."] = Response(500)

    with door_to(tool, clock) as door, pytest.raises(ServerFailed):
        door.get("/x")

    assert clock.slept == [0.25, 0.5]  # half of 0.5 s and of 1 s: the clock's chance is the middle


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, BadRequest), (401, Unauthorized), (403, Forbidden), (404, NotFound), (410, Gone), (418, Refused)],
)
def test_refusal_is_not_tried_again(tool: FakeTool, clock: FakeClock, status: int, error: type[ToolError]) -> None:
    tool.broken["."] = Response(status, {"message": "no"})

    with door_to(tool, clock) as door, pytest.raises(error) as refusal:
        door.get("/x")

    assert not refusal.value.is_transient
    assert (len(tool.log), clock.slept) == (1, [])


def test_wait_that_is_too_long_is_told_and_not_waited(tool: FakeTool, clock: FakeClock) -> None:
    tool.next_answers.append(Response(429, {}, {"Retry-After": "3600"}))

    with door_to(tool, clock) as door:
        with pytest.raises(RateLimited) as refusal:
            door.get("/x")
        with pytest.raises(RateLimited):
            door.get("/y")

    assert refusal.value.retry_after_s == 3600
    assert (len(tool.log), clock.slept) == (1, [])


def test_used_up_quota_holds_the_next_request(tool: FakeTool, clock: FakeClock) -> None:
    tool.next_answers.append(Response(200, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "20"}))

    with door_to(tool, clock) as door:
        door.get("/x")
        assert clock.slept == []
        door.get("/y")

    assert clock.slept == [20.0]


def test_pace_is_kept(tool: FakeTool, clock: FakeClock) -> None:
    with door_to(tool, clock, pace_s=0.5) as door:
        for _ in range(3):
            door.get("/x")

    assert clock.slept == [0.5, 0.5]


def test_budget_is_not_overdrawn(tool: FakeTool, clock: FakeClock) -> None:
    with door_to(tool, clock, limits={"most_requests": 2}) as door:
        door.get("/x")
        door.get("/x")
        with pytest.raises(BudgetSpent):
            door.get("/x")

    assert len(tool.log) == 2


def test_error_inside_of_a_good_answer_is_the_connectors_to_see(tool: FakeTool, clock: FakeClock) -> None:
    def judge(answer: Answer) -> ToolError | None:
        sent = answer.json_or_none()
        return RateLimited(retry_after_s=3) if isinstance(sent, dict) and sent.get("ok") is False else None

    tool.next_answers.append(Response(200, {"ok": False}))

    with door_to(tool, clock, judge=judge) as door:
        assert door.get("/x").status == 200

    assert len(tool.log) == 2
    assert clock.slept[0] >= 3


# --- addresses ---


def test_paths_lie_below_the_base_address(tool: FakeTool, clock: FakeClock) -> None:
    with door_to(tool, clock, path="/base/") as door:
        sent = door.get_json("/a/b", {"q": "x y"})

    assert sent == {"path": "/base/a/b", "query": {"q": "x y"}}


def test_next_page_of_the_same_origin_is_followed(tool: FakeTool, clock: FakeClock) -> None:
    with door_to(tool, clock, path="/base") as door:
        assert door.get_json(f"{tool.base_url}/elsewhere?page=2")["path"] == "/elsewhere"


@pytest.mark.parametrize(
    "address",
    [
        *("https://elsewhere.example/x", "//elsewhere.example/x", "http://127.0.0.1:1/x", "http://localhost/x"),
        *("http://user@127.0.0.1/x", "ftp://127.0.0.1/x", "http://127.0.0.1.elsewhere.example/x", "http://[bad/x"),
    ],
)
def test_next_page_elsewhere_is_refused(tool: FakeTool, clock: FakeClock, address: str) -> None:
    with door_to(tool, clock) as door, pytest.raises(ForeignAddress):
        door.get(address)

    assert tool.log == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_refused(tool: FakeTool, clock: FakeClock, status: int) -> None:
    tool.next_answers.append(Response(status, {}, {"Location": "/y"}))

    with door_to(tool, clock) as door, pytest.raises(ForeignAddress):
        door.get("/x")

    assert len(tool.log) == 1


# --- answers ---


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (Response(200, b"<html></html>", content_type="text/html"), WrongContentType),
        (Response(200, b'{"a": ['), NotJson),
        (Response(200, b'{"a": NaN}'), NotJson),
        (Response(200, b"[" * 100_000 + b"]" * 100_000), NotJson),
        (Response(200, b"{}", {"Content-Length": "100"}), Unreachable),
        (Response(200, b"x" * 3000), TooLarge),
        (Response(200, gzip.compress(b"[" + b" " * 100_000 + b"]"), {"Content-Encoding": "gzip"}), TooLarge),
        (Response(200, b"no gzip", {"Content-Encoding": "gzip"}), Unreachable),
    ],
    ids=["html", "truncated", "NaN", "deep", "broken off", "huge", "bomb", "bad gzip"],
)
def test_answer_that_is_none_is_refused(
    tool: FakeTool, clock: FakeClock, response: Response, error: type[ToolError]
) -> None:
    tool.broken["."] = response
    most_bytes = 300_000 if error is NotJson else 2_000

    with door_to(tool, clock, limits={"most_bytes": most_bytes}) as door, pytest.raises(error):
        door.get("/x")


def test_characters_that_no_database_keeps_are_replaced(tool: FakeTool, clock: FakeClock) -> None:
    tool.next_answers.append(Response(200, rb'{"a": "x\u0000y \ud83d cut", "b": "\ud83d\ude80", "c": "\\u0000"}'))

    with door_to(tool, clock) as door:
        sent = door.get_json("/x")

    assert sent == {"a": "x\ufffdy \ufffd cut", "b": "\U0001f680", "c": "\\u0000"}


@pytest.mark.parametrize(
    "body",
    [b'{"a": "x\xed\xa0\xbd"}', '{"a": "x\\ud83d"}'.encode("utf-16")],
    ids=["as it is", "escaped, in UTF-16"],
)
def test_halves_of_characters_are_replaced_in_whatever_encoding(tool: FakeTool, clock: FakeClock, body: bytes) -> None:
    tool.next_answers.append(Response(200, body))

    with door_to(tool, clock) as door:
        sent = door.get_json("/x")

    assert sent["a"].rstrip("\ufffd") == "x"
    assert sent["a"].endswith("\ufffd")


def test_bodies_are_told_for_keeping_and_only_good_ones(tool: FakeTool, clock: FakeClock) -> None:
    kept: list[bytes] = []
    tool.next_answers.append(Response(500))

    with door_to(tool, clock, meter=Meter(on_body=kept.append)) as door:
        door.get("/x")

    assert len(kept) == 1


def test_answers_that_are_nobody_s_business_are_not_kept(tool: FakeTool, clock: FakeClock) -> None:
    kept: list[bytes] = []

    with door_to(tool, clock, meter=Meter(on_body=kept.append), keeps_answers=False) as door:
        door.get("/token")

    assert kept == []


def test_unresponsive_tool_is_unreachable() -> None:
    clock = FakeClock()
    with serving(Echo()) as tool:
        address = tool.base_url
    gone = Echo()
    gone.base_url = address

    with door_to(gone, clock) as door, pytest.raises(Unreachable):
        door.get("/x")


# --- words ---


def test_errors_and_logs_repeat_no_secret_and_no_address(
    tool: FakeTool, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tool.broken["."] = Response(403, {"message": SECRET})
    headers = {"authorization": f"Bearer {SECRET}"}

    with door_to(tool, clock, path=f"/{SECRET}", headers=headers, secrets=(SECRET,)) as door:
        with pytest.raises(Forbidden) as refusal:
            door.get("/x", {"token": SECRET})
        shown = " ".join([str(refusal.value), repr(refusal.value), caplog.text, repr(door._service)])

    assert SECRET not in shown
    assert "127.0.0.1" not in f"{refusal.value} {caplog.text}"


def test_redaction_finds_a_secret_however_it_is_written() -> None:
    said = f"Bearer {SECRET} a-secret%2Fwith%2Bsigns YS1zZWNyZXQvd2l0aCtzaWducw=="

    assert redact(said, [SECRET, "abc"]) == "Bearer … … …"


@pytest.mark.parametrize(
    ("code", "shown"),
    [("invalid_auth", True), ("Bad Words With Spaces", False), ("<script>", False), ("x" * 65, False)],
)
def test_code_of_a_tool_is_shown_where_it_is_one(code: str, shown: bool) -> None:
    assert (code in Unauthorized(vendor_code=code).message) is shown
