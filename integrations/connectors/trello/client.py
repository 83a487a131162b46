"""Reading Trello. See README.md for versions, scopes and limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from integrations.connectors.base import (
    VANISHED,
    ConnectionReport,
    Connector,
    DetailedStream,
    Details,
    ItemStream,
    Json,
    Network,
    Page,
    Partition,
    Reading,
    Seen,
    Stream,
    before,
    error_of_all,
    lost_among,
    shown_or_lost,
)
from integrations.connectors.facts import moment_or_none
from integrations.connectors.options import Account
from integrations.connectors.records import (
    all_mapped,
    as_object,
    as_objects,
    in_utc_ms,
    mapped,
    newest,
    placed,
    readable_moment,
    text,
)
from integrations.connectors.trello.login import PUBLIC_ADDRESS, authorization_of
from integrations.connectors.trello.mapping import (
    MOVES,
    Arrivals,
    Board,
    action_facts,
    action_kind,
    card_facts,
    is_done,
    list_facts,
)
from integrations.connectors.trello.named_cards import NamedCards
from integrations.connectors.trello.payloads import ACTION_FIELDS, CARD_FIELDS, CardList, parse_list, points_fields_in
from integrations.http.answers import Answer
from integrations.http.door import Door, Service
from integrations.http.errors import NOT_SHOWN, Forbidden, RateLimited, ToolError, UnexpectedAnswer
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject
from projects.observations import ObservationBatch

PAGE_SIZE: Final = 1_000
PACE_S: Final = 0.1
"""A token may ask a hundred times in ten seconds."""
LIMIT_WAIT_S: Final = 10.0
EVERY_ACTION: Final = "all"
ELSEWHERE: Final = "on_another_board"
CARD_CHANGED: Final = "dateLastActivity"
MOST_CARDS_ASKED_FOR: Final = 500
"""In one run, of those that no list shows: a minute at the pace above. The others are for the next run."""
_ACTION_PARAMS: Final = {"fields": ",".join(ACTION_FIELDS), "memberCreator": "false", "member": "false"}


class Trello:
    """The requests we make, and what the run has listed so far."""

    def __init__(self, door: Door, *, boards: Sequence[str], token: str, zone: tzinfo) -> None:
        self.door = door
        self.board_ids = boards
        self._token = token
        self.zone = zone
        self._boards: dict[str, Board] = {}
        self.lists_sent: dict[str, list[JsonObject]] = {}
        self.shown: dict[str, list[str]] = {}
        self.cards_left = MOST_CARDS_ASKED_FOR

    def me(self) -> JsonObject:
        """https://developer.atlassian.com/cloud/trello/rest/api-group-members/"""
        return as_object(self.door.get_json("/members/me", {"fields": "id,username"}))

    def token(self) -> JsonObject:
        """What the token may and when it ends. https://developer.atlassian.com/cloud/trello/rest/api-group-tokens/"""
        fields = {"fields": "dateExpires,permissions"}
        return as_object(self.door.get_json(f"/tokens/{quote(self._token, safe='')}", fields))

    def boards(self) -> list[JsonObject]:
        """https://developer.atlassian.com/cloud/trello/rest/api-group-members/#api-members-id-boards-get"""
        return as_objects(self.door.get_json("/members/me/boards", {"filter": "all", "fields": "name"}))

    def board(self, board_id: str) -> JsonObject:
        return as_object(self.door.get_json(f"/boards/{board_id}", {"fields": "name"}))

    def lists(self, board_id: str) -> list[JsonObject]:
        """All lists, asked for once in a run: cards name theirs by its id."""
        if board_id not in self.lists_sent:
            sent = self.door.get_json(f"/boards/{board_id}/lists", {"filter": "all", "fields": "name,closed"})
            self.lists_sent[board_id] = as_objects(sent)
        return self.lists_sent[board_id]

    def points_fields(self, board_id: str) -> frozenset[str]:
        """https://developer.atlassian.com/cloud/trello/guides/rest-api/getting-started-with-custom-fields/"""
        return points_fields_in(as_objects(self.door.get_json(f"/boards/{board_id}/customFields")))

    def known(self, board_id: str, cards: Sequence[JsonObject]) -> Board:
        """What cards of a board are read with. Its own fields are asked for when the first card has one."""
        board = self._boards.get(board_id)
        if board is None:
            lists = {each.id: each for each in _readable(self.lists(board_id))}
            board = self._boards[board_id] = Board(board_id, lists, zone=self.zone)
        if not board.points_fields and any(card.get("customFieldItems") for card in cards):
            fields = self.points_fields(board_id) or frozenset({"none"})
            board = self._boards[board_id] = Board(board_id, board.lists, fields, self.zone)
        return board

    def cards(self, board_id: str, fields: Sequence[str], place: str) -> Iterator[tuple[str, list[JsonObject]]]:
        """All cards, archived ones too, newest first. https://developer.atlassian.com/cloud/trello/rest/api-group-boards/"""
        params = {"filter": "all", "fields": ",".join(fields), "sort": "-id"}
        more = {"customFieldItems": "true"} if len(fields) > 1 else {}
        yield from self._backwards(f"/boards/{board_id}/cards", {**params, **more}, place)

    @property
    def shown_anywhere(self) -> frozenset[str]:
        """Ids of all cards that lists have shown, as far as they were read from their beginning."""
        return frozenset(card for ids in self.shown.values() for card in ids)

    def card(self, card_id: str) -> JsonObject:
        """https://developer.atlassian.com/cloud/trello/rest/api-group-cards/#api-cards-id-get"""
        self.cards_left -= 1
        params = {"fields": ",".join(CARD_FIELDS), "customFieldItems": "true"}
        return as_object(self.door.get_json(f"/cards/{card_id}", params))

    def actions_of_card(self, card_id: str) -> list[JsonObject]:
        """Newest first. https://developer.atlassian.com/cloud/trello/rest/api-group-cards/#api-cards-id-actions-get"""
        params = {"filter": EVERY_ACTION, **_ACTION_PARAMS}
        pages = self._backwards(f"/cards/{card_id}/actions", params, "")
        return [action for _, sent in pages for action in sent]

    def actions(
        self, board_id: str, kinds: str, *, since: datetime | None = None, place: str = ""
    ) -> Iterator[tuple[str, list[JsonObject]]]:
        """What happened on a board, newest first; without names of people.

        https://developer.atlassian.com/cloud/trello/rest/api-group-boards/#api-boards-boardid-actions-get
        """
        params = {"filter": kinds, **_ACTION_PARAMS}
        params |= {"since": in_utc_ms(since)} if since else {}
        yield from self._backwards(f"/boards/{board_id}/actions", params, place)

    def _backwards(self, address: str, params: Mapping[str, str], place: str) -> Iterator[tuple[str, list[JsonObject]]]:
        """Pages of records, newest first, each with the place behind it. A short page need not be the last.

        1. A page is asked for before an id, and ids begin with a second. Within one, ids and order disagree: so the
           next page begins at the end of the last record's second, and what is known already is left out.
        2. A page with nothing new that is shorter than others is the end. One that is as long holds a second with more
           records than a page: the next one begins before its smallest id.
        """
        seen, longest = Seen(), 0
        known: set[str] = set()
        while True:
            asked: dict[str, str | int] = {**params, "limit": PAGE_SIZE, **({"before": place} if place else {})}
            sent = as_objects(self.door.get_json(address, asked))
            ids = [str(record.get("id")) for record in sent]
            new = [record for record, record_id in zip(sent, ids, strict=True) if record_id not in known]
            longest = max(longest, len(sent))
            if not sent or (not new and len(sent) < longest):
                return
            following = _end_of_second(ids[-1])
            place = seen.check(following if new and (not place or following < place) else min(ids))
            known = {each for each in known if each[:8] == ids[-1][:8]} | set(ids)
            if new:
                yield place, new


