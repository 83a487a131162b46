"""Reading GitHub's REST interface. See README.md for versions, scopes and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from integrations.connectors.base import (
    ConnectionReport,
    Connector,
    DetailedStream,
    Details,
    FailedRecord,
    ItemStream,
    Json,
    Network,
    Page,
    Partition,
    Reading,
    Seen,
    Stream,
    before,
    follow_links,
)
from integrations.connectors.github.mapping import (
    ci_run_facts,
    comment_facts,
    deployment_facts,
    issue_facts,
    milestone_facts,
    pull_request_facts,
)
from integrations.connectors.github.payloads import Milestone, parse_milestone
from integrations.connectors.options import Account
from integrations.http.answers import Answer
from integrations.http.door import Door, Service
from integrations.http.errors import Forbidden, Gone, NotFound, RateLimited, ToolError, UnexpectedAnswer
from projects.enums import RunOutcome
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject
from projects.imports.values import instant
from projects.observations import ObservationBatch

PUBLIC_ADDRESS: Final = "https://api.github.com"
PUBLIC_VERSION: Final = "2026-03-10"
SERVER_VERSION: Final = "2022-11-28"
PAGE_SIZE: Final = 100
PULL_REQUEST: Final = "pull_request"
FORBIDDEN: Final = 403
TOO_MANY: Final = 429
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

    def visible_repositories(self) -> list[str]:
        """https://docs.github.com/en/rest/repos/repos#list-repositories-for-the-authenticated-user"""
        answers = follow_links(self.door, "/user/repos", {"per_page": PAGE_SIZE, "sort": "full_name"})
        return [str(repository.get("full_name")) for answer in answers for repository in _objects(answer)]

    def milestones(self, repository: str) -> list[JsonObject]:
        """All milestones of a repository, asked for once in a run: the history names them by title only.

        https://docs.github.com/en/rest/issues/milestones#list-milestones
        """
        if repository not in self._milestones:
            address = f"/repos/{repository}/milestones"
            self._milestones[repository] = [
                milestone
                for answer in follow_links(self.door, address, {"state": "all", "per_page": PAGE_SIZE})
                for milestone in _objects(answer)
            ]
        return self._milestones[repository]

    def milestones_by_title(self, repository: str) -> Mapping[str, Milestone]:
        parsed = (parse_milestone(sent) for sent in self.milestones(repository))
        return {milestone.title: milestone for milestone in parsed}

    def timeline(self, repository: str, number: int) -> list[JsonObject]:
        """https://docs.github.com/en/rest/issues/timeline#list-timeline-events-for-an-issue"""
        address = f"/repos/{repository}/issues/{number}/timeline"
        answers = follow_links(self.door, address, {"per_page": PAGE_SIZE})
        return [event for answer in answers for event in _objects(answer)]

    def deployment_statuses(self, repository: str, deployment: str) -> list[JsonObject]:
        """https://docs.github.com/en/rest/deployments/statuses#list-deployment-statuses"""
        return _objects(self.door.get(f"/repos/{repository}/deployments/{deployment}/statuses", {"per_page": 10}))

    def reviews(self, repository: str, number: int) -> list[JsonObject]:
        """https://docs.github.com/en/rest/pulls/reviews#list-reviews-for-a-pull-request"""
        address = f"/repos/{repository}/pulls/{number}/reviews"
        answers = follow_links(self.door, address, {"per_page": PAGE_SIZE})
        return [review for answer in answers for review in _objects(answer)]


class MilestoneStream(Stream[GitHub]):
    name = "milestones"

    def pages(self, client: GitHub, reading: Reading) -> Iterator[Page]:
        sent = client.milestones(reading.partition.id)
        yield Page(batch=milestone_facts(sent), read=len(sent))


