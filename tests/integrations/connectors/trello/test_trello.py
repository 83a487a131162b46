"""Trello, played by a small server."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from integrations.connectors.trello.mapping import Arrivals, Board, action_facts, card_facts
from integrations.connectors.trello.payloads import CardList, created_at, parse_card
from integrations.enums import SyncStatus
from projects.enums import Presence, StatusCategory
from projects.imports.errors import FieldRefused
from projects.models import ActivityEvent, FieldChange, WorkItem
from tenants.isolation.transaction import tenant_context
from tests.integrations.connectors.battery import ConnectorBattery, Played
from tests.integrations.connectors.local_server import Response
from tests.integrations.connectors.trello.fake import (
    CARDS,
    DOING,
    DONE,
    GARDEN,
    HOUSE,
    KEY,
    MEMBER,
    TO_DO,
    TOKEN,
    FakeTrello,
    action,
    move,
    place,
)


class TestTrello(ConnectorBattery):
    tool = "TRELLO"
    credentials = {"api_key": KEY, "token": TOKEN}
    recorded = {"items": 7, "changes": 7, "activities": 2}
    read = {"lists": 4, "cards": 7, "actions": 12}
    skipped = {"actions": {"updateCard:pos": 1, "updateList": 1}}
    item_path = r"/boards/\w+/cards$"
    edited = CARDS[2]
    deleted = CARDS[6]

    def make_fake(self) -> FakeTrello:
        return FakeTrello()

    # --- the connection ---

    def test_connection_test_tells_rights_and_end_of_the_token(self, played: Played) -> None:
        report = self._check(played)

        assert (report.scopes, report.missing_scopes, report.notes) == (("Board:read",), (), ())
        assert report.expires_at == datetime(2027, 1, 1, tzinfo=UTC)

    def test_token_that_may_write_is_noted(self, played: Played) -> None:
        played.fake.permissions[0]["write"] = True

        report = self._check(played)

        assert report.is_ok
        assert report.notes == ("The token may write, too; one that may only read is enough.",)

    def test_token_that_tells_nothing_of_itself_works(self, played: Played) -> None:
        played.fake.broken[r"/tokens/"] = Response(404, b"", content_type="text/plain")

        assert self._check(played).is_ok

    def test_credentials_are_in_no_address(self, played: Played) -> None:
        played.sync()

        asked = [f"{request.path} {dict(request.query)}" for request in played.fake.log]
        assert not [each for each in asked if KEY in each or TOKEN in each]

    # --- limits ---

    def test_limit_without_retry_after_is_waited_for_as_long_as_its_window(self, played: Played) -> None:
        played.fake.next_answers.append(played.fake.too_many)
        played.sync()

        assert 10.0 <= max(played.clock.slept) <= 13.0

    def test_at_most_ten_requests_a_second(self, played: Played) -> None:
        result = played.sync()

        assert sum(played.clock.slept) >= 0.1 * (result.request_count - 1) - 0.001

    # --- boards ---

    def test_hidden_board_is_refused_and_no_wrong_token(self, played: Played) -> None:
        played.configure(board_ids=[HOUSE, GARDEN])
        played.sync()
        played.fake.hidden.add(GARDEN)

        result = played.sync()

        assert (result.status, result.error_code, result.hidden_count) == (SyncStatus.PARTIAL, "forbidden", 1)
        assert played.presence_of(CARDS[7]) == Presence.HIDDEN
        assert played.presence_of(CARDS[2]) == Presence.LIVE

    # --- pages ---

    def test_records_of_one_second_come_once_and_none_is_missing(self, played: Played) -> None:
        result = played.sync()

        assert result.streams["actions"]["read"] == len(played.fake.actions)
        assert result.streams["cards"]["read"] == len(played.fake.cards)

    def test_second_with_more_than_a_page_is_read_whole(self, played: Played) -> None:
        for number in range(20, 40):
            played.fake.actions.append(action(7, number, "commentCard", CARDS[2], text="x"))

        result = played.sync()

        assert (result.status, result.streams["actions"]["read"]) == (SyncStatus.SUCCEEDED, 32)

    def test_any_number_of_kinds_of_actions_is_counted(self, played: Played) -> None:
        for number in range(20, 90):
            played.fake.actions.append(action(7, number, f"somethingElse{number}", CARDS[2]))

        result = played.sync()

        skipped = result.streams["actions"]["skipped"]
        assert result.status == SyncStatus.SUCCEEDED
        assert (len(skipped), sum(skipped.values())) == (50, 70 + sum(self.skipped["actions"].values()))

    def test_page_that_repeats_ends_the_stream_with_an_error(self, played: Played) -> None:
        cards = list(played.fake.cards.values())[:3]
        played.fake.broken[rf"/boards/{HOUSE}/cards$"] = Response(200, cards)

        result = played.sync()

        assert (result.status, result.error_code) == (SyncStatus.PARTIAL, "repeated_page")
        assert played.presence_of(CARDS[7]) == Presence.LIVE

    def test_error_inside_of_a_good_answer_is_an_error(self, played: Played) -> None:
        played.fake.broken[self.item_path] = Response(200, {"error": "API_KEY_LIMIT_EXCEEDED"})

        result = played.sync()

        assert (result.error_code, result.created_count) == ("unexpected_answer", 0)

    # --- edits ---

    @pytest.mark.parametrize(
        "moment", ["2026-06-01T09:30:00-04:00", "2026-06-01T19:00:00+05:30", "2026-06-02T01:30:00+12:00"]
    )
    def test_edit_of_a_done_card_is_found_whatever_the_clock_of_its_author(self, played: Played, moment: str) -> None:
        played.sync()
        played.fake.edit(CARDS[1], "From far away", datetime.fromisoformat(moment))

        assert played.sync().updated_count == 1
        assert played.item(CARDS[1]).resolved_at == datetime(2026, 5, 3, 10, 0, 0, 3000, tzinfo=UTC)

    def test_edit_that_is_noted_as_no_activity_is_found(self, played: Played) -> None:
        played.sync()
        played.fake.cards[CARDS[3]]["labels"] = [{"name": "new", "color": "red"}]

        assert played.sync().updated_count == 1
        assert played.item(CARDS[3]).labels == ["new"]

    def test_move_is_found_with_its_history(self, played: Played) -> None:
        played.sync()
        played.fake.cards[CARDS[3]]["idList"] = DONE
        played.fake.edit(CARDS[3], "Card 3", datetime(2026, 6, 1, 12, 30, tzinfo=UTC))
        moved = move(31, 50, CARDS[3], TO_DO, DONE)
        played.fake.actions.append(moved)

        result = played.sync()

        assert result.updated_count == 1
        assert played.item(CARDS[3]).resolved_at == datetime.fromisoformat(moved["date"])
        assert self._status_changes(played, 3) == [("To do", "Done 🎉")]

    # --- facts ---

    def test_status_is_the_list_unless_a_card_is_archived_or_complete(self, played: Played) -> None:
        played.sync()

        shown = {number: played.item(CARDS[number]) for number in (1, 2, 4, 5)}
        assert {number: (item.status_name, item.status_category) for number, item in shown.items()} == {
            1: ("Done 🎉", StatusCategory.DONE),
            2: ("To do", StatusCategory.TODO),
            4: ("Archived", StatusCategory.DONE),
            5: ("Complete", StatusCategory.DONE),
        }
        assert shown[4].resolution == "Archived"
        assert shown[4].resolved_at == datetime(2026, 5, 6, 10, 0, 0, 10000, tzinfo=UTC)

    def test_item_has_what_the_card_says(self, played: Played) -> None:
        played.sync()

        item = played.item(CARDS[2])
        assert (item.key, item.due_date, item.estimate_points) == ("Link2", date(2026, 6, 10), 5.0)
        assert (item.labels, item.opened_at) == (["paint", "green"], datetime(2026, 5, 2, 8, tzinfo=UTC))

    def test_due_day_is_that_of_the_people(self, played: Played) -> None:
        played.configure(time_zone="Pacific/Auckland")
        played.sync()

        assert played.item(CARDS[2]).due_date == date(2026, 6, 11)
        with tenant_context(played.tenant_id):
            assert FieldChange.objects.get(work_item__external_id=CARDS[2], field="due_date").to_text == "2026-06-11"

    def test_history_of_a_card(self, played: Played) -> None:
        played.sync()

        assert self._status_changes(played, 1) == [("To do", "Doing"), ("Doing", "Done 🎉")]
        assert self._status_changes(played, 4) == [("Doing", "Archived")]

    def test_what_people_wrote_is_not_kept(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            kept = [*FieldChange.objects.values_list("to_text", "from_text"), *WorkItem.objects.values_list("title")]
            events = ActivityEvent.objects.filter(source="trello").count()
        assert not any("must not" in str(each) or "Before" in str(each) for each in kept)
        assert events == 2

    def _status_changes(self, played: Played, number: int) -> list[tuple[str, str]]:
        with tenant_context(played.tenant_id):
            changes = FieldChange.objects.filter(work_item__external_id=CARDS[number], field="status")
            return [(change.from_text, change.to_text) for change in changes.order_by("changed_at")]


# --- mapping, without a server ---

BOARD = Board(HOUSE, {TO_DO: CardList(TO_DO, "To do"), DONE: CardList(DONE, "Done")})


def _sent(**members: object) -> dict[str, object]:
    return {"id": CARDS[1], **members}


def test_id_tells_when_a_card_was_made() -> None:
    assert created_at("64098772e6751c75dc0dc6f6") == datetime(2023, 3, 9, 7, 14, 58, tzinfo=UTC)


def test_card_with_nothing_but_an_id_is_an_item() -> None:
    (item,) = card_facts(_sent(), BOARD, Arrivals()).items

    assert (item.status_id, item.status_category, item.key) == ("no_list", StatusCategory.TODO, CARDS[1])


def test_card_of_a_copied_board_is_not_older_than_itself() -> None:
    (item,) = card_facts(_sent(dateLastActivity="2019-10-25T18:54:40.458Z", idList=DONE), BOARD, Arrivals()).items

    assert item.updated_at == item.created_at == item.resolved_at


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", "card"),
        ("dateLastActivity", "yesterday"),
        ("idMembers", "everybody"),
        ("labels", [5]),
        ("customFieldItems", [{"idCustomField": "f1", "value": {"number": "many"}}]),
        ("badges", []),
    ],
)
def test_odd_member_is_refused_by_name(member: str, value: object) -> None:
    with pytest.raises(FieldRefused):
        parse_card(_sent(**{member: value}), board=HOUSE, points_fields=frozenset({"f1"}))


def test_archiving_of_a_card_that_is_done_is_no_change_of_status() -> None:
    sent = action(
        1, 1, "updateCard", CARDS[1], old={"closed": False}, card={"closed": True}, list={"id": DONE, "name": "Done"}
    )

    assert action_facts(sent) is None


def test_mark_that_is_taken_back_returns_to_the_list() -> None:
    sent = action(
        1, 1, "updateCard", CARDS[1], old={"dueComplete": True}, card={"dueComplete": False}, list=place(DOING)
    )

    facts = action_facts(sent)

    assert facts is not None
    assert [(change.from_text, change.to_text) for change in facts.changes] == [("Complete", "Doing")]


def test_old_move_that_names_no_lists_is_a_move() -> None:
    sent = action(1, 1, "updateCard", CARDS[1], old={"idList": TO_DO}, card={"idList": DONE})

    facts = action_facts(sent)

    assert facts is not None
    assert [(change.from_id, change.to_id) for change in facts.changes] == [(TO_DO, DONE)]


def test_people_are_ids() -> None:
    sent = action(1, 1, "removeMemberFromCard", CARDS[1], member={"id": MEMBER, "fullName": "Somebody"})

    facts = action_facts(sent)

    assert facts is not None
    assert [(change.from_id, change.to_id) for change in facts.changes] == [(MEMBER, "")]
