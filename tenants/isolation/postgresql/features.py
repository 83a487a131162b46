"""Features: a tenant table's primary key is (tenant_id, id), so grouping by ``id`` alone determines nothing."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import features

from ..isolated_tables import access_by_table


class DatabaseFeatures(features.DatabaseFeatures):
    """PostgreSQL's features, with tenant tables grouped by every selected column."""

    def allows_group_by_selected_pks_on_model(self, model: Any) -> bool:
        return model._meta.db_table not in access_by_table() and super().allows_group_by_selected_pks_on_model(model)
