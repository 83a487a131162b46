"""Reading Bitrix24's REST interface, version 2. See README.md for scopes and limits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import Any, Final

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
)
from integrations.connectors.bitrix24.login import LOGIN
from integrations.connectors.bitrix24.mapping import history_facts, sprint_facts, task_facts, time_facts
from integrations.connectors.bitrix24.payloads import (
    KEPT_FOR_HISTORY,
    SELECTED,
    SELECTED_FOR_HISTORY,
)
from integrations.connectors.credentials import ACCESS_TOKEN, REFRESH_TOKEN
from integrations.connectors.oauth import bearer_of
from integrations.connectors.options import Account
from integrations.connectors.records import all_mapped, as_object, as_objects, cursor_of, mapped, newest, text
from integrations.http.answers import Answer
from integrations.http.bearer import Bearer
from integrations.http.door import Door, Service
from integrations.http.errors import (
    NOT_SHOWN,
    BadRequest,
    Forbidden,
    NotFound,
    RateLimited,
    Refused,
    RepeatedPage,
    ServerFailed,
    ToolError,
    Unauthorized,
    UnexpectedAnswer,
    error_of_code,
)
from projects.imports.json_access import JsonObject

PACE_S: Final = 0.5
"""Two requests a second are never too many, on any plan."""
INTENSITY_WAIT_S: Final = 1.0
TIME_SPENT: Final = "timeSpentInLogs"
TIMES_NOT_OFFERED: Final = "time_entries_not_offered"
NO_TIME: Final = ("", "0")
NO_GROUP: Final = "0"
CHANGED: Final = "changedDate"
METHOD_NOT_FOUND: Final = "ERROR_METHOD_NOT_FOUND"
CREATION_UNKNOWN: Final = "creation_unknown"
_CODE: Final = re.compile(r"\w+", re.ASCII)
_NOT_OFFERED: Final = (*NOT_SHOWN, BadRequest, Refused)
ERRORS: Final[Mapping[str, type[ToolError]]] = {
    "NO_AUTH_FOUND": Unauthorized,
    "INVALID_CREDENTIALS": Unauthorized,
    "expired_token": Unauthorized,
    "invalid_token": Unauthorized,
    "WRONG_AUTH_TYPE": Unauthorized,
    # These come as 401, and other methods may still be allowed.
    "insufficient_scope": Forbidden,
    "user_access_error": Forbidden,
    "ACCESS_DENIED": Forbidden,
    "OVERLOAD_LIMIT": Forbidden,
    "PORTAL_DELETED": Forbidden,
    METHOD_NOT_FOUND: NotFound,
    "INTERNAL_SERVER_ERROR": ServerFailed,
    "ERROR_UNEXPECTED_ANSWER": ServerFailed,
}


@dataclass
class Bitrix24:
    """The requests we make.

    place: of methods, with the code of a webhook;  bearer: with the token of an application, None for a webhook
    counted: ids of a group whose census met an error on the way
    has_times: False once the portal has said that it keeps no times, or shows them not
    """

    door: Door
    place: str = field(repr=False)
    bearer: Bearer | None
    site: str
    group_ids: Sequence[str]
    more_fields: Sequence[str] = ()
    counted: dict[str, list[str]] = field(default_factory=dict)
    has_times: bool = True
    _sprints: dict[str, list[JsonObject]] = field(default_factory=dict)

    def ask(self, method: str, **params: Any) -> JsonObject:
        """A whole answer, of which the result is one member. Reads only: POST is how Bitrix24 is asked."""
        sent = self._sent(method, params)
        if not isinstance(sent, dict) or "result" not in sent:
            raise UnexpectedAnswer("A result was expected.")
        return sent

    def _sent(self, method: str, params: Mapping[str, Any]) -> Any:
        """The token of an application goes into the body, so the door cannot renew it."""
        bearer, address = self.bearer, f"{self.place}/{method}"
        if bearer is None:
            return self.door.post_json(address, params)
        try:
            sent = self.door.post_json(address, {**params, "auth": bearer.token()})
        except Unauthorized:
            if not bearer.renew():
                raise
            sent = self.door.post_json(address, {**params, "auth": bearer.token()})
        bearer.accepted()
        return sent

    def tasks(self, filters: Mapping[str, Any], select: Sequence[str]) -> list[JsonObject]:
        """Up to fifty tasks, by id. Without counting, which costs Bitrix24 more than the tasks.

        https://apidocs.bitrix24.com/api-reference/tasks/tasks-task-list.html
        """
        sent = self.ask("tasks.task.list", order={"ID": "asc"}, filter=dict(filters), select=list(select), start=-1)
        return as_objects(sent["result"], "tasks")

    def tasks_of_group(
        self, group_id: str, select: Sequence[str], *, since: datetime | None = None, after: str = "0"
    ) -> Iterator[list[JsonObject]]:
        """All tasks of a group behind an id, page by page, until one is empty: a short page need not be the last."""
        filters: dict[str, Any] = {"GROUP_ID": group_id} | ({">=CHANGED_DATE": _iso(since)} if since else {})
        while page := self.tasks(filters | {">ID": after}, select):
            newest = max(_number(task, "id") for task in page)
            if newest <= int(after):
                raise RepeatedPage
            after = str(newest)
            yield page

    def groups_with_tasks(self) -> set[str]:
        """The groups of all tasks that are shown, in two requests for each at most.

        1. Ask for tasks of groups between two numbers; at first, of all groups.
        2. The groups of those fifty are known now. Ask again between each two of them that are next to one another,
           as long as there are numbers in between.
        """
        found: set[str] = set()
        gaps: list[tuple[int, int | None]] = [(0, None)]
        while gaps:
            low, high = gaps.pop()
            bounds = {">GROUP_ID": low} | ({"<GROUP_ID": high} if high is not None else {})
            page = self.tasks(bounds, ["ID", "GROUP_ID"])
            groups = sorted({_number(task, "groupId") for task in page})
            if any(group <= low or (high is not None and group >= high) for group in groups):
                raise RepeatedPage("It does not heed the bounds of groups.")
            found |= {str(group) for group in groups}
            edges: list[Any] = [low, *groups, high] if groups else []
            gaps += [(start, end) for start, end in pairwise(edges) if end is None or end - start > 1]
        return found

    def _pages(self, method: str, **params: Any) -> Iterator[JsonObject]:
        """Whole answers of a list that goes on at `next`. Raises RepeatedPage where it does not go forward."""
        start = 0
        while True:
            sent = self.ask(method, **params, start=start)
            yield sent
            following = sent.get("next")
            if not isinstance(following, int):
                return
            if following <= start:
                raise RepeatedPage
            start = following

    def groups(self) -> dict[str, JsonObject]:
        """https://apidocs.bitrix24.com/api-reference/sonet-group/socialnetwork-api-workgroup-list.html"""
        found: dict[str, JsonObject] = {}
        for sent in self._pages("socialnetwork.api.workgroup.list", select=["ID", "NAME", "SCRUM_MASTER_ID"]):
            found |= {str(_number(group, "id")): group for group in as_objects(sent["result"], "workgroups")}
            total = sent.get("total")
            if isinstance(total, int) and len(found) >= total:
                break
        return found

    def sprints(self, group_id: str) -> list[JsonObject]:
        """Asked for once in a run.

        https://apidocs.bitrix24.com/api-reference/sonet-group/scrum/sprint/tasks-api-scrum-sprint-list.html
        """
        if group_id not in self._sprints:
            pages = self._pages("tasks.api.scrum.sprint.list", filter={"GROUP_ID": group_id})
            self._sprints[group_id] = [sprint for sent in pages for sprint in as_objects(sent, "result")]
        return self._sprints[group_id]

    def known_sprints(self, group_id: str) -> list[JsonObject]:
        """The sprints, or none where they are not shown."""
        try:
            return self.sprints(group_id)
        except _NOT_OFFERED:
            self._sprints[group_id] = []
            return []

    def times(self, task_id: str) -> list[JsonObject] | None:
        """All times of a task; None where the portal has none, or the credentials may not. The members keep this order.

        https://apidocs.bitrix24.com/api-reference/tasks/elapsed-item/task-elapsed-item-get-list.html
        """
        if not self.has_times:
            return None
        found: list[JsonObject] = []
        try:
            with _of_one_task("It has no times of tasks."):
                while page := self._times_after(task_id, found[-1] if found else {"ID": 0}):
                    found += page
        except Forbidden:
            self.has_times = False
            return None
        return found

    def _times_after(self, task_id: str, last: JsonObject) -> list[JsonObject]:
        """Up to fifty. Raises RepeatedPage where the tool does not heed from where on it is asked."""
        after = _number(last, "ID")
        sent = self.ask(
            "task.elapseditem.getlist",
            TASKID=int(task_id),
            ORDER={"ID": "asc"},
            FILTER={">ID": after},
            SELECT=["ID", "TASK_ID", "USER_ID", "SECONDS", "CREATED_DATE", "DATE_START"],
        )
        page = as_objects(sent, "result")
        if page and _number(page[0], "ID") <= after:
            raise RepeatedPage
        return page

    def history(self, task_id: str) -> list[JsonObject]:
        """https://apidocs.bitrix24.com/api-reference/tasks/tasks-task-history-list.html"""
        pages = self._pages("tasks.task.history.list", taskId=int(task_id), order={"createdDate": "asc"})
        with _of_one_task("It has no history of tasks."):
            return [entry for sent in pages for entry in as_objects(sent["result"], "list")]


