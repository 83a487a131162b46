"""Reading monday.com by GraphQL. See README.md for versions, scopes and limits."""

from __future__ import annotations

from typing import Final

from integrations.connectors.base import ConnectionReport, Connector, Network, Partition, lost_among
from integrations.connectors.monday import queries
from integrations.connectors.monday.answers import data_of, judge, object_at
from integrations.connectors.monday.requests import PATH, Monday, columns_of, is_document
from integrations.connectors.monday.streams import ActivityStream, BoardItemStream, CommentStream, OtherItemStream
from integrations.connectors.options import Account
from integrations.connectors.records import text
from integrations.http.door import Service
from integrations.http.errors import NotFound
from projects.imports.json_access import JsonObject

PUBLIC_ADDRESS: Final = "https://api.monday.com"
VERSION: Final = "2026-04"
WANTED_COLUMNS: Final = ("status_column", "due_date_column", "estimate_column")


class MondayConnector(Connector[Monday]):
    """https://developer.monday.com/api-reference/"""

    type = "MONDAY"
    source = "monday"
    streams = (BoardItemStream(), OtherItemStream(), ActivityStream(), CommentStream())

    def open(self, account: Account, network: Network) -> Monday:
        token, version = account.secret("api_token"), account.setting("api_version", VERSION)
        service = Service(
            base_url=account.address(PUBLIC_ADDRESS),
            headers={"authorization": token, "api-version": version},
            secrets=account.secret_texts,
            judge=judge,
        )
        wanted = {name: account.setting(name) for name in WANTED_COLUMNS}
        return Monday(network.door(service), account.names("board_ids"), version, wanted)

    def check(self, client: Monday) -> ConnectionReport:
        """Who we are, which version answers, and whether boards are shown. What a token may is not told."""
        answer = client.door.post(PATH, {"query": queries.ME})
        me = object_at(data_of(answer), "me")
        version = answer.headers.get("api-version", "")
        notes = [f"{partition.name} is not shown to this token." for partition in self._lost(client)]
        if version and version != client.version:
            notes.append(f"The interface answers in version {version}, not in {client.version} as asked.")
        return ConnectionReport(
            account=text(me, "id"),
            server=f"monday.com, interface version {version or 'unknown'}",
            notes=tuple(notes),
            error=NotFound() if client.board_ids and not client.shown_boards else None,
        )

    def partitions(self, client: Monday) -> list[Partition]:
        sent = {text(board, "id"): board for board in client.boards(client.board_ids) if not is_document(board)}
        wanted = [*client.board_ids] or sorted(sent, key=lambda number: (len(number), number))
        return [_partition(board_id, sent.get(board_id)) for board_id in wanted]

    def _lost(self, client: Monday) -> list[Partition]:
        if not client.board_ids:
            client.ask(queries.BOARDS, ids=None, limit=1, page=1)
            return []
        return lost_among(self.partitions(client))


def _partition(board_id: str, board: JsonObject | None) -> Partition:
    if board is None:
        return Partition(id=board_id, name=board_id, error=NotFound())
    return Partition(id=board_id, name=text(board, "name") or board_id, facts={"columns": columns_of(board)})


CONNECTOR: Final = MondayConnector()
