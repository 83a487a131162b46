"""Reading Jira Cloud and Jira Data Center. See README.md for versions, scopes and limits."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final

from integrations.connectors.base import (
    ConnectionReport,
    Connector,
    ItemStream,
    Network,
    Page,
    Partition,
    Reading,
    Seen,
    Stream,
    error_of_all,
    lost_among,
)
from integrations.connectors.credentials import REFRESH_TOKEN
from integrations.connectors.jira.login import LOGIN
from integrations.connectors.jira.mapping import (
    embedded,
    issue_facts,
    listed_statuses,
    shows,
    sprint_facts,
    with_times,
)
from integrations.connectors.jira.payloads import custom_fields, histories_by_issue, number, updated
from integrations.connectors.oauth import bearer_of
from integrations.connectors.options import Account
from integrations.connectors.records import all_mapped, as_objects, placed, text
from integrations.http.answers import Answer
from integrations.http.bearer import Bearer, EnteredToken
from integrations.http.door import Door, Service
from integrations.http.errors import (
    BadRequest,
    CheckpointExpired,
    CredentialsMissing,
    NotFound,
    RepeatedPage,
    ToolError,
    UnexpectedAnswer,
)
from projects.imports.jira_custom_fields import CustomFields
from projects.imports.json_access import JsonObject
from projects.imports.values import epoch_ms
from projects.observations import ObservationBatch, StatusObservation

GATEWAY: Final = "https://api.atlassian.com"
DATA_CENTER: Final = "data_center"
PAGE_SIZE: Final = 100
FIRST_TOGETHER: Final = 25
CENSUS_SIZE: Final = {"cloud": 5_000, DATA_CENTER: 1_000}
FIELDS: Final = (
    *("summary", "status", "issuetype", "priority", "resolution", "resolutiondate", "statuscategorychangedate"),
    *("created", "updated", "duedate", "timeoriginalestimate", "timespent", "assignee", "reporter", "creator"),
    *("parent", "labels", "fixVersions", "issuelinks", "comment", "worklog", "project", "sprint", "closedSprints"),
)
EVERYTHING: Final = ("*all", "-description", "-environment", "-attachment", "-watches", "-votes")
"""Where no list of fields tells which one is the sprint, it is found by its content."""


@dataclass
class Jira:
    """The requests we make.

    is_cloud: what differs between the two is named after the other
    half_read: issues -> pages of their histories so far, and the token of the next
    together: so many issues are asked for their histories at once; fewer where these fill pages, so that a kill, or a
        page that is not given, costs little
    """

    door: Door
    site: str
    is_cloud: bool
    project_keys: Sequence[str]
    expires_on: str = ""
    more_fields: Sequence[str] = ()
    half_read: dict[tuple[str, ...], tuple[list[Any], str]] = field(default_factory=dict)
    together: int = FIRST_TOGETHER

    @property
    def api(self) -> str:
        return "/rest/api/3" if self.is_cloud else "/rest/api/2"

    @cached_property
    def custom(self) -> CustomFields:
        """Asked for once in a run. https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-fields/"""
        return custom_fields(as_objects(self.door.get_json(f"{self.api}/field")))

    @cached_property
    def statuses(self) -> dict[str, StatusObservation]:
        """Asked for once in a run. https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-workflow-statuses/"""
        return listed_statuses(as_objects(self.door.get_json(f"{self.api}/status")))

    @property
    def fields(self) -> list[str]:
        custom = self.custom
        if not custom.sprint:
            return [*EVERYTHING]
        return [*FIELDS, *custom.sprint, *custom.points, *custom.epic_link, *self.more_fields]

    def projects(self) -> list[JsonObject]:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/"""
        if not self.is_cloud:
            return as_objects(self.door.get_json("/rest/api/2/project"))
        return [project for page in self.listed("/rest/api/3/project/search", size=PAGE_SIZE) for project in page]

    def listed(self, address: str, *, size: int, member: str = "values") -> Iterator[list[JsonObject]]:
        """Pages by startAt, as far as the list says that it goes."""
        start = 0
        page: list[JsonObject] = []
        while True:
            sent = self.door.get_json(address, {"startAt": start, "maxResults": size})
            page = _unlike(page, as_objects(sent, member))
            yield page
            start += len(page)
            total = number(sent, "total")
            is_last = sent.get("isLast") is True if total is None else start >= total
            if is_last or not page:
                return

    def found(self, jql: str, fields: Sequence[str], *, size: int, place: Mapping[str, Any]) -> Iterator[_Found]:
        """Issues of a search, page by page, from a place on.

        Cloud: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/ (no total; a short
        page is not the last; the token is missing on the last). Data Center: the search of version 2, by startAt.
        """
        yield from (
            self._found_in_cloud(jql, fields, size, place)
            if self.is_cloud
            else self._found_in_data_center(jql, fields, size, place)
        )

    def _found_in_cloud(self, jql: str, fields: Sequence[str], size: int, place: Mapping[str, Any]) -> Iterator[_Found]:
        seen, token = Seen(), str(place.get("token", ""))
        while True:
            body: dict[str, Any] = {"jql": jql, "fields": list(fields), "maxResults": size}
            sent = self.door.post_json("/rest/api/3/search/jql", body | ({"nextPageToken": token} if token else {}))
            here, token = {"token": token}, text(sent, "nextPageToken")
            yield _Found(as_objects(sent, "issues"), here, {"token": token} if token else None)
            if not token or sent.get("isLast") is True:
                return
            seen.check(token)

    def _found_in_data_center(
        self, jql: str, fields: Sequence[str], size: int, place: Mapping[str, Any]
    ) -> Iterator[_Found]:
        start = int(place.get("start", 0))
        expand: dict[str, str | int] = {} if list(fields) == ["id"] else {"expand": "changelog"}
        issues: list[JsonObject] = []
        while True:
            params: dict[str, str | int] = {
                "jql": jql,
                "fields": ",".join(fields),
                "startAt": start,
                "maxResults": size,
                **expand,
            }
            sent = self.door.get_json("/rest/api/2/search", params)
            issues, total = _unlike(issues, as_objects(sent, "issues")), number(sent, "total")
            if total is None:
                raise UnexpectedAnswer("A total was expected.")
            here, start = {"start": start}, start + len(issues)
            yield _Found(issues, here, {"start": start})
            if start >= total or not issues:
                return

    def histories(self, issues: Sequence[JsonObject]) -> dict[str, list[JsonObject]]:
        """Whole histories of up to 1,000 issues: the embedded ones are cut to the newest 40.

        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-changelog-bulkfetch-post
        """
        ids = [text(issue, "id") for issue in issues]
        pages = list(self._history_pages(ids)) if ids else []
        if len(pages) > 1:
            self.together = max(1, len(ids) // len(pages))
        elif len(ids) >= self.together:
            self.together = min(PAGE_SIZE, 2 * self.together)
        return histories_by_issue(pages)

    def _history_pages(self, ids: list[str]) -> Iterator[Any]:
        """What an earlier pass has brought before it met an error is not asked for again."""
        pages, token = self.half_read.pop(tuple(ids), ([], ""))
        yield from pages
        seen = Seen()
        while True:
            self.half_read[tuple(ids)] = pages, token
            body: dict[str, Any] = {"issueIdsOrKeys": ids, "maxResults": 10_000}
            sent = self.door.post_json(
                "/rest/api/3/changelog/bulkfetch", body | ({"nextPageToken": token} if token else {})
            )
            pages.append(sent)
            yield sent
            token = text(sent, "nextPageToken")
            if not token:
                del self.half_read[tuple(ids)]
                return
            seen.check(token)

    def comments(self, issue: JsonObject) -> list[JsonObject]:
        """All comments of an issue: those that it carries, unless there are more."""
        carried, are_all = embedded(issue, "comment", "comments")
        return carried if are_all else self._all_of(issue, "comment", "comments")

    def worklogs(self, issue: JsonObject) -> list[JsonObject] | None:
        """All times of an issue: the twenty that it carries, unless there are more; None where they are not shown.

        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-worklogs/
        """
        if not shows(issue, "worklog"):
            return None
        carried, are_all = embedded(issue, "worklog", "worklogs")
        return carried if are_all else self._all_of(issue, "worklog", "worklogs")

    def _all_of(self, issue: JsonObject, resource: str, member: str) -> list[JsonObject]:
        address = f"{self.api}/issue/{text(issue, 'id')}/{resource}"
        return [record for page in self.listed(address, size=PAGE_SIZE, member=member) for record in page]


@dataclass(frozen=True, slots=True)
class _Found:
    """here: where these were found;  place: where to go on behind them, None after the last"""

    issues: list[JsonObject]
    here: Mapping[str, Any]
    place: Mapping[str, Any] | None


class SprintStream(Stream[Jira]):
    """Sprints of all boards; a board without sprints refuses the question.

    https://developer.atlassian.com/cloud/jira/software/rest/api-group-board/
    """

    name = "sprints"
    has_partitions = False
    is_optional = True  # a site without Jira Software has no boards

    def pages(self, client: Jira, reading: Reading) -> Iterator[Page]:
        done = [str(each) for each in (reading.checkpoint or [])]
        for boards in client.listed("/rest/agile/1.0/board", size=50):
            for board in boards:
                board_id = text(board, "id")
                if board_id in done:
                    continue
                sprints = self._sprints(client, board_id)
                done.append(board_id)
                yield placed(all_mapped(sprints, sprint_facts), list(done))

    def _sprints(self, client: Jira, board_id: str) -> list[JsonObject]:
        try:
            pages = list(client.listed(f"/rest/agile/1.0/board/{board_id}/sprint", size=50))
        except (BadRequest, NotFound):
            return []
        return [sprint for page in pages for sprint in page]


class IssueStream(ItemStream[Jira]):
    """Issues with whole histories. Moments go into the query as milliseconds: text would be read in the account's zone.

    checkpoint: {"token": of the page} or {"start": of it}, and "done": ids on it that are dealt with
    """

    name = "issues"

    def pages(self, client: Jira, reading: Reading) -> Iterator[Page]:
        since = self.since(reading)
        jql = _jql(reading.partition.id, since)
        place = dict(reading.checkpoint or {})
        done = [str(each) for each in place.pop("done", [])]
        for found in client.found(jql, client.fields, size=PAGE_SIZE, place=place):
            waiting = [issue for issue in found.issues if text(issue, "id") not in done]
            while waiting:
                now = waiting[: client.together if client.is_cloud else PAGE_SIZE]
                waiting = waiting[len(now) :]
                page = self._page(client, now)
                done += [text(issue, "id") for issue in now]
                yield replace(page, checkpoint={**found.here, "done": list(done)} if waiting else found.place)
            done = []

    def _page(self, client: Jira, issues: Sequence[JsonObject]) -> Page:
        histories = client.histories(issues) if client.is_cloud else None

        def facts(issue: JsonObject) -> ObservationBatch:
            own = None if histories is None else histories.get(text(issue, "id"), [])
            spoken, worked = client.comments(issue), client.worklogs(issue)
            facts = issue_facts(issue, own, spoken, custom=client.custom, statuses=client.statuses, site=client.site)
            return facts if worked is None else with_times(facts, worked)

        return replace(
            all_mapped(issues, facts),
            cursor=max(filter(None, map(updated, issues)), default=None),
            fields={text(issue, "id"): issue.get("fields") or {} for issue in issues},
        )

    def census(self, client: Jira, partition: Partition) -> Iterator[Sequence[str]]:
        size = CENSUS_SIZE["cloud" if client.is_cloud else DATA_CENTER]
        for found in client.found(_jql(partition.id, None), ["id"], size=size, place={}):
            yield [text(issue, "id") for issue in found.issues]


class JiraConnector(Connector[Jira]):
    """https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/"""

    type = "JIRA"
    source = "jira"
    streams = (SprintStream(), IssueStream())

    def open(self, account: Account, network: Network) -> Jira:
        bearer = _bearer(account, network)
        service = Service(
            base_url=_address(account),
            bearer=bearer,
            secrets=(*account.secret_texts, *([bearer.text] if isinstance(bearer, EnteredToken) else [])),
            judge=judge,
        )
        return Jira(
            door=network.door(service),
            site=account.setting("base_url").rstrip("/"),
            is_cloud=account.setting("deployment") != DATA_CENTER,
            project_keys=account.names("project_keys"),
            expires_on=account.setting("expires_on"),
            more_fields=account.mapped_fields,
        )

    def check(self, client: Jira) -> ConnectionReport:
        """Who we are and which server answers. What a token may is not told; projects that it does not see are."""
        myself = client.door.get_json(f"{client.api}/myself")
        server = client.door.get_json(f"{client.api}/serverInfo")
        hidden = lost_among(self.partitions(client))
        return ConnectionReport(
            account=text(myself, "accountId") or text(myself, "key") or text(myself, "name"),
            server=f"Jira {text(server, 'deploymentType')} {text(server, 'version')}".strip(),
            expires_at=datetime.fromisoformat(client.expires_on).replace(tzinfo=UTC) if client.expires_on else None,
            notes=tuple(f"Project {partition.id} is not shown to this account." for partition in hidden),
            error=error_of_all(hidden, of=len(client.project_keys)),
        )

    def partitions(self, client: Jira) -> list[Partition]:
        shown = {text(project, "key"): text(project, "name") for project in client.projects()}
        wanted = client.project_keys or sorted(shown)
        return [
            Partition(id=key, name=shown.get(key, "") or key, error=None if key in shown else NotFound())
            for key in wanted
        ]


def _unlike(before: Sequence[JsonObject], page: list[JsonObject]) -> list[JsonObject]:
    """The page, unless it is the one before once more. Raises RepeatedPage."""
    if page and [each.get("id") for each in page] == [each.get("id") for each in before]:
        raise RepeatedPage
    return page


def judge(answer: Answer) -> ToolError | None:
    """A page token that is too old is a 400 like any other mistake, and only its words tell."""
    if answer.status == HTTPStatus.BAD_REQUEST and b"nextPageToken" in answer.body:
        return CheckpointExpired()
    return None


def _bearer(account: Account, network: Network) -> Bearer:
    """An account with its API token, a token by itself, or one that renews itself: that works through the gateway only.

    Raises CredentialsMissing, naming what is to be entered.
    """
    if account.has_secret(REFRESH_TOKEN) and not account.setting("cloud_id"):
        raise CredentialsMissing("Enter “cloud_id”.")
    email = account.setting("account_email")
    if account.has_secret(REFRESH_TOKEN) or not email:
        return bearer_of(account, network, LOGIN, entered="api_token")
    basic = base64.b64encode(f"{email}:{account.secret('api_token')}".encode()).decode()
    return EnteredToken(basic, scheme="Basic")


def _address(account: Account) -> str:
    """Tokens with scopes work through the gateway only, all others at the site only.

    https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/#version
    """
    cloud_id = account.setting("cloud_id")
    return f"{account.gateway or GATEWAY}/ex/jira/{cloud_id}" if cloud_id else account.address()


def _jql(project_key: str, since: datetime | None) -> str:
    quoted = project_key.replace("\\", "\\\\").replace('"', '\\"')
    bound = f" AND updated >= {epoch_ms(since.astimezone(UTC))}" if since else ""
    return f'project = "{quoted}"{bound} ORDER BY created ASC, id ASC'


CONNECTOR: Final = JiraConnector()
