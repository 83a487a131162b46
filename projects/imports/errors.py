"""What can be wrong with a file: one line of it, or the whole."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LineError:
    """One line, or one record that spans several, could not be read. The others are unharmed.

    line_number: counts from 1, as an editor does;  field: the column or JSON path, empty when the whole line is meant
    reason: a sentence for the person who mends the file; it quotes no value, because files hold secrets
    """

    line_number: int
    reason: str
    field: str = ""

    def __str__(self) -> str:
        where = f"line {self.line_number}, {self.field}" if self.field else f"line {self.line_number}"
        return f"{where}: {self.reason}"


class ImportFileRefused(Exception):
    """Nothing of the file can be read as it was given; the message says what to give instead."""


class FieldRefused(ValueError):
    """A value inside a line is not what its field holds. Never leaves `projects.imports`: it becomes a LineError."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason
