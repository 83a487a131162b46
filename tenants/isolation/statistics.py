"""Telling the planner about rows that a bulk write has just brought."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection, models


def refresh_statistics(bulk_models: Iterable[type[models.Model]]) -> None:
    """Analyse those of the models' tables that have doubled since they last were, in the current transaction.

    A first import fills empty tables faster than autovacuum comes by; without statistics each check of a reference
    walks through the tenant's rows: 29,057 issues took 60 s instead of 6.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT stratibreak.refresh_statistics(%s)", [[model._meta.db_table for model in bulk_models]])
