"""Slack, played by a small server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from integrations.connectors.slack.payloads import moment_of, timestamp_of
from integrations.enums import SyncStatus
from projects.enums import ActivityKind
from projects.imports.errors import FieldRefused
from projects.models import ActivityEvent, Contributor
from tenants.isolation.transaction import tenant_context
from tests.integrations.connectors.battery import Played, TalkBattery
from tests.integrations.connectors.local_server import SERVER_ERROR, Response
from tests.integrations.connectors.slack.fake import DIRECT, NEWS, OTHERS, TALK, THREAD, TOKEN, FakeSlack


class TestSlack(TalkBattery):
    tool = "SLACK"
    credentials = {"token": TOKEN}
    recorded = {"activities": 5}
    read = {"channels": 4, "users": 3, "messages": 10}
    skipped = {
        "channels": {"not_a_member": 1, "direct_messages": 1},
        "users": {"bot": 1},
        "messages": {"bot_message": 3, "system_message": 1, "huddle_alone": 1},
    }
    item_path = r"/conversations\.history$"
    edited = "1778000100.714899"

    def make_fake(self) -> FakeSlack:
        return FakeSlack()

    # --- what only Slack does ---

    @pytest.mark.parametrize(
        ("said", "code"),
        [
            ("missing_scope", "forbidden"),
            ("token_revoked", "unauthorized"),
            ("channel_not_found", "not_found"),
            ("internal_error", "server_error"),
            ("something_new", "refused"),
        ],
    )
    def test_error_inside_of_a_200_is_an_error(self, played: Played, said: str, code: str) -> None:
        played.fake.error = said

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.FAILED, code)
        assert said in result.error_message

    def test_page_token_that_died_begins_anew(self, played: Played) -> None:
        played.kill_after(4)
        played.fake.next_answers.append(Response(200, {"ok": False, "error": "invalid_cursor"}))

        result = played.sync()

        assert (result.status, played.counts()) == (SyncStatus.SUCCEEDED, self.recorded)

    def test_message_is_dated_to_the_microsecond(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            event = ActivityEvent.objects.get(external_id=f"{TALK} {self.edited}")
        assert event.occurred_at == datetime(2026, 5, 5, 16, 55, 0, 714899, tzinfo=UTC)

    def test_huddle_of_several_is_a_touchpoint(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            kinds = list(
                ActivityEvent.objects.filter(project=played.integration.project)
                .order_by("occurred_at")
                .values_list("kind", flat=True)
            )
        assert kinds == [ActivityKind.COMMENT] * 4 + [ActivityKind.TOUCHPOINT]

    def test_new_message_is_found_and_those_before_the_last_week_are_not_asked_for(self, played: Played) -> None:
        played.sync()
        played.fake.say("1779000000.000100")

        result = played.sync()

        assert (result.status, result.streams["messages"]["facts"]) == (SyncStatus.SUCCEEDED, 1)
        asked = [r.query for r in played.fake.log if r.path.endswith("history") and r.query["channel"] == TALK]
        assert asked[-1]["oldest"] == "1777396100.000100"

    @pytest.mark.parametrize("hours", [-5, 5.5, 13])
    def test_clock_of_another_zone_changes_no_question(self, played: Played, hours: float) -> None:
        played.sync()
        played.clock.now = played.clock.now.astimezone(timezone(timedelta(hours=hours)))
        played.fake.say("1779000000.000100")

        assert played.sync().streams["messages"]["facts"] == 1

    def test_reply_to_an_older_thread_is_found(self, played: Played) -> None:
        played.sync()
        late = "1778200000.000100"
        played.fake.replies[THREAD].append({"ts": late, "user": "U1", "thread_ts": THREAD})
        next(each for each in played.fake.messages[TALK] if each["ts"] == THREAD)["latest_reply"] = late

        result = played.sync()

        assert result.streams["messages"]["facts"] == 1

    def test_threads_that_are_not_shown_are_skipped_by_name(self, played: Played) -> None:
        played.fake.broken[r"/conversations\.replies$"] = Response(200, {"ok": False, "error": "unknown_method"})

        result = played.sync()

        assert result.status == SyncStatus.SUCCEEDED
        assert result.streams["messages"]["skipped"]["thread_not_shown"] == 1

    def test_thread_that_is_not_given_now_is_asked_for_again(self, played: Played) -> None:
        played.fake.broken[r"/conversations\.replies$"] = SERVER_ERROR
        first = played.sync()
        played.fake.broken.clear()

        second = played.sync()

        assert (first.status, first.error_code) == (SyncStatus.PARTIAL, "details_missing")
        assert (second.status, played.counts()) == (SyncStatus.SUCCEEDED, self.recorded)

    def test_channels_of_others_and_direct_ones_are_never_read(self, played: Played) -> None:
        played.sync()

        assert {r.query["channel"] for r in played.fake.log if "channel" in r.query} == {TALK, NEWS}

    @pytest.mark.parametrize("channel", [OTHERS, DIRECT, "C9GONE"])
    def test_named_channel_that_is_not_shown_is_an_error(self, played: Played, channel: str) -> None:
        played.configure(channel_ids=[TALK, channel])

        result = played.sync()

        assert result.status == SyncStatus.PARTIAL
        assert result.error_code in ("forbidden", "not_found")
        assert channel.lower() in result.error_message.lower()

    def test_channel_that_is_not_listed_is_read_all_the_same(self, played: Played) -> None:
        played.configure(channel_ids=[NEWS])
        played.fake.broken["/conversations.list$"] = Response(200, {"ok": True, "channels": []})

        result = played.sync()

        assert (result.status, played.counts()) == (SyncStatus.SUCCEEDED, {"activities": 1})

    def test_address_that_slack_has_seen_confirmed_becomes_a_digest(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            known = Contributor.objects.filter(source="slack").exclude(email_digest="")
            assert (known.count(), Contributor.objects.filter(source="slack").count()) == (1, 2)

    def test_app_that_may_not_list_people_still_reads(self, played: Played) -> None:
        played.fake.broken["/users.list$"] = Response(200, {"ok": False, "error": "missing_scope"})

        result = played.sync()

        assert result.status == SyncStatus.SUCCEEDED
        assert result.streams["users"]["skipped"] == {"not_offered": 1}

    def test_connection_test_names_missing_scopes(self, played: Played) -> None:
        played.fake.broken["/auth.test$"] = Response(
            200, {"ok": True, "user_id": "U9"}, {"X-OAuth-Scopes": "channels:read"}
        )

        report = self._check(played)

        assert (report.is_ok, report.missing_scopes) == (False, ("channels:history",))

    def test_page_token_that_repeats_is_an_error(self, played: Played) -> None:
        played.fake.broken[self.item_path] = Response(
            200, {"ok": True, "messages": [], "response_metadata": {"next_cursor": "again"}}
        )

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "repeated_page")
        assert len(played.fake.log) < 20


@pytest.mark.parametrize("ts", ["1773301231.714899", "0.000001", "1773301231.000000"])
def test_timestamp_survives_the_way_there_and_back(ts: str) -> None:
    assert timestamp_of(moment_of(ts)) == ts


@pytest.mark.parametrize("ts", ["", "soon", "-1.5", "1773301231.7148991", "99999999999"])
def test_what_is_no_timestamp_is_refused(ts: str) -> None:
    with pytest.raises(FieldRefused):
        moment_of(ts)