@contextmanager
def _of_one_task(unknown: str) -> Iterator[None]:
    """What a portal says of one task that was deleted, or may no longer be seen, is told from what it has not at all.

    unknown: in our words, what a portal lacks that does not know the method
    """
    try:
        yield
    except NotFound as error:
        if error.vendor_code != METHOD_NOT_FOUND:
            raise
        raise Forbidden(unknown, vendor_code=METHOD_NOT_FOUND) from None
    except BadRequest as error:
        raise NotFound(vendor_code=error.vendor_code) from None


class SprintStream(Stream[Bitrix24]):
    name = "sprints"
    is_optional = True

    def pages(self, client: Bitrix24, reading: Reading) -> Iterator[Page]:
        sprints = client.sprints(reading.partition.id) if reading.partition.facts["may_have_sprints"] else []
        yield all_mapped(sprints, sprint_facts)


class TaskStream(ItemStream[Bitrix24], DetailedStream[Bitrix24]):
    """Tasks by id, which no edit changes, and the times that people wrote down for them, where a task has any.

    checkpoint: {"after": id of the last that is dealt with};  a deferred detail is the id of a task with times
    """

    name = "tasks"

    def pages(self, client: Bitrix24, reading: Reading) -> Iterator[Page]:
        group_id, now, details = reading.partition.id, client.door.waiting.now(), Details()
        facts = partial(task_facts, group_id=group_id, site=client.site, first_seen_at=now)
        for tasks in _listed(client, reading, self.since(reading), [*SELECTED, *client.more_fields]):
            page = all_mapped(tasks, facts)
            unknown = sum(not item.is_creation_known for item in page.batch.items)
            timed = sorted((task for task in tasks if text(task, TIME_SPENT) not in NO_TIME), key=_id_of)
            last = {"after": _last(tasks)}
            yield replace(
                page,
                batch=replace(
                    page.batch, whole_times=frozenset(text(task, "id") for task in tasks if task not in timed)
                ),
                checkpoint=last if not timed else None,
                cursor=newest(tasks, CHANGED),
                skipped=Counter({CREATION_UNKNOWN: unknown}),
                fields={text(task, "id"): task for task in tasks},
            )
            for task in timed:
                detail = text(task, "id")
                page = details.read(detail, partial(self.again, client, reading.partition, detail))
                yield replace(page, checkpoint=last if task is timed[-1] else {"after": detail})

    def again(self, client: Bitrix24, partition: Partition, detail: Json) -> Page:
        had_times, entries = client.has_times, client.times(str(detail))
        if entries is None:
            return Page(skipped=Counter({TIMES_NOT_OFFERED: int(had_times)}))
        return replace(mapped({"id": detail}, lambda _: time_facts(str(detail), entries)), read=0)

    def census(self, client: Bitrix24, partition: Partition) -> Iterator[Sequence[str]]:
        if not partition.facts["has_tasks"]:
            return
        ids = client.counted.setdefault(partition.id, [])
        yield [*ids]
        for tasks in client.tasks_of_group(partition.id, ["ID"], after=ids[-1] if ids else "0"):
            page = [text(task, "id") for task in tasks]
            ids += page
            yield page
        del client.counted[partition.id]


