"""Trello, played by a small server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from integrations.connectors.trello import client
from integrations.connectors.trello.mapping import Arrivals, Board, action_facts, card_facts
from integrations.connectors.trello.payloads import CardList, created_at, parse_card
from integrations.domain.mappings import change_mappings
from integrations.domain.previewing import preview_sync
from integrations.enums import SyncStatus
from integrations.http.door import MOST_TRIES
from projects.enums import Presence, StatusCategory
from projects.imports.errors import FieldRefused
from projects.models import ActivityEvent, FieldChange, WorkItem
from tenants.isolation.transaction import tenant_context
from tests.integrations.connectors.battery import ConnectorBattery, Played
from tests.integrations.connectors.local_server import SERVER_ERROR, Request, Response
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
    made,
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

    # --- cards that no list shows ---

    def test_card_that_no_list_shows_comes_with_its_history_and_is_asked_for_once(self, played: Played) -> None:
        card = played.fake.add_beside_the_list(60)

        first, second = played.sync(), played.sync()

        assert (first.status, first.created_count, second.status) == (SyncStatus.SUCCEEDED, 8, SyncStatus.SUCCEEDED)
        assert (second.created_count, second.updated_count, second.gone_count) == (0, 0, 0)
        assert (played.item(card).container, played.item(card).status_name) == (HOUSE, "Doing")
        assert self._status_changes(played, card) == [("To do", "Doing")]
        assert played.presence_of(card) == Presence.LIVE
        assert self._cards_asked_for(played) == [card]

    def test_done_card_that_no_list_shows_is_done_since_it_came_there(self, played: Played) -> None:
        card = played.fake.add_beside_the_list(60, idList=DONE)
        arrival = move(9, 61, card, DOING, DONE)
        played.fake.actions.append(arrival)

        played.sync()

        assert played.item(card).resolved_at == datetime.fromisoformat(arrival["date"])

    def test_cards_that_are_elsewhere_hidden_or_deleted_are_asked_for_once(self, played: Played) -> None:
        fake = played.fake
        elsewhere = fake.add_beside_the_list(60, board="5f0000000000000000000b09")
        hidden, deleted = fake.add_beside_the_list(61), fake.add_beside_the_list(62)
        fake.closed_to_us.add(hidden)
        fake.delete(deleted)

        first, second = played.sync(), played.sync()

        assert (first.status, first.error_message, second.status) == (SyncStatus.SUCCEEDED, "", SyncStatus.SUCCEEDED)
        assert first.streams["actions"]["skipped"] == {
            **self.skipped["actions"],
            "on_another_board": 1,
            "vanished": 2,
        }
        assert sorted(self._cards_asked_for(played)) == sorted([elsewhere, hidden, deleted])
        assert played.counts() == self.recorded

    def test_card_that_the_board_says_has_left_is_not_asked_for(self, played: Played) -> None:
        moved, deleted = made(8, 60), made(8, 61)
        played.fake.actions += [
            action(8, 60, "commentCard", moved, text="x"),
            action(9, 61, "moveCardFromBoard", moved, boardTarget={"id": GARDEN}),
            action(9, 62, "deleteCard", deleted),
        ]

        played.sync()

        assert self._cards_asked_for(played) == []

    def test_card_that_came_while_the_board_was_read_is_there_at_once(self, played: Played) -> None:
        own: Callable[[Request], Response] = played.fake.answer
        late: list[str] = []

        def answer(sent: Request) -> Response:
            if sent.query.get("filter") == "all" and sent.path.endswith("/actions") and not late:
                late.append(played.fake.add_beside_the_list(60, board=HOUSE))
            return own(sent)

        played.fake.answer = answer
        first, second = played.sync(), played.sync()

        assert (first.created_count, second.created_count, second.updated_count) == (8, 0, 0)
        assert self._cards_asked_for(played) == late
        played.fake.delete(late[0])
        assert (played.sync().gone_count, played.presence_of(late[0])) == (1, Presence.GONE)

    def test_card_that_no_list_shows_is_restated_when_something_happens_to_it(self, played: Played) -> None:
        card = played.fake.add_beside_the_list(60)
        played.sync()
        played.fake.cards[card].update(name="Renamed", dateLastActivity="2026-05-30T12:00:00.000Z")
        played.fake.actions.append(action(30, 90, "updateCard", card, old={"name": "x"}, card={"name": "Renamed"}))

        result = played.sync()

        assert (result.updated_count, played.title_of(card)) == (1, "Renamed")

    def test_mapping_that_changes_restates_cards_that_no_list_shows(self, played: Played) -> None:
        card = played.fake.add_beside_the_list(60)
        played.sync()
        with tenant_context(played.tenant_id):
            change_mappings(integration=played.integration, categories={DOING: StatusCategory.DONE})

        played.sync()

        assert played.item(card).status_category == StatusCategory.DONE

    @pytest.mark.parametrize("kind", ["deleteCard", "moveCardFromBoard"])
    def test_card_that_no_list_shows_is_gone_when_the_board_says_that_it_left(self, played: Played, kind: str) -> None:
        card = played.fake.add_beside_the_list(60)
        played.sync()
        played.fake.delete(card)
        played.fake.actions.append(action(30, 90, kind, card))

        result = played.sync()

        assert (result.gone_count, played.presence_of(card)) == (1, Presence.GONE)
        assert self._cards_asked_for(played) == [card]

    def test_card_that_no_list_shows_is_hidden_with_its_board_and_comes_back_with_it(self, played: Played) -> None:
        played.configure(board_ids=[HOUSE, GARDEN])
        card = played.fake.add_beside_the_list(60)
        played.sync()
        played.fake.hidden.add(HOUSE)
        played.sync()
        assert played.presence_of(card) == Presence.HIDDEN
        played.fake.hidden.clear()

        played.sync()

        assert played.presence_of(card) == Presence.LIVE

    def test_card_that_is_not_given_now_comes_in_a_later_pass_with_all_that_is_told_of_it(self, played: Played) -> None:
        card = played.fake.add_beside_the_list(60, idList=DONE)
        played.fake.actions += [move(9, 61, card, DOING, DONE), action(9, 62, "commentCard", card, text="x")]
        own, failures = played.fake.answer, iter([SERVER_ERROR] * MOST_TRIES)
        played.fake.answer = lambda sent: (sent.path.startswith("/cards/") and next(failures, None)) or own(sent)

        result = played.sync()

        assert (result.status, result.created_count) == (SyncStatus.SUCCEEDED, 8)
        assert self._status_changes(played, card) == [("To do", "Doing"), ("Doing", "Done 🎉")]
        assert played.counts() == {"items": 8, "changes": 9, "activities": 3}
        assert played.sync().updated_count == 0

    def test_cards_beyond_what_a_run_asks_for_are_owed_and_hinder_nothing(
        self, played: Played, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client, "MOST_CARDS_ASKED_FOR", 2)
        cards = [played.fake.add_beside_the_list(number) for number in range(60, 65)]

        results = [played.sync() for _ in range(3)]

        assert [each.created_count for each in results] == [9, 2, 1]
        assert [each.status for each in results] == [SyncStatus.PARTIAL, SyncStatus.PARTIAL, SyncStatus.SUCCEEDED]
        assert sorted(self._cards_asked_for(played)) == sorted(cards)
        assert all(self._status_changes(played, card) == [("To do", "Doing")] for card in cards)

    def test_odd_id_of_a_card_is_put_into_no_address(self, played: Played) -> None:
        played.fake.actions.append(action(8, 60, "commentCard", "../members/me", text="x"))

        played.sync()

        assert self._cards_asked_for(played) == []

    def test_preview_asks_for_no_card(self, played: Played) -> None:
        played.fake.add_beside_the_list(60)

        with tenant_context(played.tenant_id):
            preview_sync(played.integration, played.environment())

        assert self._cards_asked_for(played) == []

    def _cards_asked_for(self, played: Played) -> list[str]:
        asked = [request.path.strip("/").split("/") for request in played.fake.log]
        return [path[1] for path in asked if path[0] == "cards" and len(path) == 2]

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
        assert self._status_changes(played, CARDS[3]) == [("To do", "Done 🎉")]

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

        assert self._status_changes(played, CARDS[1]) == [("To do", "Doing"), ("Doing", "Done 🎉")]
        assert self._status_changes(played, CARDS[4]) == [("Doing", "Archived")]

    def test_what_people_wrote_is_not_kept(self, played: Played) -> None:
        played.sync()

        with tenant_context(played.tenant_id):
            kept = [*FieldChange.objects.values_list("to_text", "from_text"), *WorkItem.objects.values_list("title")]
            events = ActivityEvent.objects.filter(source="trello").count()
        assert not any("must not" in str(each) or "Before" in str(each) for each in kept)
        assert events == 2

    def _status_changes(self, played: Played, card: str) -> list[tuple[str, str]]:
        with tenant_context(played.tenant_id):
            changes = FieldChange.objects.filter(work_item__external_id=card, field="status")
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