class IssueStream(ItemStream[GitHub], DetailedStream[GitHub]):
    """Issues with their histories. The list is asked for by creation, which no edit reorders while it is read.

    checkpoint: {"link": of the page, "done": ids on it that are dealt with}
    https://docs.github.com/en/rest/issues/issues#list-repository-issues
    """

    name = "issues"

    def pages(self, client: GitHub, reading: Reading) -> Iterator[Page]:
        repository = reading.partition.id
        details = Details()
        for link, done, sent in _list(client, f"/repos/{repository}/issues", self._params(reading), reading):
            waiting = [issue for issue in sent if str(issue.get("id")) not in done]
            pulls = [issue for issue in waiting if issue.get("pull_request") is not None]
            done += [str(pull.get("id")) for pull in pulls]
            page = Page(read=len(pulls), skipped=Counter({PULL_REQUEST: len(pulls)}), cursor=_newest(waiting))
            yield _at(page, {"link": link, "done": list(done)})
            for issue in waiting:
                if issue.get("pull_request") is None:
                    page = details.read(issue.get("number"), partial(self._one, client, repository, issue))
                    done.append(str(issue.get("id")))
                    yield _at(page, {"link": link, "done": list(done)})

    def census(self, client: GitHub, partition: Partition) -> Iterator[Sequence[str]]:
        params: dict[str, str | int] = {"state": "all", "sort": "created", "direction": "asc", "per_page": PAGE_SIZE}
        for answer in follow_links(client.door, f"/repos/{partition.id}/issues", params):
            yield [str(issue.get("id")) for issue in _objects(answer)]

    def _params(self, reading: Reading) -> dict[str, str | int]:
        params: dict[str, str | int] = {"state": "all", "sort": "created", "direction": "asc", "per_page": PAGE_SIZE}
        since = before(reading.cursor, self.overlap) or reading.since
        return params | ({"since": _iso(since)} if since else {})

    def again(self, client: GitHub, partition: Partition, detail: Json) -> Page:
        answer = client.door.get_json(f"/repos/{partition.id}/issues/{detail}")
        return self._one(client, partition.id, answer if isinstance(answer, dict) else {})

    def _one(self, client: GitHub, repository: str, issue: JsonObject) -> Page:
        number = issue.get("number")
        if not isinstance(number, int):
            return Page(read=1, failed=(FailedRecord(str(issue.get("id")), "number", "is missing"),))
        timeline = client.timeline(repository, number)
        milestones = client.milestones_by_title(repository)
        page = _mapped(issue, lambda: issue_facts(issue, timeline, repository=repository, milestones=milestones))
        return page


class CommentStream(Stream[GitHub]):
    """Comments on issues and pull requests, of the whole repository in one list.

    https://docs.github.com/en/rest/issues/comments#list-issue-comments-for-a-repository
    """

    name = "comments"

    def pages(self, client: GitHub, reading: Reading) -> Iterator[Page]:
        repository = reading.partition.id
        params: dict[str, str | int] = {"sort": "created", "direction": "asc", "per_page": PAGE_SIZE}
        since = before(reading.cursor, self.overlap) or reading.since
        params |= {"since": _iso(since)} if since else {}
        for link, _, sent in _list(client, f"/repos/{repository}/issues/comments", params, reading):
            page = _all_mapped(sent, lambda each: comment_facts(each, repository=repository))
            yield _at(page, {"link": link, "done": [str(each.get("id")) for each in sent]}, cursor=_newest(sent))


class PullRequestStream(DetailedStream[GitHub]):
    """Reviews and merges. The list knows no `since`: later readings take it newest first, as far as the cursor.

    https://docs.github.com/en/rest/pulls/pulls#list-pull-requests
    """

    name = "pull_requests"

    def pages(self, client: GitHub, reading: Reading) -> Iterator[Page]:
        repository = reading.partition.id
        since = before(reading.cursor, self.overlap)
        order = ("updated", "desc") if since else ("created", "asc")
        params: dict[str, str | int] = {
            "state": "all",
            "sort": order[0],
            "direction": order[1],
            "per_page": PAGE_SIZE,
        }
        details = Details()
        for link, done, sent in _list(client, f"/repos/{repository}/pulls", params, reading):
            changed = [pull for pull in sent if since is None or _updated(pull) >= _iso(since)]
            for pull in changed:
                if str(pull.get("id")) in done:
                    continue
                page = details.read(pull.get("number"), partial(self._one, client, repository, pull))
                done.append(str(pull.get("id")))
                yield _at(page, {"link": link, "done": list(done)}, cursor=_updated(pull))
            if len(changed) < len(sent):
                return

    def again(self, client: GitHub, partition: Partition, detail: Json) -> Page:
        answer = client.door.get_json(f"/repos/{partition.id}/pulls/{detail}")
        return self._one(client, partition.id, answer if isinstance(answer, dict) else {})

    def _one(self, client: GitHub, repository: str, pull: JsonObject) -> Page:
        number = pull.get("number")
        if not isinstance(number, int):
            return Page(read=1, failed=(FailedRecord(str(pull.get("id")), "number", "is missing"),))
        reviews = client.reviews(repository, number)
        return _mapped(pull, lambda: pull_request_facts(pull, reviews))


