"""Microsoft Teams, played by a small server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integrations.domain.connecting import account_of, check_connection
from integrations.enums import SyncStatus
from projects.enums import ActivityKind
from projects.models import ActivityEvent
from tenants.isolation.transaction import tenant_context
from tests.integrations.connectors.battery import Played, TalkBattery
from tests.integrations.connectors.local_server import Response
from tests.integrations.connectors.teams.fake import (
    CHAT,
    CLIENT,
    CLOSED_TEAM,
    DIRECTORY,
    NEWS,
    SECRET,
    TALK,
    TEAM,
    FakeGraph,
)

SETTINGS: dict[str, Any] = {"directory_id": DIRECTORY, "client_id": CLIENT, "chat_ids": [CHAT]}


class TestTeams(TalkBattery):
    tool = "TEAMS"
    settings = SETTINGS
    credentials = {"client_secret": SECRET}
    recorded = {"activities": 11}
    read = {"messages": 15}
    skipped = {"messages": {"application_message": 2, "system_message": 1, "call_alone": 1}}
    item_path = r"/messages$"
    edited = "1"
    reads_by_post = r"/oauth2/v2\.0/token$"

    def make_fake(self) -> FakeGraph:
        return FakeGraph()

    # --- what only Teams does ---

    def test_token_is_asked_for_once_and_again_before_it_ends(self, played: Played) -> None:
        played.sync()
        assert played.fake.tokens == 1
        played.sync()
        assert played.fake.tokens == 2

    def test_entered_token_needs_no_app(self, played: Played) -> None:
        played.fake.tokens = 1
        played.fake.broken[r"/me$"] = Response(200, {"id": "user-1"})
        played.fake.broken["/me/joinedTeams$"] = Response(200, {"value": [{"id": TEAM}]})
        with tenant_context(played.tenant_id):
            account = account_of(played.integration, played.gateways, purpose="test")

        report = check_connection(
            self.tool, replace(account, credentials={"access_token": "token 1"}), played.environment()
        )

        assert (report.is_ok, report.account) == (True, "user-1")
        assert [request.method for request in played.fake.log if request.method != "GET"] == []

    @pytest.mark.parametrize("name", ["directory_id", "client_id"])
    def test_missing_setting_is_named_before_anything_is_sent(self, played: Played, name: str) -> None:
        with tenant_context(played.tenant_id):
            account = account_of(played.integration, played.gateways, purpose="test")
        settings = {key: value for key, value in SETTINGS.items() if key != name}

        report = check_connection(self.tool, replace(account, settings=settings), played.environment())

        assert report.error is not None
        assert (report.error.code, name in report.error.message) == ("credentials_missing", True)
        assert played.fake.log == []

    def test_meeting_of_several_is_a_touchpoint(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            found = ActivityEvent.objects.filter(project=played.integration.project, kind=ActivityKind.TOUCHPOINT)
            assert [event.external_id for event in found] == [f"{TALK} 5"]

    def test_more_replies_are_followed(self, played: Played) -> None:
        more = {"value": [{"id": "23", "messageType": "message", "createdDateTime": "2026-05-04T09:00:00Z"}]}
        played.fake.broken["/more$"] = Response(200, more)
        played.fake.messages[TALK][1]["replies@odata.nextLink"] = f"{played.fake.base_url}/v1.0/more"

        result = played.sync()

        assert result.streams["messages"]["read"] == self.read["messages"] + 1

    @pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
    def test_new_message_is_found_and_old_pages_are_not_asked_for(self, played: Played, zone: str) -> None:
        played.sync()
        played.fake.log.clear()
        played.fake.say(77, played.clock.now.astimezone(ZoneInfo(zone)))

        result = played.sync()

        assert (result.status, result.streams["messages"]["facts"]) == (SyncStatus.SUCCEEDED, 1)
        asked = [request for request in played.fake.log if request.path.endswith(f"{TALK}/messages")]
        assert len(asked) == 2  # the second page has nothing newer any more

    def test_reply_to_an_older_message_is_found(self, played: Played) -> None:
        played.sync()
        later = "2026-05-20T08:00:00.000Z"
        first = played.fake.messages[TALK][0]
        first["lastModifiedDateTime"] = later
        first["replies"].append({**first, "id": "11", "createdDateTime": later, "replies": []})

        result = played.sync()

        assert result.streams["messages"]["facts"] == 1

    def test_chats_are_asked_for_changes_only(self, played: Played) -> None:
        played.sync()
        played.sync()

        asked = [request.query for request in played.fake.log if CHAT in request.path]
        assert "$filter" not in asked[0]
        assert asked[-1]["$filter"] == "lastModifiedDateTime gt 2026-05-03T07:55:00Z"

    def test_chat_that_nobody_named_is_not_read(self, played: Played) -> None:
        played.configure(**SETTINGS | {"chat_ids": []})

        played.sync()

        assert [request for request in played.fake.log if "/chats" in request.path] == []

    def test_named_channels_need_no_list(self, played: Played) -> None:
        played.configure(**SETTINGS | {"channel_ids": [f"{TEAM}/{NEWS}"], "chat_ids": []})

        result = played.sync()

        assert (result.status, played.counts()) == (SyncStatus.SUCCEEDED, {"activities": 1})
        assert [request.path for request in played.fake.log if request.path.endswith(("/teams", "/channels"))] == []

    def test_channel_is_found_by_its_teams(self, played: Played) -> None:
        played.configure(**SETTINGS | {"channel_ids": [NEWS, "19:gone@thread.tacv2"], "chat_ids": []})

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "not_found")
        assert played.counts() == {"activities": 1}
        assert "19:gone" in result.error_message

    def test_team_that_shows_nothing_is_named(self, played: Played) -> None:
        played.fake.teams.append(CLOSED_TEAM)

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "not_found")
        assert played.counts() == self.recorded
        assert CLOSED_TEAM in result.error_message

    @pytest.mark.parametrize(
        ("response", "code"),
        [
            (Response(403, {"error": {"code": "Authorization_RequestDenied"}}), "forbidden"),
            (Response(410, {"error": {"code": "Gone"}}), "gone"),
            (Response(200, {"error": {"code": "UnknownError"}}), "refused"),
        ],
    )
    def test_name_of_an_error_is_shown(self, played: Played, response: Response, code: str) -> None:
        played.fake.broken[self.item_path] = response

        result = played.sync()

        assert result.error_code == code
        assert response.body["error"]["code"] in result.error_message

    def test_page_that_repeats_is_an_error(self, played: Played) -> None:
        link = f"{played.fake.base_url}/v1.0/teams/{TEAM}/channels/{TALK}/messages?again"
        played.fake.broken[self.item_path] = Response(200, {"value": [], "@odata.nextLink": link})

        result = played.sync()

        assert result.error_code == "repeated_page"
        assert len(played.fake.log) < 20

    def test_next_page_elsewhere_is_not_followed(self, played: Played) -> None:
        body = {"value": [], "@odata.nextLink": "https://elsewhere.example/"}
        played.fake.broken[self.item_path] = Response(200, body)

        assert played.sync().error_code == "foreign_address"
