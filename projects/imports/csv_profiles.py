"""Which column of a CSV file holds which fact.

A profile is data: it names columns, and `csv_items` reads every profile alike. `generic` is for everyone; the others
are for files that come in one known form.

The generic profile
-------------------
One row is one item. The first line names the columns, in any order; upper and lower case, spaces, hyphens and
underscores do not count, and columns with other names are passed over. `key`, `created` and one of `status` and
`status category` must be there.

====================  ==================================================================================================
column                holds
====================  ==================================================================================================
key                   what people call the item, unique in the file ("issue key")
id                    the source's identifier that survives renames; the key, when there is no such column ("issue id")
project               the source's project or board ("project key")
type                  ("issue type")
title                 ("summary", "name")
status                its category is guessed from the English name
status category       "To do", "In progress" or "Done"; better than a guess
priority, resolution
created               instant
updated               instant; an older file then never overwrites a newer one
resolved              instant ("closed", "completed", "done")
due                   date ("due date")
points                number of at least 0 ("story points", "story point estimate")
estimate              seconds, at least 0 ("original estimate")
spent                 seconds, at least 0 ("time spent")
assignee, reporter    an account; it is kept only as a pseudonym
parent                the parent's key ("parent key", "epic link")
labels                several, see below
milestone             several ("fix version", "fix versions", "release")
milestone target      date that was promised; for rows with one milestone
milestone released    date that came of it; for rows with one milestone
iteration             several ("sprint", "sprints")
comments              number of comments
url                   a page about the item
====================  ==================================================================================================

Several values stand in one cell with "|" between them, or in several columns of the same name. An instant is ISO 8601;
without a UTC offset it is read in the time zone that was given for the file, and refused if none was. A date is
YYYY-MM-DD.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, Protocol

from projects.imports.values import seconds
from projects.observations import StatusObservation

Fact = Literal[
    "key", "id", "container", "item_type", "title", "status", "status_category", "priority", "resolution",
    "created_at", "updated_at", "resolved_at", "due_date", "estimate_points", "estimate_s", "spent_s", "assignee",
    "reporter", "parent_key", "labels", "milestones", "milestone_target", "milestone_released", "iterations",
    "comment_count", "url", "parent_id", "group",
]  # fmt: skip


Cells = Callable[[Fact], str]
"""The text of one row by fact, "" where the row has none or the file no such column."""


class ReadsSeconds(Protocol):
    def __call__(self, value: str, *, field: str) -> int: ...


@dataclass(frozen=True, slots=True)
class CsvProfile:
    """columns: for each fact the names its column may have, normalised by `plain_name`

    source: under which the facts are recorded, so that identifiers of different systems do not meet
    signature: columns by which a file of this form is recognised; empty for a profile that must be asked for or is last
    title: for people;  necessary: facts whose column must be there
    of_tool: an export of a tool that can be connected, which says less than the tool's interface: what has no column
        stays as it was recorded, groups and statuses are known by their names, and at the same moment the interface
        is right
    separator: of several values in one cell;  seconds: how the file writes a duration
    is_utc: instants without an offset are in UTC, because the tool says so
    identify: external id and key of a row, where they are not cells by themselves
    status: of a row, where it is not what a cell is called
    created: when a row began, where no cell says it
    """

    name: str
    source: str
    columns: Mapping[Fact, tuple[str, ...]]
    signature: frozenset[str] = frozenset()
    title: str = "A table with one row for each item (CSV)"
    necessary: tuple[Fact, ...] = ("key", "created_at", "status")
    of_tool: bool = False
    separator: str = "|"
    is_utc: bool = False
    seconds: ReadsSeconds = seconds
    identify: Callable[[Cells], tuple[str, str]] | None = None
    status: Callable[[Cells], StatusObservation] | None = None
    created: Callable[[Cells], datetime] | None = None


def plain_name(column: str) -> str:
    """Column names are compared without case, spaces and punctuation."""
    return re.sub(r"[^\w]|_", "", column.casefold())


GENERIC: Final = CsvProfile(
    name="generic",
    source="csv",
    columns=MappingProxyType({
        "key": ("key", "issuekey"),
        "id": ("id", "issueid", "externalid"),
        "container": ("project", "projectkey", "board"),
        "item_type": ("type", "issuetype"),
        "title": ("title", "summary", "name"),
        "status": ("status", "state"),
        "status_category": ("statuscategory",),
        "priority": ("priority",),
        "resolution": ("resolution",),
        "created_at": ("created", "createdat"),
        "updated_at": ("updated", "updatedat"),
        "resolved_at": ("resolved", "resolvedat", "closed", "closedat", "completed", "completedat", "done"),
        "due_date": ("due", "duedate"),
        "estimate_points": ("points", "storypoints", "storypointestimate"),
        "estimate_s": ("estimate", "originalestimate"),
        "spent_s": ("spent", "timespent"),
        "assignee": ("assignee",),
        "reporter": ("reporter",),
        "parent_key": ("parent", "parentkey", "epiclink"),
        "labels": ("labels", "label"),
        "milestones": ("milestone", "milestones", "fixversion", "fixversions", "release"),
        "milestone_target": ("milestonetarget",),
        "milestone_released": ("milestonereleased",),
        "iterations": ("iteration", "iterations", "sprint", "sprints"),
        "comment_count": ("comments", "commentcount"),
        "url": ("url", "link"),
    }),
)  # fmt: skip

TITANIUM_ARCHIVE: Final = CsvProfile(
    name="titanium-archive",
    title="A public archive of issues (CSV)",
    source="titanium-archive",
    columns=MappingProxyType({
        "key": ("key",),
        "container": ("proj",),
        "item_type": ("type",),
        "status": ("status",),
        "priority": ("prio",),
        "resolution": ("res",),
        "created_at": ("created",),
        "resolved_at": ("resolved",),
        "due_date": ("due",),
        "estimate_s": ("est",),
        "spent_s": ("spent",),
        "assignee": ("assignee",),
        "reporter": ("reporter",),
        "milestones": ("fixname",),
        "milestone_released": ("fixrel",),
        "iterations": ("sprints",),
        "comment_count": ("ncomm",),
    }),
    signature=frozenset({"key", "proj", "prio", "nfix", "fixname", "fixrel", "nspr", "sprints", "ncomm", "nlinks"}),
)  # fmt: skip
"""A public archive of the issues of five related products, 2011-2021, without a change history.

Its versions and sprints are final values, so nobody knows since when an item was in them, and its release dates are
what came of them, not what was promised; beside several versions stands the earliest date, so it is believed only
beside one.
"""

PROFILES: Final = (TITANIUM_ARCHIVE, GENERIC)
"""The first that fits is taken when none was asked for."""