class CiRunStream(Stream[GitHub]):
    """Runs of GitHub Actions, newest first, as far as the cursor: a run changes until it is over.

    https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
    """

    name = "ci_runs"
    is_optional = True

    def pages(self, client: GitHub, reading: Reading) -> Iterator[Page]:
        params: dict[str, str | int] = {"per_page": PAGE_SIZE}
        since = before(reading.cursor, self.overlap) or reading.since
        params |= {"created": f">={_iso(since)}"} if since else {}
        window = _Window()
        for answer in follow_links(client.door, f"/repos/{reading.partition.id}/actions/runs", params):
            sent = _objects(answer, member="workflow_runs")
            for run in sent:
                window.add(str(run.get("created_at") or ""), is_over=run.get("status") == "completed")
            yield _all_mapped(sent, ci_run_facts)
        yield Page(cursor=window.cursor)


class DeploymentStream(DetailedStream[GitHub]):
    """Deployments with their last status, newest first, as far as the oldest that was not over.

    https://docs.github.com/en/rest/deployments/deployments#list-deployments
    """

    name = "deployments"
    is_optional = True

    def pages(self, client: GitHub, reading: Reading) -> Iterator[Page]:
        repository = reading.partition.id
        since = before(reading.cursor, self.overlap) or reading.since
        details, window = Details(), _Window()
        for answer in follow_links(client.door, f"/repos/{repository}/deployments", {"per_page": PAGE_SIZE}):
            sent = _objects(answer)
            wanted = [each for each in sent if since is None or str(each.get("created_at")) >= _iso(since)]
            for each in wanted:
                page = details.read(dict(each), partial(self._one, client, repository, each))
                is_over = all(found.outcome != RunOutcome.RUNNING for found in page.batch.deployments)
                window.add(str(each.get("created_at") or ""), is_over=is_over)
                yield page
            if len(wanted) < len(sent):
                break
        yield Page(cursor=window.cursor)

    def again(self, client: GitHub, partition: Partition, detail: Json) -> Page:
        return self._one(client, partition.id, detail)

    def _one(self, client: GitHub, repository: str, sent: JsonObject) -> Page:
        statuses = client.deployment_statuses(repository, str(sent.get("id")))
        page = _mapped(sent, lambda: deployment_facts(sent, statuses))
        return replace(page, fields={}, cursor=None)


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
        token = account.secret("token")
        version = SERVER_VERSION if account.setting("base_url") else PUBLIC_VERSION
        headers = {
            "accept": "application/vnd.github+json",
            "authorization": f"Bearer {token}",
            "x-github-api-version": account.setting("api_version", version),
        }
        service = Service(
            base_url=account.address(PUBLIC_ADDRESS), headers=headers, secrets=account.secret_texts, judge=judge
        )
        return GitHub(network.door(service), account.names("repositories"))

    def check(self, client: GitHub) -> ConnectionReport:
        """Who we are, what a classic token may, and whether each repository is shown."""
        answer = client.door.get("/user")
        sent = answer.json()
        scopes = tuple(scope for scope in _header(answer, "x-oauth-scopes").replace(" ", "").split(",") if scope)
        lost = [partition for partition in self.partitions(client) if partition.error is not None]
        return ConnectionReport(
            account=str(sent.get("login", "")) if isinstance(sent, dict) else "",
            server=f"GitHub, interface version {_header(answer, 'x-github-api-version-selected') or 'unknown'}",
            scopes=scopes,
            missing_scopes=("repo",) if scopes and READING_SCOPES.isdisjoint(scopes) else (),
            expires_at=_expiry(_header(answer, "github-authentication-token-expiration")),
            notes=tuple(f"{partition.name} is not shown to this token." for partition in lost),
            error=lost[0].error if lost and len(lost) == len(client.repositories) else None,
        )

    def partitions(self, client: GitHub) -> list[Partition]:
        if not client.repositories:
            return [Partition(id=repository, name=repository) for repository in client.visible_repositories()]
        return [self._partition(client, repository) for repository in client.repositories]

    def _partition(self, client: GitHub, repository: str) -> Partition:
        try:
            client.door.get(f"/repos/{repository}")
        except (NotFound, Forbidden, Gone) as error:
            return Partition(id=repository, name=repository, error=error)
        return Partition(id=repository, name=repository)


