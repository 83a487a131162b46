"""Answers for who may not list the work: the same figures, without the names of items, iterations and incidents.

What a role may not list (`tenants.permissions`) is not named to it by an answer either: not in the evidence of a gap, a
forecast or a slip, nor in a claim about one item. Counts, days, shares and dates stay, so that sums still add up.

    {"object_type": "work_item", "object_id": "7", "object_key": "PAY-12", "url": "https://…", "days": 2.5}
    gives {"object_type": "work_item", "object_id": "", "object_key": "", "url": "", "days": 2.5}

    {"subject": {"type": "work_item", "id": "7", "key": "PAY-12"}, "claim": "PAY-12 is not done when June is over."}
    gives {"subject": {"type": "work_item", "id": "", "key": ""}, "claim": "A work item is not done when June is over."}

The backoffice opens for administrators, who may list everything; files (exports) are for roles that may list the work.

A cost is told by its day alone, to everybody (`predictions.forecasters.answers.cost_fact`). What people call by a word
that is not known here is hidden with the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from tenants.permissions import Action, allowed

KINDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "work_item": ("projects.WorkItem", "A work item"),
        "parent": ("projects.WorkItem", "A parent"),
        "iteration": ("projects.Iteration", "An iteration"),
        "milestone": ("projects.Milestone", "A milestone"),
        "incident": ("projects.Incident", "An incident"),
        "deployment": ("projects.Deployment", "A deployment"),
        "ci_run": ("projects.CiRun", "A CI run"),
    }
)
"""What an answer may name, by the word it uses: the model that lists such things, and what stands for a name."""

NAMELESS: Final = frozenset({"project", "day", "cost_entry"})
"""What an answer may speak of to everybody: it names nothing that a list would show."""

NAMES: Final = ("object_id", "object_key", "url")


@cache
def hidden_kinds(role: str | None) -> frozenset[str]:
    """What an answer to this role must not name."""
    return frozenset(kind for kind, (label, _) in KINDS.items() if not allowed(role, Action.VIEW, label))


def told_kinds(hidden: frozenset[str]) -> frozenset[str]:
    """What an answer may name where others are hidden."""
    return NAMELESS | (frozenset(KINDS) - hidden)


def named_for(role: str | None, told: Any) -> Any:
    """The same answer as this role may have it."""
    hidden = hidden_kinds(role)
    return without_names(told, hidden) if hidden else told


def without_names(told: Any, hidden: frozenset[str]) -> Any:
    """The same answer without the names of hidden kinds of things.

    told: of dicts, lists and values; it is left as it is;  hidden: of `KINDS`
    """
    if isinstance(told, Mapping):
        return {name: without_names(value, hidden) for name, value in _row_without_names(told, hidden).items()}
    if isinstance(told, list | tuple):
        return [without_names(each, hidden) for each in told]
    return told


def _row_without_names(row: Mapping[str, Any], hidden: frozenset[str]) -> Mapping[str, Any]:
    if "object_type" in row and row["object_type"] not in told_kinds(hidden):
        row = {**row, **{name: "" for name in NAMES if name in row}}
    subject = row.get("subject")
    if not isinstance(subject, Mapping) or subject.get("type", "project") in told_kinds(hidden):
        return row
    key, (_, word) = str(subject.get("key") or ""), KINDS.get(str(subject.get("type")), ("", "Something"))
    unnamed = {name: text.replace(key, word) if key and isinstance(text, str) else text for name, text in row.items()}
    return {**unnamed, "subject": {**subject, "id": "", "key": ""}}
