"""Reading GitLab's REST interface. See README.md for versions, scopes and limits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final
from urllib.parse import quote

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
    error_of_all,
    follow_links,
    lost_among,
)
from integrations.connectors.gitlab.login import LOGIN, PUBLIC_ADDRESS
from integrations.connectors.gitlab.mapping import (
    deployment_facts,
    issue_facts,
    iteration_facts,
    merge_request_facts,
    milestone_facts,
    pipeline_facts,
)
from integrations.connectors.gitlab.notes import named_assignees, own_words, tells_of_relations
from integrations.connectors.gitlab.payloads import History, account_names
from integrations.connectors.oauth import bearer_of
from integrations.connectors.options import Account
from integrations.connectors.records import (
    all_linked,
    all_mapped,
    in_utc,
    linked_pages,
    mapped,
    newest,
    not_mapped,
    object_of,
    objects_of,
    one_by_one,
    placed,
)
from integrations.http.door import Door, Service
from integrations.http.errors import NOT_SHOWN, Forbidden, NotFound
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject
from projects.observations import ObservationBatch

API: Final = "/api/v4"
PAGE_SIZE: Final = 100
READING_SCOPES: Final = frozenset({"api", "read_api"})
OLDEST_FIRST: Final[dict[str, str | int]] = {"order_by": "created_at", "sort": "asc", "per_page": PAGE_SIZE}
LAST_CHANGED_LAST: Final[dict[str, str | int]] = {"order_by": "updated_at", "sort": "asc", "per_page": PAGE_SIZE}


@dataclass
class GitLab:
    """The requests we make.

    not_offered: kinds of events that this edition does not know, asked for once only
    half_read: stream, project and number -> a record whose details were not given in this run yet
    """

    door: Door
    project_paths: Sequence[str]
    group_paths: Sequence[str]
    status_scope: str = ""
    not_offered: set[str] = field(default_factory=set)
    half_read: dict[tuple[str, str, int], JsonObject] = field(default_factory=dict)
    _members: dict[str, dict[str, str]] = field(default_factory=dict)

    def all_of(self, address: str, **params: str | int) -> list[JsonObject]:
        """A whole list, all pages of it."""
        return all_linked(self.door, f"{API}{address}", {"per_page": PAGE_SIZE, **params})

    def projects(self) -> Iterator[JsonObject]:
        """https://docs.gitlab.com/api/projects/#list-all-projects"""
        yield from self.all_of("/projects", membership="true", order_by="id", sort="asc")

    def project(self, path: str) -> JsonObject:
        return object_of(self.door.get(f"{API}/projects/{quote(path, safe='')}"))

    def projects_of_group(self, path: str) -> list[JsonObject]:
        """https://docs.gitlab.com/api/groups/#list-all-projects-in-a-group"""
        return self.all_of(
            f"/groups/{quote(path, safe='')}/projects", include_subgroups="true", order_by="id", sort="asc"
        )

    def history(self, project_id: str, issue: JsonObject) -> History:
        """Everything that happened to one issue: four requests, and one more for each thing that it may have.

        https://docs.gitlab.com/api/resource_state_events/, /resource_label_events/, /resource_milestone_events/,
        /resource_iteration_events/, /resource_weight_events/, /notes/, /issue_links/
        """
        address = f"/projects/{project_id}/issues/{issue['iid']}"
        notes = self.all_of(f"{address}/notes", sort="asc", order_by="created_at")
        states = self.all_of(f"{address}/resource_state_events")
        bodies = own_words(notes)
        may_have_links = bool(issue.get("blocking_issues_count")) or tells_of_relations(bodies)
        known = account_names([issue, *states, *notes])
        return History(
            states=states,
            labels=self.all_of(f"{address}/resource_label_events"),
            milestones=self.all_of(f"{address}/resource_milestone_events"),
            iterations=self._offered(f"{address}/resource_iteration_events") if "iteration" in issue else (),
            weights=self._offered(f"{address}/resource_weight_events") if "weight" in issue else (),
            notes=notes,
            links=self.all_of(f"{address}/links") if may_have_links else (),
            accounts=known if named_assignees(bodies) <= known.keys() else self.members(project_id) | known,
        )

    def _offered(self, address: str) -> list[JsonObject]:
        kind = address.rpartition("/")[2]
        if kind in self.not_offered:
            return []
        try:
            return self.all_of(address)
        except (NotFound, Forbidden):
            self.not_offered.add(kind)
            return []

    def members(self, project_id: str) -> dict[str, str]:
        """Names of accounts and their numbers, asked for once in a run; {} where the token may not.

        https://docs.gitlab.com/api/project_members/
        """
        if project_id not in self._members:
            try:
                self._members[project_id] = account_names(self.all_of(f"/projects/{project_id}/members/all"))
            except NOT_SHOWN:
                self._members[project_id] = {}
        return self._members[project_id]