class ListStream(Stream[Trello]):
    """Lists are statuses."""

    name = "lists"

    def pages(self, client: Trello, reading: Reading) -> Iterator[Page]:
        sent = client.lists(reading.partition.id)
        yield all_mapped(sent, list_facts)


class CardStream(ItemStream[Trello]):
    """Cards as they stand. A request brings a thousand, so all are listed in each run.

    Those that are done are restated when something happened to them since the last reading; the others always, because
    not every edit (a label, a field of the board's own) is noted as activity.

    checkpoint: {"before": the place behind the page, "arrivals": when cards came to where they are, once known}
    """

    name = "cards"

    def pages(self, client: Trello, reading: Reading) -> Iterator[Page]:
        board_id, checkpoint = reading.partition.id, reading.checkpoint or {}
        since = self.since(reading)
        place = str(checkpoint.get("before", ""))
        arrivals = Arrivals(checkpoint["arrivals"]) if checkpoint.get("arrivals") is not None else None
        client.shown.pop(board_id, None)
        shown: list[str] = []
        for behind, sent in client.cards(board_id, CARD_FIELDS, place):
            shown += [str(card.get("id")) for card in sent]
            board = client.known(board_id, sent)
            wanted = [card for card in sent if not is_done(card, board) or _may_have_changed(card, since)]
            if arrivals is None and any(is_done(card, board) for card in wanted):
                arrivals = _arrivals(client, board_id)
            page_of = {"before": behind, "arrivals": arrivals.moments if arrivals else None}
            page = all_mapped(wanted, partial(card_facts, board=board, arrivals=arrivals or Arrivals()))
            cards = {str(card.get("id")): card for card in wanted}
            yield replace(page, checkpoint=page_of, cursor=newest(wanted, CARD_CHANGED), fields=cards)
        if not place:
            client.shown[board_id] = shown

    def census(self, client: Trello, partition: Partition) -> Iterator[Sequence[str]]:
        if partition.id in client.shown:
            yield client.shown[partition.id]
            return
        for _, sent in client.cards(partition.id, ("id",), ""):
            yield [str(card.get("id")) for card in sent]


