"""Rows that are written once: predictions, outcomes, runs, histories.

Two layers keep them so. Here, `save()` and `delete()` refuse with a typed error that says what to do instead. In the
database, the app role is granted SELECT and INSERT only (`app_privileges`, read by the command that makes the
grants), which also stops `update()`, bulk statements and raw SQL. Deleting a containing project still takes the rows
with it: referential actions run with the table owner's rights.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from tenants.isolation.registry import APPEND


class AppendOnlyRefused(Exception):
    """An attempt to change or delete a row that is written once. Write a new row instead."""


class AppendOnly:
    """Mixin, before the model class, for models whose rows are never rewritten.

    Fixtures may write the same row again: `loaddata` runs with the owner's rights and does not call `save()`.
    """

    app_privileges: ClassVar[frozenset[str]] = APPEND

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert the row. Raises AppendOnlyRefused when it is stored already."""
        if not self._state.adding:  # type: ignore[attr-defined]  # from models.Model, beside which this is mixed in
            raise AppendOnlyRefused(f"{type(self).__name__} rows are never rewritten; store a new one.")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)  # type: ignore[misc]  # same reason

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises AppendOnlyRefused: these rows go only with what contains them, or by retention."""
        raise AppendOnlyRefused(f"{type(self).__name__} rows are never deleted one by one.")
