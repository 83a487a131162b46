"""Reading Slack's Web interface. See README.md for versions, scopes and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, partial
from typing import Final

from integrations.connectors.base import (
    ConnectionReport,
    Connector,
    DetailedStream,
    Details,
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
    scopes_in,
)
from integrations.connectors.oauth import bearer_of
from integrations.connectors.options import Account
from integrations.connectors.records import cursor_at, object_of, objects_of, placed, sifted
from integrations.connectors.slack.login import LOGIN, PUBLIC_ADDRESS
from integrations.connectors.slack.mapping import message_facts, people_facts, skipped_as
from integrations.connectors.slack.payloads import (
    Channel,
    moment_of,
    nobody,
    parse_channels,
    parse_message,
    timestamp_of,
)
from integrations.http.answers import Answer
from integrations.http.door import Door, Service
from integrations.http.errors import (
    BadRequest,
    CheckpointExpired,
    Forbidden,
    NotFound,
    RateLimited,
    Refused,
    ServerFailed,
    ToolError,
    Unauthorized,
)
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject

PAGE_SIZE: Final = 200
MOST_ON_PAGE: Final = 1_000
NEEDED_SCOPES: Final = ("channels:read", "channels:history")
THREADS_LIVE: Final = timedelta(days=7)
"""For so long new replies to a thread are looked for; later ones are told by events only."""
NOT_A_MEMBER, DIRECT, THREAD_NOT_SHOWN = "not_a_member", "direct_messages", "thread_not_shown"
REFUSALS: Final = {
    NOT_A_MEMBER: "The app is not a member of this channel; invite it.",
    DIRECT: "What two or a few people write to each other is not read.",
}
ERRORS: Final[dict[type[ToolError], tuple[str, ...]]] = {
    Unauthorized: ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"),
    Forbidden: (
        *("access_denied", "missing_scope", "no_permission", "not_allowed_token_type", "not_in_channel"),
        *("org_login_required", "team_access_not_granted", "ekm_access_denied", "unknown_method"),
    ),
    NotFound: ("channel_not_found", "thread_not_found", "user_not_found"),
    BadRequest: ("invalid_arguments", "invalid_limit", "invalid_ts_latest", "invalid_ts_oldest"),
    CheckpointExpired: ("invalid_cursor",),
    RateLimited: ("ratelimited", "rate_limited"),
    ServerFailed: ("fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"),
}
_BY_CODE: Final = {code: kind for kind, codes in ERRORS.items() for code in codes}


@dataclass
class Slack:
    """The requests we make, all of them GETs. Nothing is ever joined, marked or posted here.

    without_threads: channels whose threads these credentials are not shown, asked for once only
    """

    door: Door
    channel_ids: Sequence[str]
    without_threads: set[str] = field(default_factory=set)

    def pages(
        self, method: str, member: str, params: dict[str, str | int], *, cursor: str = ""
    ) -> Iterator[tuple[list[JsonObject], str]]:
        """Pages of a list from a cursor on, each with the cursor of the next, "" on the last.

        https://docs.slack.dev/apis/web-api/pagination
        """
        seen = Seen()
        while True:
            place = {"cursor": cursor} if cursor else {}
            answer = self.door.get(f"/api/{method}", {"limit": PAGE_SIZE, **params, **place})
            cursor = _next_cursor(object_of(answer))
            yield objects_of(answer, member=member), cursor
            if not cursor:
                return
            seen.check(cursor)

    @cached_property
    def channels(self) -> list[Channel]:
        """Asked for once in a run. https://docs.slack.dev/reference/methods/conversations.list"""
        params: dict[str, str | int] = {"types": "public_channel,private_channel", "limit": MOST_ON_PAGE}
        pages = self.pages("conversations.list", "channels", params)
        return parse_channels([sent for page, _ in pages for sent in page])

    def history(self, channel: str, oldest: str | None, *, cursor: str = "") -> Iterator[tuple[list[JsonObject], str]]:
        """https://docs.slack.dev/reference/methods/conversations.history, newest first, without replies"""
        since = {"oldest": oldest} if oldest else {}
        return self.pages("conversations.history", "messages", {"channel": channel, **since}, cursor=cursor)

    def replies(self, channel: str, thread: str, oldest: str | None) -> list[JsonObject]:
        """https://docs.slack.dev/reference/methods/conversations.replies, where the beginning always comes along"""
        since = {"oldest": oldest} if oldest else {}
        pages = self.pages("conversations.replies", "messages", {"channel": channel, "ts": thread, **since})
        return [reply for page, _ in pages for reply in page if reply.get("ts") != thread]