class ActionStream(DetailedStream[Trello]):
    """The history of all cards of a board, newest first; and before it those cards that it names and no list shows.

    Each is asked for once; it may be on the board all the same, on another one, hidden or deleted. One that Trello does
    not give now, or that is one too many for a run, is owed: it then comes with its own history, because what the pages
    have told of it is not kept without it.

    checkpoint: {"before": the place behind the page, "asked": ids of the cards that were asked for}
    """

    name = "actions"
    needs_items = True

    def pages(self, client: Trello, reading: Reading) -> Iterator[Page]:
        board_id, checkpoint = reading.partition.id, reading.checkpoint or {}
        place = str(checkpoint.get("before", ""))
        named = NamedCards(
            listed=client.shown_anywhere,
            unlisted=reading.unlisted,
            unrecorded=reading.unrecorded,
            since=before(reading.cursor, timedelta(0)),
            asked=checkpoint.get("asked", ()),
        )
        details = Details()
        listed_now = reading.unlisted.intersection(client.shown.get(board_id, ()))
        if listed_now:
            yield Page(unlisted=dict.fromkeys(listed_now, False))
        for behind, sent in client.actions(board_id, EVERY_ACTION, since=self.since(reading), place=place):
            wanted, left = named.take(sent)
            postponed = wanted[client.cards_left :]
            for card in wanted[: client.cards_left]:
                found = details.read(card, partial(_unlisted_card, client, board_id, card))
                named.asked.append(card)
                yield placed(found, {"before": place, "asked": list(named.asked)})
            page = all_mapped(sent, partial(action_facts, zone=client.zone), skipped_as=action_kind)
            page = replace(page, deferred=tuple(postponed), unlisted=dict.fromkeys(left, False))
            yield placed(page, {"before": behind, "asked": list(named.asked)}, cursor=newest(sent, "date"))
            place = behind

    def retry(self, client: Trello, reading: Reading, details: Sequence[Json]) -> Iterator[Page]:
        """As many as a run may ask for; the others stay owed."""
        yield from super().retry(client, reading, details[: client.cards_left])

    def again(self, client: Trello, partition: Partition, detail: Json) -> Page:
        return _unlisted_card(client, partition.id, str(detail), with_history=True)


class TrelloConnector(Connector[Trello]):
    """https://developer.atlassian.com/cloud/trello/rest/"""

    type = "TRELLO"
    source = "trello"
    streams = (ListStream(), CardStream(), ActionStream())

    def open(self, account: Account, network: Network) -> Trello:
        service = Service(
            base_url=account.address(PUBLIC_ADDRESS),
            headers={"authorization": authorization_of(account)},
            secrets=account.secret_texts,
            judge=judge,
            pace_s=PACE_S,
        )
        return Trello(
            network.door(service),
            boards=account.names("board_ids"),
            token=account.secret("token"),
            zone=_zone(account.setting("time_zone")),
        )

    def check(self, client: Trello) -> ConnectionReport:
        """Who we are, what the token may and when it ends, and whether the first board is shown."""
        me = client.me()
        rights, expires_at = _rights(client)
        hidden = lost_among(_named(client, client.board_ids[:1]))
        may_write = any(right.endswith(":write") for right in rights)
        notes = [f"Board {partition.id} is not shown to this token." for partition in hidden]
        notes += ["The token may write, too; one that may only read is enough."] if may_write else []
        return ConnectionReport(
            account=str(me.get("id") or ""),
            server="Trello, interface version 1",
            scopes=tuple(rights),
            missing_scopes=("read",) if rights and not any(right.endswith(":read") for right in rights) else (),
            expires_at=expires_at,
            notes=tuple(notes),
            error=error_of_all(hidden, of=len(client.board_ids)),
        )

    def partitions(self, client: Trello) -> list[Partition]:
        if client.board_ids:
            return _named(client, client.board_ids)
        return [_partition(board) for board in client.boards()]


