"""One line of `doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and how to mend it.

    is_problem: something is wrong, rather than merely off;  mend: a command, SQL for the owner, or a variable to set
    """

    subject: str
    state: str
    is_problem: bool = False
    mend: str = ""