class ChannelStream(Stream[Slack]):
    """What there is; those that cannot be read are counted by the reason."""

    name = "channels"
    has_partitions = False

    def pages(self, client: Slack, reading: Reading) -> Iterator[Page]:
        found = client.channels
        skipped = Counter(reason for reason in map(_unread_because, found) if reason)
        yield Page(read=len(found), skipped=skipped)


class UserStream(Stream[Slack]):
    """How many people there are, beside bots and those who have left; of those who have written, their address.

    It is read last, when those are known. Addresses, of which a digest is kept, go to apps with `users:read.email`.
    https://docs.slack.dev/reference/methods/users.list
    """

    name = "users"
    has_partitions = False
    is_optional = True

    def pages(self, client: Slack, reading: Reading) -> Iterator[Page]:
        place = str(reading.checkpoint or "")
        for sent, following in client.pages("users.list", "members", {"limit": MOST_ON_PAGE}, cursor=place):
            skipped = Counter(reason for reason in map(nobody, sent) if reason)
            yield Page(batch=people_facts(sent), read=len(sent), skipped=skipped, checkpoint=following or None)


class MessageStream(DetailedStream[Slack]):
    """Messages and huddles of a channel, and the replies of threads in which something is new.

    checkpoint: {"cursor": of the page, "done": threads on it that are dealt with};  a detail is a thread
    """

    name = "messages"
    overlap = THREADS_LIVE

    def pages(self, client: Slack, reading: Reading) -> Iterator[Page]:
        channel, asked = reading.partition.id, Details()
        place = {"cursor": "", "done": [], **(reading.checkpoint or {})}
        is_said = reading.checkpoint is not None
        known_until = _oldest(reading, Stream.overlap)
        for sent, following in client.history(channel, _oldest(reading, self.overlap), cursor=place["cursor"]):
            if not is_said:
                yield placed(_read(channel, sent), place, cursor=_newest(sent))
            for thread, latest in _threads(sent):
                if thread not in place["done"] and _is_after(latest, known_until):
                    page = asked.read(thread, partial(self._replies, client, channel, thread, known_until))
                    place = {**place, "done": [*place["done"], thread]}
                    yield placed(page, place, cursor=_cursor(latest))
            place, is_said = {"cursor": following, "done": []}, False

    def again(self, client: Slack, partition: Partition, detail: Json) -> Page:
        return self._replies(client, partition.id, str(detail), None)

    def _replies(self, client: Slack, channel: str, thread: str, oldest: str | None) -> Page:
        """Where the messages of a channel are shown and its threads are not, the threads are skipped by name."""
        if channel not in client.without_threads:
            try:
                return _read(channel, client.replies(channel, thread, oldest))
            except Forbidden:
                client.without_threads.add(channel)
        return Page(skipped=Counter({THREAD_NOT_SHOWN: 1}))


