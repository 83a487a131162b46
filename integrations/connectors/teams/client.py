"""Reading Microsoft Teams through Microsoft Graph. See README.md for versions, scopes and limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from urllib.parse import quote

from integrations.connectors.base import (
    ConnectionReport,
    Connector,
    Network,
    Page,
    Partition,
    Reading,
    Seen,
    Stream,
    error_of_all,
    lost_among,
)
from integrations.connectors.credentials import ACCESS_TOKEN, CLIENT_SECRET, REFRESH_TOKEN, App
from integrations.connectors.oauth import bearer_of
from integrations.connectors.options import Account
from integrations.connectors.records import cursor_at, in_utc, newest, object_of, objects_of, placed, sifted
from integrations.connectors.teams.login import login_of
from integrations.connectors.teams.mapping import message_facts, skipped_as
from integrations.connectors.teams.payloads import parse_message
from integrations.connectors.teams.tokens import AppTokens
from integrations.http.answers import Answer
from integrations.http.bearer import Bearer
from integrations.http.door import Door, Params, Service
from integrations.http.errors import (
    FIRST_ERROR_STATUS,
    NOT_SHOWN,
    CheckpointExpired,
    CredentialsMissing,
    NotFound,
    Refused,
    ToolError,
    error_of_status,
)
from projects.imports.json_access import JsonObject

PUBLIC_ADDRESS: Final = "https://graph.microsoft.com"
API: Final = "/v1.0"
PAGE_SIZE: Final = 50
NEXT: Final = "@odata.nextLink"
CHANGED: Final = "lastModifiedDateTime"
EXPIRED: Final = frozenset({"resyncRequired", "syncStateNotFound", "syncStateInvalid"})


@dataclass
class Graph:
    """The requests we make.

    is_of_a_person: whether somebody's rights are used, or those of an app
    channel_ids: of a channel, or of its team and it, with a slash between
    """

    door: Door
    is_of_a_person: bool
    account: str
    team_ids: Sequence[str]
    channel_ids: Sequence[str]
    chat_ids: Sequence[str]

    def get(self, address: str, params: Params | None = None) -> Answer:
        return self.door.get(address, params)

    def pages(self, address: str, params: Params | None = None) -> Iterator[tuple[list[JsonObject], str]]:
        """Pages of a list, each with the address of the next, "" on the last. It is followed as it comes.

        https://learn.microsoft.com/graph/paging
        """
        seen = Seen()
        while True:
            answer = self.get(address, params)
            address, params = str(object_of(answer).get(NEXT) or ""), None
            yield objects_of(answer, member="value"), address
            if not address:
                return
            seen.check(address)

    def all_of(self, address: str) -> list[JsonObject]:
        return [record for page, _ in self.pages(f"{API}{address}") for record in page]

    def teams(self) -> list[str]:
        """https://learn.microsoft.com/graph/api/user-list-joinedteams, for an app /graph/api/teams-list"""
        if self.team_ids:
            return list(self.team_ids)
        found = self.all_of("/me/joinedTeams" if self.is_of_a_person else "/teams")
        return [str(team.get("id")) for team in found]

    def channels(self, team: str) -> list[JsonObject]:
        """https://learn.microsoft.com/graph/api/channel-list"""
        return self.all_of(f"/teams/{_quoted(team)}/channels")


class MessageStream(Stream[Graph]):
    """Messages with their replies, those that changed last first, as far as the last reading.

    checkpoint: the address of the next page
    https://learn.microsoft.com/graph/api/channel-list-messages, /graph/api/chat-list-messages
    """

    name = "messages"

    def pages(self, client: Graph, reading: Reading) -> Iterator[Page]:
        since = self.since(reading)
        address = str(reading.checkpoint or "")
        params = None if address else _params(reading, since)
        for sent, following in client.pages(address or f"{reading.partition.facts['path']}/messages", params):
            talk = [message for first in sent for message in (first, *_replies(client, first))]
            facts = partial(message_facts, container=reading.partition.id)
            page = sifted(talk, parse=parse_message, reason=skipped_as, facts=facts)
            newest_here = newest(talk, CHANGED)
            yield placed(page, following or None, cursor=newest_here)
            if since and newest_here and newest_here < cursor_at(since):
                return


