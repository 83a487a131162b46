"""Reading GitHub's REST interface. See README.md for versions, scopes and limits."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import ClassVar, Final

from integrations.connectors.base import (
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
    Stream,
    before,
    error_of_all,
    follow_links,
    lost_among,
    scopes_in,
    shown_or_lost,
)
from integrations.connectors.github.login import LOGIN, PUBLIC_ADDRESS
from integrations.connectors.github.mapping import (
    ci_run_facts,
    comment_facts,
    deployment_facts,
    issue_facts,
    milestone_facts,
    pull_request_facts,
)
from integrations.connectors.github.payloads import Milestone, parse_milestone
from integrations.connectors.oauth import bearer_of
from integrations.connectors.options import Account
from integrations.connectors.records import (
    all_linked,
    all_mapped,
    cursor_at,
    in_utc,
    linked_pages,
    mapped,
    newest,
    not_mapped,
    objects_of,
    one_by_one,
    placed,
    readable_moment,
)
from integrations.http.answers import Answer
from integrations.http.door import Door, Service
from integrations.http.errors import RateLimited, ToolError
from projects.enums import RunOutcome
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject

PUBLIC_VERSION: Final = "2026-03-10"
SERVER_VERSION: Final = "2022-11-28"
PAGE_SIZE: Final = 100
OLDEST_FIRST: Final[dict[str, str | int]] = {
    "state": "all",
    "sort": "created",
    "direction": "asc",
    "per_page": PAGE_SIZE,
}
CHANGED: Final = "updated_at"
PULL_REQUEST: Final = "pull_request"
READING_SCOPES: Final = frozenset({"repo", "public_repo"})
ABANDONED_AFTER: Final = timedelta(days=7)
SECONDARY_LIMIT_WAIT_S: Final = 60.0
"""What GitHub advises where a secondary limit comes without Retry-After."""


class GitHub:
    """The requests we make; each answers parsed JSON. Names in addresses come from settings of a checked form."""

    def __init__(self, door: Door, repositories: Sequence[str]) -> None:
        self.door = door
        self.repositories = repositories
        self._milestones: dict[str, list[JsonObject]] = {}
        self._by_title: dict[str, dict[str, Milestone]] = {}

    def visible_repositories(self) -> list[str]:
        """https://docs.github.com/en/rest/repos/repos#list-repositories-for-the-authenticated-user"""
        found = all_linked(self.door, "/user/repos", {"per_page": PAGE_SIZE, "sort": "full_name"})
        return [str(repository.get("full_name")) for repository in found]

    def milestones(self, repository: str) -> list[JsonObject]:
        """All milestones of a repository, asked for once in a run: the history names them by title only.

        https://docs.github.com/en/rest/issues/milestones#list-milestones
        """
        if repository not in self._milestones:
            address = f"/repos/{repository}/milestones"
            self._milestones[repository] = all_linked(self.door, address, {"state": "all", "per_page": PAGE_SIZE})
        return self._milestones[repository]

    def milestones_by_title(self, repository: str) -> Mapping[str, Milestone]:
        if repository not in self._by_title:
            parsed = _readable(self.milestones(repository))
            self._by_title[repository] = {milestone.title: milestone for milestone in parsed}
        return self._by_title[repository]

    def timeline(self, repository: str, number: int) -> list[JsonObject]:
        """https://docs.github.com/en/rest/issues/timeline#list-timeline-events-for-an-issue"""
        return all_linked(self.door, f"/repos/{repository}/issues/{number}/timeline", {"per_page": PAGE_SIZE})

    def deployment_statuses(self, repository: str, deployment: str) -> list[JsonObject]:
        """https://docs.github.com/en/rest/deployments/statuses#list-deployment-statuses"""
        return objects_of(self.door.get(f"/repos/{repository}/deployments/{deployment}/statuses", {"per_page": 10}))

    def reviews(self, repository: str, number: int) -> list[JsonObject]:
        """https://docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request"""
        return all_linked(self.door, f"/repos/{repository}/pulls/{number}/reviews", {"per_page": PAGE_SIZE})


def _readable(milestones: Iterable[JsonObject]) -> Iterator[Milestone]:
    for each in milestones:
        with suppress(FieldRefused):  # the stream of milestones names it
            yield parse_milestone(each)


class MilestoneStream(Stream[GitHub]):
    name = "milestones"

    def pages(self, client: GitHub, reading: Reading) -> Iterator[Page]:
        sent = client.milestones(reading.partition.id)
        yield all_mapped(sent, milestone_facts)


class NumberedStream(DetailedStream[GitHub]):
    """Records that each cost further requests; a deferred detail is the number of the record. resource: its path"""

    resource: ClassVar[str]

    def address(self, repository: str) -> str:
        return f"/repos/{repository}/{self.resource}"

    def again(self, client: GitHub, partition: Partition, detail: Json) -> Page:
        sent = client.door.get_json(f"{self.address(partition.id)}/{detail}")
        return self.one(client, partition.id, sent if isinstance(sent, dict) else {})

    def one(self, client: GitHub, repository: str, record: JsonObject) -> Page:
        """The record with its details. Raises ToolError."""
        number = record.get("number")
        if not isinstance(number, int):
            return not_mapped(record, FieldRefused("number", "is missing"))
        return self.detailed(client, repository, number, record)

    @abstractmethod
    def detailed(self, client: GitHub, repository: str, number: int, record: JsonObject) -> Page:
        """One that has a number. Raises ToolError."""


