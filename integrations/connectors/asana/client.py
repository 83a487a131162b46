"""Reading Asana. See README.md for versions, scopes and limits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from integrations.connectors.asana.login import LOGIN
from integrations.connectors.asana.mapping import task_facts, time_facts
from integrations.connectors.asana.payloads import STORY_FIELDS, TASK_FIELDS, TIME_FIELDS, gid_or_empty, project_gids
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
    Seen,
    error_of_all,
    lost_among,
    shown_or_lost,
)
from integrations.connectors.oauth import bearer_of
from integrations.connectors.options import Account
from integrations.connectors.records import as_object, as_objects, cursor_of, in_utc_ms, mapped, not_mapped
from integrations.http.answers import Answer
from integrations.http.door import Door, Service
from integrations.http.errors import CheckpointExpired, Forbidden, NotFound, Refused, ToolError
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject
from projects.imports.values import instant

PUBLIC_ADDRESS: Final = "https://app.asana.com/api/1.0"
PAGE_SIZE: Final = 100
DEEPEST: Final = 5
"""Asana lets subtasks stand below subtasks, this deep."""
OWN_NAMES: Final = re.compile(r"[a-z][a-z_.]{0,60}")
CHANGED: Final = "modified_at"
TIMES_NOT_OFFERED: Final = "time_entries_not_offered"
ELSEWHERE: Final = "counted_in_another_project"


@dataclass(frozen=True, slots=True)
class Listed:
    """A task of a project's list. home: the project that holds it for us;  has_subtasks: or may have some"""

    gid: str
    home: str
    modified_at: str
    has_subtasks: bool


