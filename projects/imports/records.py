"""What every parser yields: the facts of one record of a file, or what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from projects.imports.errors import LineError
from projects.observations import ObservationBatch

Note = Literal["HISTORY_CUT", "STATUS_GUESSED", "SPRINT_WITHOUT_ID"]


@dataclass(frozen=True, slots=True)
class ParsedRecord:
    """One record that stood on the lines first_line to last_line.

    batches: one for each item, whole;  errors: one for each item that could not be read;  both for a page of several
    notes: what was read but is less than it seems, see the profile's documentation
    """

    first_line: int
    last_line: int
    batches: tuple[ObservationBatch, ...] = ()
    errors: tuple[LineError, ...] = ()
    notes: tuple[Note, ...] = ()