class HistoryStream(DetailedStream[Bitrix24]):
    """What has happened to each task that has changed: a request for each. checkpoint: as for tasks"""

    name = "history"
    needs_items = True
    is_optional = True

    def pages(self, client: Bitrix24, reading: Reading) -> Iterator[Page]:
        details = Details()
        for tasks in _listed(client, reading, self.since(reading), SELECTED_FOR_HISTORY):
            for task in tasks:
                kept = {name: task.get(name) for name in KEPT_FOR_HISTORY}
                page = details.read(kept, partial(self.again, client, reading.partition, kept))
                yield replace(page, checkpoint={"after": text(task, "id")}, cursor=cursor_of(task, CHANGED))

    def again(self, client: Bitrix24, partition: Partition, detail: Json) -> Page:
        history = client.history(str(_number(detail, "id")))
        known = client.known_sprints(partition.id) if partition.facts["may_have_sprints"] else []
        sprints, now = all_mapped(known, sprint_facts).batch.iterations, client.door.waiting.now()
        page = all_mapped([detail], lambda each: history_facts(each, history, sprints=sprints, first_seen_at=now))
        return replace(page, read=len(history))


class Bitrix24Connector(Connector[Bitrix24]):
    """https://apidocs.bitrix24.com/"""

    type = "BITRIX24"
    source = "bitrix24"
    streams = (SprintStream(), TaskStream(), HistoryStream())

    def open(self, account: Account, network: Network) -> Bitrix24:
        is_app = account.has_secret(REFRESH_TOKEN) or account.has_secret(ACCESS_TOKEN)
        service = Service(base_url=account.address(), secrets=account.secret_texts, judge=judge, pace_s=PACE_S)
        return Bitrix24(
            door=network.door(service),
            place="/rest" if is_app else _webhook(account),
            bearer=bearer_of(account, network, LOGIN, entered=ACCESS_TOKEN) if is_app else None,
            site=account.setting("base_url").rstrip("/"),
            group_ids=account.names("group_ids"),
            more_fields=[name for name in account.mapped_fields if name.startswith("UF_")],
        )

    def check(self, client: Bitrix24) -> ConnectionReport:
        """Who we are, what the credentials may, and whether they may read tasks."""
        profile = as_object(client.ask("profile")["result"])
        scopes = client.ask("scope")["result"]
        missing: tuple[str, ...] = ()
        try:
            client.tasks({"ID": 0}, ["ID"])
        except Forbidden as error:
            if error.vendor_code != "insufficient_scope":
                raise
            missing = ("task",)
        return ConnectionReport(
            account=text(profile, "ID"),
            server="Bitrix24, REST version 2",
            scopes=tuple(str(scope) for scope in scopes) if isinstance(scopes, list) else (),
            missing_scopes=missing,
        )

    def partitions(self, client: Bitrix24) -> list[Partition]:
        """Groups that have tasks, and groups that are shown without any: what they had is deleted, not hidden.

        Groups are listed only to credentials with another scope; without it, a group whose last task is gone looks
        as if it were hidden.
        """
        shown = self._shown(client)
        if client.group_ids:
            return [self._named(client, group_id, shown) for group_id in client.group_ids]
        with_tasks = client.groups_with_tasks() | {NO_GROUP}
        ordered = sorted(with_tasks | (shown or {}).keys(), key=lambda group_id: (len(group_id), group_id))
        return [_partition(group_id, shown, has_tasks=group_id in with_tasks) for group_id in ordered]

    def _shown(self, client: Bitrix24) -> dict[str, JsonObject] | None:
        try:
            return client.groups()
        except _NOT_OFFERED:
            return None

    def _named(self, client: Bitrix24, group_id: str, shown: Mapping[str, JsonObject] | None) -> Partition:
        """A group of the settings is there if it is listed, or if it has a task."""
        has_tasks = group_id == NO_GROUP or bool(client.tasks({"GROUP_ID": group_id}, ["ID"]))
        if not has_tasks and group_id not in (shown or {}):
            return Partition(id=group_id, name=f"Group {group_id}", error=NotFound())
        return _partition(group_id, shown, has_tasks=has_tasks)