class Asana:
    """The requests we make, and what the run has listed so far."""

    def __init__(self, door: Door, *, workspace: str, projects: Sequence[str], more_fields: Sequence[str]) -> None:
        self.door = door
        self.workspace = workspace
        self.projects = projects
        self._task_fields = ",".join([*TASK_FIELDS, *filter(OWN_NAMES.fullmatch, more_fields)])
        self.has_times = True
        self._seen: dict[str, bool] = {}
        self._lists: dict[str, list[Listed]] = {}
        self._families: dict[str, tuple[str, ...]] = {}

    # --- requests ---

    def one(self, address: str, fields: str) -> JsonObject:
        sent = self.door.get_json(address, {"opt_fields": fields})
        return as_object(as_object(sent).get("data"))

    def listed(self, address: str, params: Mapping[str, str], offset: str = "") -> Iterator[tuple[str, Any]]:
        """Pages, each with its own place. https://developers.asana.com/docs/pagination"""
        seen = Seen()
        while True:
            asked: dict[str, str | int] = {**params, "limit": PAGE_SIZE, **({"offset": offset} if offset else {})}
            sent = self.door.get_json(address, asked)
            yield offset, as_objects(sent, "data")
            following = sent.get("next_page")
            offset = str(following.get("offset") or "") if isinstance(following, dict) else ""
            if not offset:
                return
            seen.check(offset)

    def all(self, address: str, fields: str) -> list[JsonObject]:
        return [record for _, page in self.listed(address, {"opt_fields": fields}) for record in page]

    def me(self) -> JsonObject:
        """https://developers.asana.com/reference/getuser"""
        return self.one("/users/me", "workspaces.name")

    def task(self, gid: str) -> JsonObject:
        return self.one(f"/tasks/{gid}", self._task_fields)

    def tasks(self, project: str, since: datetime | None, offset: str) -> Iterator[tuple[str, list[JsonObject]]]:
        """https://developers.asana.com/reference/gettasksforproject"""
        params = {"opt_fields": self._task_fields} | ({"modified_since": in_utc_ms(since)} if since else {})
        return self.listed(f"/projects/{project}/tasks", params, offset)

    def subtasks(self, gid: str) -> list[JsonObject]:
        """https://developers.asana.com/reference/getsubtasksfortask"""
        return self.all(f"/tasks/{gid}/subtasks", self._task_fields)

    def stories(self, gid: str) -> list[JsonObject]:
        """https://developers.asana.com/reference/getstoriesfortask"""
        return self.all(f"/tasks/{gid}/stories", ",".join(STORY_FIELDS))

    def times(self, task: JsonObject) -> list[JsonObject] | None:
        """All times of a task, asked for where it has any; None where the plan or the token has no time tracking.

        https://developers.asana.com/reference/gettimetrackingentriesfortask
        """
        if "actual_time_minutes" not in task or not self.has_times:
            return None
        if not task["actual_time_minutes"]:
            return []
        try:
            return self.all(f"/tasks/{task.get('gid')}/time_tracking_entries", ",".join(TIME_FIELDS))
        except NotFound:
            return None
        except (Forbidden, Refused):  # 402 where the plan has none
            self.has_times = False
            return None

    # --- projects ---

    def find_projects(self) -> list[Partition]:
        """https://developers.asana.com/reference/getprojectsforworkspace"""
        found = [self.named(gid) for gid in self.projects] if self.projects else self._all_projects()
        self._seen |= {partition.id: partition.error is None for partition in found}
        return found

    def named(self, gid: str) -> Partition:
        return shown_or_lost(gid, partial(self._project, gid))

    def _project(self, gid: str) -> Partition:
        project = self.one(f"/projects/{gid}", "name")
        return Partition(id=gid, name=str(project.get("name") or gid))

    def _all_projects(self) -> list[Partition]:
        spaces = [self.workspace] if self.workspace else [str(space.get("gid")) for space in _members(self.me())]
        addresses = [f"/workspaces/{space}/projects" for space in spaces] or ["/projects"]
        found: dict[str, Partition] = {}
        for address in addresses:
            for project in self.all(address, "name"):
                gid = gid_or_empty(project)
                found[gid] = Partition(id=gid, name=str(project.get("name") or gid))
        return [found[gid] for gid in sorted(found, key=_by_number)]

    def home(self, task: JsonObject, project: str) -> str:
        """The project that holds a task for us: of those that we see, the one with the smallest number.

        project: where it was met, which is its home when it is in no other. Raises FieldRefused.
        """
        others = [gid for gid in project_gids(task) if _by_number(gid) < _by_number(project)]
        return min(filter(self._sees, others), key=_by_number, default=project)

    def has_home(self, task: JsonObject) -> bool:
        """Whether a subtask is in a project by itself, too, and is read there."""
        return any(map(self._sees, project_gids(task)))

    def note_seen(self, project: str) -> None:
        self._seen[project] = True

    def _sees(self, project: str) -> bool:
        """Whether it is read. One that a task names and no list did is asked for: so it is after a kill."""
        if self.projects and project not in self.projects:
            return False
        if project not in self._seen:
            self._seen[project] = self.named(project).error is None
        return self._seen[project]

    # --- what a project lists ---

    def remember(self, project: str, tasks: list[Listed] | None) -> None:
        """None: what was listed before is too old."""
        if tasks is None:
            self._lists.pop(project, None)
        else:
            self._lists[project] = tasks

    def list_of(self, project: str) -> list[Listed]:
        if project not in self._lists:
            sent = self.all(f"/projects/{project}/tasks", "modified_at,num_subtasks,projects.gid")
            self._lists[project] = [self.as_listed(task, project) for task in sent]
        return self._lists[project]

    def as_listed(self, task: JsonObject, project: str) -> Listed:
        try:
            home = self.home(task, project)
        except FieldRefused:
            home = project
        has_subtasks = task.get("num_subtasks") != 0
        return Listed(str(task.get("gid")), home, str(task.get("modified_at") or ""), has_subtasks)

    def parents_in(self, project: str) -> list[Listed]:
        """Tasks of the project that may have subtasks, in an order that no edit changes."""
        found = [task for task in self.list_of(project) if task.has_subtasks and task.home == project]
        return sorted(found, key=lambda task: _by_number(task.gid))

    def note_family(self, gid: str, members: Sequence[str]) -> None:
        self._families[gid] = tuple(members)

    def family_of(self, gid: str) -> tuple[str, ...]:
        """All that is below a task, as it was read in this run, else as it is now."""
        if gid not in self._families:
            self.note_family(gid, [str(task.get("gid")) for task in self.descendants(gid)])
        return self._families[gid]

    def descendants(self, gid: str, depth: int = 1) -> Iterator[JsonObject]:
        """Subtasks and theirs, except those that are read in a project of their own."""
        for task in self.subtasks(gid):
            if self.has_home(task):
                continue
            yield task
            if task.get("num_subtasks") and depth < DEEPEST:
                yield from self.descendants(str(task.get("gid")), depth + 1)


class TaskStream(ItemStream[Asana], DetailedStream[Asana]):
    """Tasks of a project with their stories.

    checkpoint: {"offset": of the page, "done": gids on it that are dealt with}
    """

    name = "tasks"

    def pages(self, client: Asana, reading: Reading) -> Iterator[Page]:
        project = reading.partition.id
        checkpoint = reading.checkpoint or {}
        since = self.since(reading)
        first, done = str(checkpoint.get("offset", "")), [str(each) for each in checkpoint.get("done", [])]
        client.note_seen(project)
        client.remember(project, None)
        listed: list[Listed] = []
        details = Details()
        for offset, sent in client.tasks(project, since, first):
            done = done if offset == first else []
            listed += [client.as_listed(task, project) for task in sent]
            for task in sent:
                gid = str(task.get("gid"))
                if gid in done:
                    continue
                page = details.read(gid, partial(_task_page, client, task, project))
                done.append(gid)
                yield replace(page, checkpoint={"offset": offset, "done": list(done)})
        if since is None and not first:
            client.remember(project, listed)

    def census(self, client: Asana, partition: Partition) -> Iterator[Sequence[str]]:
        yield [task.gid for task in client.list_of(partition.id)]
        for parent in client.parents_in(partition.id):
            yield client.family_of(parent.gid)

    def again(self, client: Asana, partition: Partition, detail: Json) -> Page:
        return _task_page(client, client.task(str(detail)), partition.id)