def judge(answer: Answer) -> ToolError | None:
    """Limits come without Retry-After, with the length of their window; a hidden board is a 401 like a wrong token.

    https://developer.atlassian.com/cloud/trello/guides/rest-api/rate-limits/
    """
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS and "retry-after" not in answer.headers:
        return RateLimited(retry_after_s=_window_s(answer.headers))
    if answer.status == HTTPStatus.UNAUTHORIZED and b"unauthorized permission requested" in answer.body:
        return Forbidden()
    return None


# --- small things ---


def _named(client: Trello, board_ids: Sequence[str]) -> list[Partition]:
    """Each once, though two names may mean the same board."""
    asked = [shown_or_lost(board_id, partial(_named_partition, client, board_id)) for board_id in board_ids]
    return [*{partition.id: partition for partition in asked}.values()]


def _named_partition(client: Trello, board_id: str) -> Partition:
    return _partition(client.board(board_id))


def _partition(board: JsonObject) -> Partition:
    board_id = str(board.get("id") or "")
    if not board_id:
        raise UnexpectedAnswer("A board was expected.")
    return Partition(id=board_id, name=str(board.get("name") or board_id))


def _rights(client: Trello) -> tuple[list[str], datetime | None]:
    """Where Trello does not tell, nothing is known, and the connection works all the same."""
    try:
        sent = client.token()
        permissions = as_objects(sent.get("permissions") or [])
        expires_at = moment_or_none(sent, "dateExpires")
    except (*NOT_SHOWN, UnexpectedAnswer, FieldRefused):
        return [], None
    rights = {
        f"{permission.get('modelType')}:{right}"
        for permission in permissions
        for right in ("read", "write")
        if permission.get(right) is True
    }
    return sorted(rights), expires_at


def _arrivals(client: Trello, board_id: str) -> Arrivals:
    return _noted(action for _, sent in client.actions(board_id, ",".join(MOVES)) for action in sent)


def _noted(actions: Iterable[JsonObject]) -> Arrivals:
    """actions: newest first"""
    arrivals = Arrivals()
    for action in actions:
        with suppress(FieldRefused):  # the history names it
            arrivals.note(action)
    return arrivals


def _unlisted_card(client: Trello, board_id: str, card_id: str, *, with_history: bool = False) -> Page:
    """A card that no list shows, on the board unless it says another one. Raises ToolError.

    with_history: what the board tells of it, too. Of a done card it is asked for in any case: since when?
    """
    try:
        sent = client.card(card_id)
    except NOT_SHOWN:
        return Page(read=1, skipped={VANISHED: 1}, unlisted={card_id: False})
    if (sent.get("idBoard") or board_id) != board_id:
        return Page(read=1, skipped={ELSEWHERE: 1}, unlisted={card_id: False})
    board, arrivals, history = client.known(board_id, [sent]), Arrivals(), Page()
    if with_history or is_done(sent, board):
        actions = [each for each in client.actions_of_card(card_id) if _is_of_board(each, board_id)]
        arrivals = _noted(actions)
        history = all_mapped(actions, partial(action_facts, zone=client.zone), skipped_as=action_kind)
    page = mapped(sent, partial(card_facts, board=board, arrivals=arrivals))
    batch = ObservationBatch.merged([page.batch, history.batch])
    return replace(page, batch=batch, fields={card_id: sent}, unlisted={card_id: not page.failed})


def _is_of_board(action: JsonObject, board_id: str) -> bool:
    """Whether the board's own list of actions tells it, too."""
    data = action.get("data")
    return text(data.get("board") if isinstance(data, dict) else None, "id") == board_id


def _readable(lists: Iterable[JsonObject]) -> Iterator[CardList]:
    for each in lists:
        with suppress(FieldRefused):  # the stream of lists names it
            yield parse_list(each)


def _end_of_second(record_id: str) -> str:
    """The first id of the second after. Example: 64098772e6751c75dc0dc6f6 gives 640987730000000000000000."""
    try:
        return f"{int(record_id[:8], 16) + 1:08x}{0:016x}"
    except ValueError:
        return record_id


def _may_have_changed(card: JsonObject, since: datetime | None) -> bool:
    last_at = readable_moment(card, CARD_CHANGED)
    return since is None or last_at is None or last_at >= since


def _window_s(headers: Mapping[str, str]) -> float:
    """The window of the limit that is used up."""
    for owner in ("api-token", "api-key", "api-member"):
        length = headers.get(f"x-rate-limit-{owner}-interval-ms", "")
        if headers.get(f"x-rate-limit-{owner}-remaining") == "0" and length.isdecimal():
            return int(length) / 1000
    return LIMIT_WAIT_S


def _zone(name: str) -> tzinfo:
    """Trello's due dates are instants; the days are those of the people, as the settings say."""
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        return UTC


CONNECTOR: Final = TrelloConnector()