class GitLabStream(Stream[GitLab]):
    """A list of a project. resource: its path;  feature: what may be turned off in a project"""

    resource: str
    feature: str = ""

    def address(self, project_id: str) -> str:
        return f"{API}/projects/{project_id}/{self.resource}"

    def is_off(self, partition: Partition) -> bool:
        return self.feature in (partition.facts or {}).get("off", [])

    def changed_since(self, reading: Reading) -> dict[str, str | int]:
        moment = self.since(reading)
        return {"updated_after": in_utc(moment)} if moment else {}


class MilestoneStream(GitLabStream):
    """https://docs.gitlab.com/api/milestones/, with those of the groups above."""

    name = "milestones"
    resource = "milestones"

    def pages(self, client: GitLab, reading: Reading) -> Iterator[Page]:
        sent = client.all_of(f"/projects/{reading.partition.id}/milestones", include_ancestors="true")
        yield all_mapped(sent, milestone_facts)


class IterationStream(GitLabStream):
    """https://docs.gitlab.com/api/iterations/ (Premium)."""

    name = "iterations"
    resource = "iterations"
    is_optional = True

    def pages(self, client: GitLab, reading: Reading) -> Iterator[Page]:
        sent = client.all_of(f"/projects/{reading.partition.id}/iterations", include_ancestors="true")
        yield all_mapped(sent, iteration_facts)


class RecordStream(GitLabStream, DetailedStream[GitLab]):
    """Records that each cost further requests. The list is asked for by creation, which no edit reorders.

    checkpoint: as in `linked_pages`;  a deferred detail is the number of the record in its project (`iid`)
    """

    def pages(self, client: GitLab, reading: Reading) -> Iterator[Page]:
        if self.is_off(reading.partition):
            return
        details, ask = Details(), partial(self.one, client, reading.partition)
        params = {"scope": "all", "state": "all", **OLDEST_FIRST, **self.changed_since(reading)}
        for place in linked_pages(client.door, self.address(reading.partition.id), params, reading):
            yield from one_by_one(details, place, ask, number_in="iid", changed_in="updated_at")

    def one(self, client: GitLab, partition: Partition, record: JsonObject) -> Page:
        """The record with its details. Raises ToolError."""
        if not isinstance(record.get("iid"), int):
            return not_mapped(record, FieldRefused("iid", "is missing"))
        key = self.name, partition.id, record["iid"]
        client.half_read[key] = record
        page = self.detailed(client, partition, record)
        del client.half_read[key]
        return page

    @abstractmethod
    def detailed(self, client: GitLab, partition: Partition, record: JsonObject) -> Page:
        """One that has a number. Raises ToolError."""

    def again(self, client: GitLab, partition: Partition, detail: Json) -> Page:
        record = client.half_read.get((self.name, partition.id, detail))
        if record is None:  # an earlier run was not given its details
            record = object_of(client.door.get(f"{self.address(partition.id)}/{detail}"))
        return self.one(client, partition, record)


class IssueStream(RecordStream, ItemStream[GitLab]):
    """Issues, incidents and tasks with their histories. https://docs.gitlab.com/api/issues/"""

    name = "issues"
    resource = "issues"
    feature = "issues"

    def detailed(self, client: GitLab, partition: Partition, record: JsonObject) -> Page:
        history = client.history(partition.id, record)
        page = mapped(
            record,
            partial(
                issue_facts,
                history=history,
                container=partition.id,
                path=partition.name,
                status_scope=client.status_scope,
            ),
        )
        return replace(page, fields={str(record.get("id")): record})

    def census(self, client: GitLab, partition: Partition) -> Iterator[Sequence[str]]:
        if self.is_off(partition):
            return
        params = {"scope": "all", "state": "all", **OLDEST_FIRST}
        for answer in follow_links(client.door, self.address(partition.id), params):
            yield [str(issue.get("id")) for issue in objects_of(answer)]


class MergeRequestStream(RecordStream):
    """Merges, approvals, reviews, comments. https://docs.gitlab.com/api/merge_requests/, /notes/"""

    name = "merge_requests"
    needs_items = True
    resource = "merge_requests"
    feature = "merge_requests"

    def detailed(self, client: GitLab, partition: Partition, record: JsonObject) -> Page:
        address = f"/projects/{partition.id}/{self.resource}/{record['iid']}/notes"
        notes = client.all_of(address, sort="asc", order_by="created_at")
        return mapped(record, partial(merge_request_facts, notes=notes, path=partition.name))