class SubtaskStream(DetailedStream[Asana]):
    """Subtasks, which no list of a project holds, and whose edits do not change their parents.

    So the subtasks of every task that has some are listed in each run; stories are asked for where one has changed, or
    where the task above is new here.

    checkpoint: {"parent": gid of the last task whose subtasks are dealt with}
    """

    name = "subtasks"

    def pages(self, client: Asana, reading: Reading) -> Iterator[Page]:
        project = reading.partition.id
        client.note_seen(project)
        reached = _by_number(str((reading.checkpoint or {}).get("parent", "")))
        since = self.since(reading)
        details = Details()
        for parent in client.parents_in(project):
            if _by_number(parent.gid) <= reached:
                continue
            is_known = since is not None and _is_before(parent.modified_at, since)
            detail = {"parent": parent.gid, "since": in_utc_ms(since) if since and is_known else None}
            page = details.read(detail, partial(self.again, client, reading.partition, detail))
            yield replace(page, checkpoint={"parent": parent.gid})

    def again(self, client: Asana, partition: Partition, detail: Json) -> Page:
        parent, since = str(detail["parent"]), detail["since"]
        family = list(client.descendants(parent))
        client.note_family(parent, [str(task.get("gid")) for task in family])
        changed = [task for task in family if not since or not _is_before(str(task.get(CHANGED) or ""), since)]
        return Page.merged(_mapped(client, task, partition.id) for task in changed)


class AsanaConnector(Connector[Asana]):
    """https://developers.asana.com/reference/rest-api-reference"""

    type = "ASANA"
    source = "asana"
    streams = (TaskStream(), SubtaskStream())

    def open(self, account: Account, network: Network) -> Asana:
        service = Service(
            base_url=account.address(PUBLIC_ADDRESS),
            bearer=bearer_of(account, network, LOGIN, entered="token"),
            secrets=account.secret_texts,
            judge=judge,
        )
        return Asana(
            network.door(service),
            workspace=account.setting("workspace_gid"),
            projects=account.names("project_gids"),
            more_fields=account.mapped_fields,
        )

    def check(self, client: Asana) -> ConnectionReport:
        """Who we are, and whether workspace and projects are shown. A token's scopes and end are not told."""
        me = client.me()
        spaces = {str(space.get("gid")): str(space.get("name") or "") for space in _members(me)}
        if client.workspace and client.workspace not in spaces:
            note = f"Workspace {client.workspace} is not shown to this account."
            return ConnectionReport(account=gid_or_empty(me), server="Asana", notes=(note,), error=NotFound())
        hidden = lost_among(map(client.named, client.projects[:2]))
        return ConnectionReport(
            account=gid_or_empty(me),
            server="Asana, interface version 1.0",
            notes=tuple(f"Project {partition.id} is not shown to this account." for partition in hidden),
            error=error_of_all(hidden, of=len(client.projects)),
        )

    def partitions(self, client: Asana) -> list[Partition]:
        return client.find_projects()


def judge(answer: Answer) -> ToolError | None:
    """A page's place that is too old is a 400 like any other mistake, and only its words tell."""
    if answer.status == HTTPStatus.BAD_REQUEST and b"pagination token" in answer.body:
        return CheckpointExpired()
    return None


# --- small things ---


def _task_page(client: Asana, task: JsonObject, project: str) -> Page:
    try:
        home = client.home(task, project)
    except FieldRefused as refused:
        return not_mapped(task, refused, id_in="gid")
    if home != project:
        return Page(read=1, skipped=Counter({ELSEWHERE: 1}), cursor=cursor_of(task, CHANGED))
    return _mapped(client, task, project)


def _mapped(client: Asana, task: JsonObject, container: str) -> Page:
    gid, had_times = str(task.get("gid")), client.has_times
    page = mapped(task, partial(task_facts, stories=client.stories(gid), container=container), id_in="gid")
    if page.batch.items and (times := client.times(task)) is not None:
        worked = mapped(task, lambda _: time_facts(gid, times), id_in="gid")
        page = replace(Page.merged([page, worked]), read=page.read)
    elif had_times and not client.has_times:
        page = replace(page, skipped=Counter({TIMES_NOT_OFFERED: 1}))
    return replace(page, cursor=cursor_of(task, CHANGED), fields={gid: _fields(task)})


def _fields(task: JsonObject) -> dict[str, Any]:
    """What people may map: the task's own members, and its custom fields by name."""
    told = task.get("custom_fields")
    custom = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    return {**task, **{str(each.get("name")): each.get("display_value") for each in custom}}


def _members(me: JsonObject) -> list[JsonObject]:
    return as_objects(me.get("workspaces") or [])


def _by_number(gid: str) -> tuple[int, str]:
    return len(gid), gid


def _is_before(moment: str, since: str | datetime) -> bool:
    """Whether a task changed before a moment; one that does not say may have changed now."""
    bound = datetime.fromisoformat(since) if isinstance(since, str) else since
    try:
        return instant(moment, field="modified_at") < bound
    except FieldRefused:
        return False


CONNECTOR: Final = AsanaConnector()
