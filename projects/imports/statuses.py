"""From a status' name to its category, where the source has names only."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from projects.enums import StatusCategory

TO_DO_NAMES: Final = frozenset(
    {
        *("backlog", "in backlog", "new", "open", "opened", "planned", "reopened", "to do", "todo", "triage"),
        *("not started", "ready for development", "selected for development", "to be started", "unstarted"),
    }
)
DONE_NAMES: Final = frozenset(
    {
        *("accepted", "closed", "complete", "completed", "deployed", "done", "finished", "fixed", "merged"),
        *("released", "resolved", "shipped", "verified"),
        *("abandoned", "canceled", "cancelled", "declined", "not doing", "rejected", "wont do", "wont fix", "wontfix"),
    }
)
IN_PROGRESS_NAMES: Final = frozenset({"active", "blocked", "doing", "ongoing", "started", "under review", "wip"})


@lru_cache(maxsize=1_000)
def guess_status_category(name: str) -> StatusCategory | None:
    """The category that an English status name stands for, or None when the name is not well known.

    Only names that mean one thing are taken: "Done" and "In review", but not "Ready to be closed".
    """
    plain = " ".join(re.sub(r"[^\w\s]", "", name.casefold()).replace("_", " ").split())
    if plain in TO_DO_NAMES:
        return StatusCategory.TODO
    if plain in DONE_NAMES:
        return StatusCategory.DONE
    if plain in IN_PROGRESS_NAMES or plain.startswith("in "):
        return StatusCategory.IN_PROGRESS
    return None


def likely_status_category(name: str) -> StatusCategory:
    """A guess for every name. The names of "to do" and of "done" are few and known; the rest is work under way."""
    return guess_status_category(name) or StatusCategory.IN_PROGRESS