class ListStream(GitLabStream):
    """Records that are whole in their list. A later reading takes what has changed since."""

    order: dict[str, str | int]

    def pages(self, client: GitLab, reading: Reading) -> Iterator[Page]:
        if self.is_off(reading.partition):
            return
        params = {**self.order, **self.changed_since(reading)}
        for link, _, sent in linked_pages(client.door, self.address(reading.partition.id), params, reading):
            checkpoint = {"link": link, "done": [str(each.get("id")) for each in sent]}
            yield placed(all_mapped(sent, self.facts), checkpoint, cursor=newest(sent, "updated_at"))

    @abstractmethod
    def facts(self, sent: JsonObject) -> ObservationBatch:
        """Raises FieldRefused."""


class PipelineStream(ListStream):
    """https://docs.gitlab.com/api/pipelines/#list-project-pipelines, by number, which no new run reorders."""

    name = "pipelines"
    resource = "pipelines"
    feature = "builds"
    is_optional = True
    order = {"order_by": "id", "sort": "asc", "per_page": PAGE_SIZE}

    def facts(self, sent: JsonObject) -> ObservationBatch:
        return pipeline_facts(sent)


class DeploymentStream(ListStream):
    """https://docs.gitlab.com/api/deployments/; changes can only be asked for in the order of change."""

    name = "deployments"
    resource = "deployments"
    feature = "builds"
    is_optional = True
    order = LAST_CHANGED_LAST

    def facts(self, sent: JsonObject) -> ObservationBatch:
        return deployment_facts(sent)


class GitLabConnector(Connector[GitLab]):
    """https://docs.gitlab.com/api/rest/"""

    type = "GITLAB"
    source = "gitlab"
    streams = (
        MilestoneStream(),
        IterationStream(),
        IssueStream(),
        MergeRequestStream(),
        PipelineStream(),
        DeploymentStream(),
    )

    def open(self, account: Account, network: Network) -> GitLab:
        service = Service(
            base_url=account.address(PUBLIC_ADDRESS),
            bearer=bearer_of(account, network, LOGIN, entered="token"),
            secrets=account.secret_texts,
        )
        return GitLab(
            door=network.door(service),
            project_paths=account.names("project_paths"),
            group_paths=account.names("group_paths"),
            status_scope=account.setting("status_label_scope"),
        )

    def check(self, client: GitLab) -> ConnectionReport:
        """Who we are, which server answers, what the token may and until when; and which projects are not shown."""
        user = object_of(client.door.get(f"{API}/user"))
        server = object_of(client.door.get(f"{API}/version"))
        token = self._token(client)
        told = token.get("scopes")
        scopes = tuple(map(str, told)) if isinstance(told, list) else ()
        found = self.partitions(client)
        hidden = lost_among(found)
        return ConnectionReport(
            account=str(user.get("username") or user.get("id") or ""),
            server=f"GitLab {server.get('version') or ''}".strip(),
            scopes=scopes,
            missing_scopes=("read_api",) if scopes and READING_SCOPES.isdisjoint(scopes) else (),
            expires_at=_end_of(token.get("expires_at")),
            notes=tuple(f"{partition.name} is not shown to this token." for partition in hidden),
            error=error_of_all(hidden, of=len(found)),
        )

    def partitions(self, client: GitLab) -> list[Partition]:
        if not client.project_paths and not client.group_paths:
            return [_partition(project) for project in client.projects()]
        found: dict[str, Partition] = {}
        for path in client.group_paths:
            for partition in _shown(path, client.projects_of_group):
                found[partition.id] = partition
        for path in client.project_paths:
            for partition in _shown(path, lambda name: [client.project(name)]):
                found[partition.id] = partition
        return list(found.values())

    def _token(self, client: GitLab) -> JsonObject:
        """Tokens of OAuth are no access tokens: GitLab does not know them here, nor do servers before 14.

        https://docs.gitlab.com/api/personal_access_tokens/#get-details-on-a-personal-access-token
        """
        try:
            return object_of(client.door.get(f"{API}/personal_access_tokens/self"))
        except NOT_SHOWN:
            return {}


def _shown(path: str, ask: Callable[[str], Sequence[JsonObject]]) -> list[Partition]:
    try:
        return [_partition(project) for project in ask(path)]
    except NOT_SHOWN as error:
        return [Partition(id=path, name=path, error=error)]


def _partition(project: JsonObject) -> Partition:
    """By number, which survives when the project is renamed or moved. off: what is turned off in it"""
    off = [
        feature
        for feature, is_on in (
            ("issues", project.get("issues_enabled")),
            ("merge_requests", project.get("merge_requests_enabled")),
            ("builds", project.get("jobs_enabled")),
        )
        if is_on is False
    ]
    number = str(project.get("id"))
    return Partition(id=number, name=str(project.get("path_with_namespace") or number), facts={"off": off})


def _end_of(day: object) -> datetime | None:
    """A token ends at the midnight, in UTC, that its last day begins with."""
    try:
        return datetime.fromisoformat(str(day)).replace(tzinfo=UTC)
    except ValueError:
        return None


CONNECTOR: Final = GitLabConnector()