class _Window:
    """Where the next reading of things that come to an end begins: at the oldest that has not, else at the newest.

    One that has not ended for a week is taken for abandoned, or everything since would be read for ever.
    """

    def __init__(self) -> None:
        self._open: list[str] = []
        self._newest = ""

    def add(self, created_at: str, *, is_over: bool) -> None:
        self._newest = max(self._newest, created_at)
        if not is_over:
            self._open.append(created_at)

    @property
    def cursor(self) -> str | None:
        newest = _moment(self._newest)
        if newest is None:
            return None
        moments = (_moment(text) for text in self._open)
        recent = [moment for moment in moments if moment is not None and newest - moment <= ABANDONED_AFTER]
        return min([newest, *recent]).isoformat()


def judge(answer: Answer) -> ToolError | None:
    """GitHub's limits come as 403 or 429: used-up quota with its reset, or a secondary limit with Retry-After.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    if answer.status not in (FORBIDDEN, TOO_MANY):
        return None
    sent = answer.json_or_none()
    message = str(sent.get("message", "")).casefold() if isinstance(sent, dict) else ""
    if answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers:
        return RateLimited()
    if "rate limit" in message or answer.status == TOO_MANY:
        return RateLimited(retry_after_s=SECONDARY_LIMIT_WAIT_S)
    return None


# --- lists ---


def _list(
    client: GitHub, address: str, params: dict[str, str | int], reading: Reading
) -> Iterator[tuple[str, list[str], list[JsonObject]]]:
    """Pages of a list from the checkpoint on: where each is, what of it is dealt with, and what it holds."""
    checkpoint = reading.checkpoint or {}
    link, done = str(checkpoint.get("link", "")), [str(each) for each in checkpoint.get("done", [])]
    answer = client.door.get(link) if link else client.door.get(address, params)
    seen = Seen()
    while True:
        yield link, done, _objects(answer)
        following = answer.next_link
        if following is None:
            return
        link, done = seen.check(following), []
        answer = client.door.get(link)


def _objects(answer: Answer, *, member: str = "") -> list[JsonObject]:
    sent = answer.json()
    if member:
        sent = sent.get(member) if isinstance(sent, dict) else None
    if not isinstance(sent, list) or not all(isinstance(each, dict) for each in sent):
        raise UnexpectedAnswer("A list was expected.")
    return sent


def _mapped(sent: JsonObject, facts: Callable[[], ObservationBatch]) -> Page:
    try:
        return Page(batch=facts(), read=1, cursor=_updated(sent), fields={str(sent.get("id")): sent})
    except FieldRefused as refused:
        failure = FailedRecord(str(sent.get("id")), refused.field, refused.reason)
        return Page(read=1, failed=(failure,), cursor=_updated(sent))


def _all_mapped(sent: Sequence[JsonObject], facts: Callable[[JsonObject], ObservationBatch]) -> Page:
    pages = [_mapped(each, partial(facts, each)) for each in sent]
    return Page(
        batch=ObservationBatch.merged(page.batch for page in pages),
        read=len(pages),
        failed=tuple(failure for page in pages for failure in page.failed),
    )


def _at(page: Page, checkpoint: Json, *, cursor: str | None = None) -> Page:
    return replace(page, checkpoint=checkpoint, cursor=cursor or page.cursor)


def _newest(sent: Sequence[JsonObject], *, member: str = "updated_at") -> str | None:
    return max((str(each.get(member) or "") for each in sent), default="") or None


def _updated(sent: JsonObject) -> str:
    return str(sent.get("updated_at") or "")


def _moment(text: str) -> datetime | None:
    try:
        return instant(text, field="created_at")
    except FieldRefused:
        return None


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _header(answer: Answer, name: str) -> str:
    return answer.headers.get(name, "")


def _expiry(text: str) -> datetime | None:
    """Such as "2026-06-01 12:00:00 UTC", or with an offset."""
    try:
        moment = datetime.fromisoformat(text.strip().replace(" UTC", "+00:00").replace(" ", "T", 1).replace(" ", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


CONNECTOR: Final = GitHubConnector()