def judge(answer: Answer) -> ToolError | None:
    """Errors have a code that says more than their status, and may come with 200.

    https://apidocs.bitrix24.com/error-codes.html, /limits.html
    """
    sent = answer.json_or_none()
    if not isinstance(sent, dict) or "error" not in sent:
        return None
    code = _error_code(sent["error"])
    if code == "QUERY_LIMIT_EXCEEDED":
        return RateLimited(vendor_code=code, retry_after_s=INTENSITY_WAIT_S)
    if code == "OPERATION_TIME_LIMIT":
        return RateLimited(vendor_code=code, retry_after_s=_until_reset_s(sent.get("time")))
    return error_of_code(code, ERRORS, answer.status)


def _error_code(error: Any) -> str:
    """Version 3 wraps it into an object."""
    return str(error.get("code", "")) if isinstance(error, dict) else str(error)


def _until_reset_s(time: Any) -> float | None:
    """How long a method stays blocked, by the portal's own clock."""
    if not isinstance(time, dict):
        return None
    reset, now = time.get("operating_reset_at"), time.get("finish")
    are_numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (reset, now))
    return max(0.0, float(reset) - float(now)) if are_numbers else None  # type: ignore[arg-type]


def _webhook(account: Account) -> str:
    """Raises Unauthorized for a code that is none, such as the whole address of a webhook."""
    code, user_id = account.secret("webhook_code"), account.setting("user_id")
    if not _CODE.fullmatch(code) or not user_id.isdigit():
        raise Unauthorized("A webhook has a user's number, and a code of letters and digits.")
    return f"/rest/{user_id}/{code}"