class TeamsConnector(Connector[Graph]):
    """https://learn.microsoft.com/graph/api/resources/teams-api-overview"""

    type = "TEAMS"
    source = "teams"
    streams = (MessageStream(),)

    def open(self, account: Account, network: Network) -> Graph:
        service = Service(
            base_url=account.address(PUBLIC_ADDRESS),
            bearer=_bearer(account, network),
            headers={"prefer": "include-unknown-enum-members"},
            secrets=account.secret_texts,
            judge=judge,
            keeps_answers=False,
        )
        return Graph(
            door=network.door(service),
            is_of_a_person=_is_of_a_person(account),
            account=account.setting("client_id"),
            team_ids=account.names("team_ids"),
            channel_ids=account.names("channel_ids"),
            chat_ids=account.names("chat_ids"),
        )

    def check(self, client: Graph) -> ConnectionReport:
        """Who we are, and what is not shown. An app has no account but its own."""
        who = object_of(client.get(f"{API}/me")) if client.is_of_a_person else {}
        found = self.partitions(client)
        hidden = lost_among(found)
        return ConnectionReport(
            account=str(who.get("id") or client.account),
            server="Microsoft Graph v1.0",
            notes=tuple(f"{partition.name} is not shown." for partition in hidden),
            error=error_of_all(hidden, of=len(found)),
        )

    def partitions(self, client: Graph) -> list[Partition]:
        """Channels, and the group chats that are named: nobody's chats are read unasked."""
        chats = [
            Partition(id=chat, name=chat, facts={"path": f"{API}/chats/{_quoted(chat)}", "is_chat": True})
            for chat in client.chat_ids
        ]
        return [*_channels(client), *chats]


def judge(answer: Answer) -> ToolError | None:
    """Errors have a name in the body.

    https://learn.microsoft.com/graph/errors
    """
    sent = answer.json_or_none()
    error = sent.get("error") if isinstance(sent, dict) else None
    code = str(error.get("code") or "") if isinstance(error, dict) else ""
    if not code:
        return None
    if code in EXPIRED:
        return CheckpointExpired(vendor_code=code)
    kind = type(error_of_status(answer.status)) if answer.status >= FIRST_ERROR_STATUS else Refused
    return kind(vendor_code=code)


def _is_of_a_person(account: Account) -> bool:
    return account.has_secret(REFRESH_TOKEN) or account.has_secret(ACCESS_TOKEN)


def _bearer(account: Account, network: Network) -> Bearer:
    """Raises CredentialsMissing, naming what is to be entered."""
    login = login_of(account)
    if _is_of_a_person(account):
        return bearer_of(account, network, login, entered=ACCESS_TOKEN)
    secret = account.secret(CLIENT_SECRET)
    for name in ("directory_id", "client_id"):
        if not account.setting(name):
            raise CredentialsMissing(f"Enter “{name}”.")
    return AppTokens(login.door(account, network), login, App(account.setting("client_id"), secret))


def _channels(client: Graph) -> list[Partition]:
    """Those that are named; a channel that is named without its team is looked for in all teams."""
    named = {channel: team for team, _, channel in (each.rpartition("/") for each in client.channel_ids)}
    listed = {} if named and all(named.values()) else _listed(client)
    if not named:
        return list(listed.values())
    unknown = {channel: Partition(id=channel, name=channel, error=NotFound()) for channel in named}
    return [_channel(team, name) if team else (unknown | listed)[name] for name, team in named.items()]


def _listed(client: Graph) -> dict[str, Partition]:
    """Channels of all teams by identifier, and teams that show none."""
    found: dict[str, Partition] = {}
    for team in client.teams():
        try:
            for sent in client.channels(team):
                channel = str(sent.get("id"))
                found[channel] = _channel(team, channel, name=str(sent.get("displayName") or channel))
        except NOT_SHOWN as error:
            found[team] = Partition(id=team, name=team, error=error)
    return found


def _channel(team: str, channel: str, *, name: str = "") -> Partition:
    path = f"{API}/teams/{_quoted(team)}/channels/{_quoted(channel)}"
    return Partition(id=channel, name=name or channel, facts={"path": path, "is_chat": False})


def _params(reading: Reading, since: datetime | None) -> dict[str, str | int]:
    """Only chats can be asked for changes since a moment; only messages of channels have replies."""
    if not reading.partition.facts["is_chat"]:
        return {"$top": PAGE_SIZE, "$expand": "replies"}
    params: dict[str, str | int] = {"$top": PAGE_SIZE, "$orderby": f"{CHANGED} desc"}
    return params | ({"$filter": f"{CHANGED} gt {in_utc(since)}"} if since else {})


def _replies(client: Graph, first: JsonObject) -> list[JsonObject]:
    """Those that came along, and the rest where there are more than a thousand."""
    carried = first.get("replies")
    found = [each for each in carried if isinstance(each, dict)] if isinstance(carried, list) else []
    following = str(first.get(f"replies{NEXT}") or "")
    more = client.pages(following) if following else ()
    return [*found, *(reply for page, _ in more for reply in page)]


def _quoted(name: str) -> str:
    return quote(name, safe="")


CONNECTOR: Final = TeamsConnector()