class IssueStream(NumberedStream, ItemStream[GitHub]):
    """Issues with their histories. The list is asked for by creation, which no edit reorders while it is read.

    checkpoint: {"link": of the page, "done": ids on it that are dealt with}
    https://docs.github.com/en/rest/issues/issues#list-repository-issues
    """

    name = "issues"
    resource = "issues"

    def pages(self, client: GitHub, reading: Reading) -> Iterator[Page]:
        since = self.since(reading)
        params = OLDEST_FIRST | ({"since": in_utc(since)} if since else {})
        details, ask = Details(), partial(self.one, client, reading.partition.id)
        for link, done, sent in linked_pages(client.door, self.address(reading.partition.id), params, reading):
            waiting = [issue for issue in sent if str(issue.get("id")) not in done]
            pulls = [issue for issue in waiting if issue.get("pull_request") is not None]
            done += [str(pull.get("id")) for pull in pulls]
            page = Page(read=len(pulls), skipped=Counter({PULL_REQUEST: len(pulls)}))
            yield placed(page, {"link": link, "done": list(done)}, cursor=newest(waiting, CHANGED))
            yield from one_by_one(details, (link, done, waiting), ask, number_in="number", changed_in=CHANGED)

    def census(self, client: GitHub, partition: Partition) -> Iterator[Sequence[str]]:
        for answer in follow_links(client.door, self.address(partition.id), OLDEST_FIRST):
            yield [str(issue.get("id")) for issue in objects_of(answer)]

    def detailed(self, client: GitHub, repository: str, number: int, record: JsonObject) -> Page:
        timeline = client.timeline(repository, number)
        milestones = client.milestones_by_title(repository)
        facts = partial(issue_facts, timeline=timeline, repository=repository, milestones=milestones)
        return replace(mapped(record, facts), fields={str(record.get("id")): record})


class CommentStream(Stream[GitHub]):
    """Comments on issues and pull requests, of the whole repository in one list.

    https://docs.github.com/en/rest/issues/comments#list-issue-comments-for-a-repository
    """

    name = "comments"
    needs_items = True

    def pages(self, client: GitHub, reading: Reading) -> Iterator[Page]:
        repository = reading.partition.id
        params: dict[str, str | int] = {"sort": "created", "direction": "asc", "per_page": PAGE_SIZE}
        since = self.since(reading)
        params |= {"since": in_utc(since)} if since else {}
        for link, _, sent in linked_pages(client.door, f"/repos/{repository}/issues/comments", params, reading):
            page = all_mapped(sent, partial(comment_facts, repository=repository))
            done = [str(each.get("id")) for each in sent]
            yield placed(page, {"link": link, "done": done}, cursor=newest(sent, CHANGED))


class PullRequestStream(NumberedStream):
    """Reviews and merges. The list knows no `since`: later readings take it newest first, as far as the cursor.

    https://docs.github.com/en/rest/pulls/pulls#list-pull-requests
    """

    name = "pull_requests"
    resource = "pulls"

    def pages(self, client: GitHub, reading: Reading) -> Iterator[Page]:
        since = before(reading.cursor, self.overlap)
        order = ("updated", "desc") if since else ("created", "asc")
        params: dict[str, str | int] = {
            "state": "all",
            "sort": order[0],
            "direction": order[1],
            "per_page": PAGE_SIZE,
        }
        details, ask = Details(), partial(self.one, client, reading.partition.id)
        for link, done, sent in linked_pages(client.door, self.address(reading.partition.id), params, reading):
            changed = [pull for pull in sent if since is None or str(pull.get(CHANGED) or "") >= in_utc(since)]
            yield from one_by_one(details, (link, done, changed), ask, number_in="number", changed_in=CHANGED)
            if len(changed) < len(sent):
                return

    def detailed(self, client: GitHub, repository: str, number: int, record: JsonObject) -> Page:
        reviews = client.reviews(repository, number)
        return mapped(record, partial(pull_request_facts, reviews=reviews))


class CiRunStream(Stream[GitHub]):
    """Runs of GitHub Actions, newest first, as far as the cursor: a run changes until it is over.

    https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
    """

    name = "ci_runs"
    is_optional = True

    def pages(self, client: GitHub, reading: Reading) -> Iterator[Page]:
        params: dict[str, str | int] = {"per_page": PAGE_SIZE}
        since = self.since(reading)
        params |= {"created": f">={in_utc(since)}"} if since else {}
        window = _Window()
        for answer in follow_links(client.door, f"/repos/{reading.partition.id}/actions/runs", params):
            sent = objects_of(answer, member="workflow_runs")
            for run in sent:
                window.add(readable_moment(run, "created_at"), is_over=run.get("status") == "completed")
            yield all_mapped(sent, ci_run_facts)
        yield Page(cursor=window.cursor)