# --- pages ---


def _listed(
    client: Bitrix24, reading: Reading, since: datetime | None, select: Sequence[str]
) -> Iterator[list[JsonObject]]:
    """Tasks from the checkpoint on that have changed since a moment; a group without tasks is not asked."""
    if not reading.partition.facts["has_tasks"]:
        return
    after = str((reading.checkpoint or {}).get("after", "0"))
    yield from client.tasks_of_group(reading.partition.id, select, since=since, after=after)


def _partition(group_id: str, shown: Mapping[str, JsonObject] | None, *, has_tasks: bool) -> Partition:
    """may_have_sprints: False where the portal says that the group is no scrum team"""
    group = (shown or {}).get(group_id, {})
    is_ordinary = group_id == NO_GROUP or not has_tasks or group.get("scrumMasterId", "") in (None, 0, "0")
    name = "Tasks without a group" if group_id == NO_GROUP else text(group, "name") or f"Group {group_id}"
    return Partition(id=group_id, name=name, facts={"has_tasks": has_tasks, "may_have_sprints": not is_ordinary})


def _id_of(task: JsonObject) -> int:
    return _number(task, "id")


def _last(tasks: Sequence[JsonObject]) -> str:
    return str(max(_number(task, "id") for task in tasks))


# --- answers ---


def _number(sent: JsonObject, member: str) -> int:
    digits = text(sent, member)
    if not digits.isascii() or not digits.isdigit():
        raise UnexpectedAnswer(f"A number was expected as {member}.")
    return int(digits)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


CONNECTOR: Final = Bitrix24Connector()