class SlackConnector(Connector[Slack]):
    """https://docs.slack.dev/apis/web-api/"""

    type = "SLACK"
    source = "slack"
    streams = (ChannelStream(), MessageStream(), UserStream())

    def open(self, account: Account, network: Network) -> Slack:
        service = Service(
            base_url=account.address(PUBLIC_ADDRESS),
            bearer=bearer_of(account, network, LOGIN, entered="token"),
            secrets=account.secret_texts,
            judge=judge,
            keeps_answers=False,
        )
        return Slack(network.door(service), account.names("channel_ids"))

    def check(self, client: Slack) -> ConnectionReport:
        """https://docs.slack.dev/reference/methods/auth.test; the scopes are in a header of every answer."""
        answer = client.door.get("/api/auth.test")
        who = object_of(answer)
        scopes, found = scopes_in(answer), self.partitions(client)
        hidden = lost_among(found)
        notes = [f"{partition.name}: {partition.error.detail}" for partition in hidden if partition.error]
        if not found:
            notes.append("The app has not been invited to any channel yet.")
        return ConnectionReport(
            account=str(who.get("user_id") or ""),
            server=f"Slack, workspace {who.get('team_id') or 'unknown'}",
            scopes=scopes,
            missing_scopes=tuple(scope for scope in NEEDED_SCOPES if scope not in scopes) if scopes else (),
            notes=tuple(notes),
            error=error_of_all(hidden, of=len(found)),
        )

    def partitions(self, client: Slack) -> list[Partition]:
        """The channels that are named; else those that the app has been invited to.

        One that is named and not listed is tried all the same: an app may read by other rights than it lists.
        """
        shown = {channel.id: channel for channel in client.channels}
        if not client.channel_ids:
            return [Partition(id=each.id, name=each.name) for each in shown.values() if not _unread_because(each)]
        return [_partition(channel_id, shown.get(channel_id)) for channel_id in client.channel_ids]


def judge(answer: Answer) -> ToolError | None:
    """Slack says in the body what went wrong, and mostly calls it 200.

    https://docs.slack.dev/apis/web-api/#errors
    """
    sent = answer.json_or_none()
    if not isinstance(sent, dict) or sent.get("ok") is not False:
        return None
    code = str(sent.get("error") or "")
    return _BY_CODE.get(code, Refused)(vendor_code=code)


def _partition(channel_id: str, channel: Channel | None) -> Partition:
    if channel is None:
        return Partition(id=channel_id, name=channel_id)
    refusal = REFUSALS.get(_unread_because(channel))
    return Partition(id=channel_id, name=channel.name, error=Forbidden(refusal) if refusal else None)


def _unread_because(channel: Channel) -> str:
    """Why a channel is not read, "" for one that is. Joining it would be a write, and is the members' decision."""
    if channel.is_direct:
        return DIRECT
    return "" if channel.is_member else NOT_A_MEMBER


def _read(channel: str, sent: Sequence[JsonObject]) -> Page:
    return sifted(
        sent,
        parse=parse_message,
        reason=skipped_as,
        facts=partial(message_facts, channel=channel),
        id_in="ts",
    )


def _threads(sent: Sequence[JsonObject]) -> Iterator[tuple[str, str]]:
    """Beginning and latest reply of each thread on a page."""
    for each in sent:
        try:
            message = parse_message(each)
        except FieldRefused:
            continue
        if message.latest_reply:
            yield message.ts, message.latest_reply


def _oldest(reading: Reading, overlap: timedelta) -> str | None:
    moment = before(reading.cursor, overlap) or reading.since
    return timestamp_of(moment) if moment else None


def _is_after(ts: str, other: str | None) -> bool:
    """Timestamps of one length sort as text; those of today have ten digits before the point until the year 2286."""
    return other is None or ts > other


def _newest(sent: Sequence[JsonObject]) -> str | None:
    return max(filter(None, (_cursor(str(each.get("ts") or "")) for each in sent)), default=None)


def _cursor(ts: str) -> str | None:
    try:
        return cursor_at(moment_of(ts))
    except FieldRefused:
        return None


def _next_cursor(sent: JsonObject) -> str:
    place = sent.get("response_metadata")
    return str(place.get("next_cursor") or "") if isinstance(place, dict) else ""


CONNECTOR: Final = SlackConnector()