class DeploymentStream(DetailedStream[GitHub]):
    """Deployments with their last status, newest first, as far as the oldest that was not over.

    https://docs.github.com/en/rest/deployments/deployments#list-deployments
    """

    name = "deployments"
    is_optional = True

    def pages(self, client: GitHub, reading: Reading) -> Iterator[Page]:
        repository = reading.partition.id
        since = self.since(reading)
        details, window = Details(), _Window()
        for answer in follow_links(client.door, f"/repos/{repository}/deployments", {"per_page": PAGE_SIZE}):
            sent = objects_of(answer)
            wanted = [each for each in sent if since is None or str(each.get("created_at")) >= in_utc(since)]
            for each in wanted:
                page = details.read(dict(each), partial(self._one, client, repository, each))
                is_over = all(found.outcome != RunOutcome.RUNNING for found in page.batch.deployments)
                window.add(readable_moment(each, "created_at"), is_over=is_over)
                yield page
            if len(wanted) < len(sent):
                break
        yield Page(cursor=window.cursor)

    def again(self, client: GitHub, partition: Partition, detail: Json) -> Page:
        return self._one(client, partition.id, detail)

    def _one(self, client: GitHub, repository: str, sent: JsonObject) -> Page:
        statuses = client.deployment_statuses(repository, str(sent.get("id")))
        return mapped(sent, partial(deployment_facts, statuses=statuses))


class GitHubConnector(Connector[GitHub]):
    """https://docs.github.com/en/rest"""

    type = "GITHUB"
    source = "github"
    streams = (
        MilestoneStream(),
        IssueStream(),
        CommentStream(),
        PullRequestStream(),
        CiRunStream(),
        DeploymentStream(),
    )

    def open(self, account: Account, network: Network) -> GitHub:
        version = SERVER_VERSION if account.setting("base_url") else PUBLIC_VERSION
        headers = {
            "accept": "application/vnd.github+json",
            "x-github-api-version": account.setting("api_version", version),
        }
        service = Service(
            base_url=account.address(PUBLIC_ADDRESS),
            headers=headers,
            bearer=bearer_of(account, network, LOGIN, entered="token"),
            secrets=account.secret_texts,
            judge=judge,
        )
        return GitHub(network.door(service), account.names("repositories"))

    def check(self, client: GitHub) -> ConnectionReport:
        """Who we are, what a classic token may, and whether each repository is shown."""
        answer = client.door.get("/user")
        sent = answer.json()
        scopes, hidden = scopes_in(answer), lost_among(self.partitions(client))
        return ConnectionReport(
            account=str(sent.get("login", "")) if isinstance(sent, dict) else "",
            server=f"GitHub, interface version {answer.headers.get('x-github-api-version-selected') or 'unknown'}",
            scopes=scopes,
            missing_scopes=("repo",) if scopes and READING_SCOPES.isdisjoint(scopes) else (),
            expires_at=_expiry(answer.headers.get("github-authentication-token-expiration", "")),
            notes=tuple(f"{partition.name} is not shown to this token." for partition in hidden),
            error=error_of_all(hidden, of=len(client.repositories)),
        )

    def partitions(self, client: GitHub) -> list[Partition]:
        if not client.repositories:
            return [Partition(id=repository, name=repository) for repository in client.visible_repositories()]
        return [
            shown_or_lost(repository, partial(self._partition, client, repository))
            for repository in client.repositories
        ]

    def _partition(self, client: GitHub, repository: str) -> Partition:
        client.door.get(f"/repos/{repository}")
        return Partition(id=repository, name=repository)


class _Window:
    """Where the next reading of things that come to an end begins: at the oldest that has not, else at the newest.

    One that has not ended for a week is taken for abandoned, or everything since would be read for ever.
    """

    def __init__(self) -> None:
        self._open: list[datetime] = []
        self._newest: datetime | None = None

    def add(self, created_at: datetime | None, *, is_over: bool) -> None:
        """created_at: None for one that does not say, and is passed over"""
        if created_at is None:
            return
        self._newest = max(self._newest or created_at, created_at)
        if not is_over:
            self._open.append(created_at)

    @property
    def cursor(self) -> str | None:
        if self._newest is None:
            return None
        awaited = [moment for moment in self._open if self._newest - moment <= ABANDONED_AFTER]
        return cursor_at(min([self._newest, *awaited]))


def judge(answer: Answer) -> ToolError | None:
    """GitHub's limits come as 403 or 429: used-up quota with its reset, or a secondary limit with Retry-After.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    if answer.status not in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
        return None
    sent = answer.json_or_none()
    message = str(sent.get("message", "")).casefold() if isinstance(sent, dict) else ""
    if answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers:
        return RateLimited()
    if "rate limit" in message or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(retry_after_s=SECONDARY_LIMIT_WAIT_S)
    return None


def _expiry(text: str) -> datetime | None:
    """Such as "2026-06-01 12:00:00 UTC", or with an offset."""
    try:
        moment = datetime.fromisoformat(text.strip().replace(" UTC", "+00:00").replace(" ", "T", 1).replace(" ", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


CONNECTOR: Final = GitHubConnector()
