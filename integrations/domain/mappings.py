"""What people say a tool's fields and statuses mean: read, changed, and applied to what was read before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from integrations.connectors.base import ItemStream
from integrations.connectors.registry import connector_of, readable_types
from integrations.domain.starting import SyncUnderWay, is_running
from integrations.domain.syncing.mapped_fields import FieldRule
from integrations.models import FieldMapping, Integration, StreamState
from projects.enums import CategoryOrigin, StatusCategory
from projects.imports.statuses import likely_status_category
from projects.models import WorkflowStatus
from tenants.domain.recorded_edits import recorded_change


@dataclass(frozen=True, slots=True)
class KnownStatus:
    """A status of the tool. origin: who said what it counts as;  is_chosen: the settings of the integration say so"""

    status_id: str
    name: str
    category: str
    origin: str
    is_chosen: bool


def chosen_categories(config: Mapping[str, Any]) -> Mapping[str, str]:
    """What the settings of an integration say that statuses count as, by their ids."""
    chosen: Mapping[str, str] = config.get("status_categories", {})
    return chosen


def known_statuses(integration: Integration) -> list[KnownStatus]:
    """Every status that was read or that the settings name, by name, in one query."""
    chosen = chosen_categories(integration.config)
    rows = {row.status_id: row for row in _rows(integration)}
    found = [
        KnownStatus(row.status_id, row.name, row.category, row.category_origin, row.status_id in chosen)
        for row in rows.values()
    ]
    found += [
        KnownStatus(status_id, status_id, category, CategoryOrigin.PERSON, is_chosen=True)
        for status_id, category in chosen.items()
        if status_id not in rows
    ]
    return sorted(found, key=lambda status: (status.name.casefold(), status.status_id))


def change_mappings(
    *,
    integration: Integration,
    rules: Sequence[FieldRule] | None = None,
    categories: Mapping[str, StatusCategory] | None = None,
) -> None:
    """Put field mappings, status categories or both in place of what was there; None leaves them.

    Everything is read anew by the next run, so that what was read before follows. Each row leaves its audit entry.
    Raises SyncUnderWay: the run would go on with the old ones and say that it is through.
    """
    check_not_running(integration)
    if rules is not None:
        _replace_fields(integration, rules)
    if categories is not None:
        _replace_categories(integration, categories)
    read_items_anew(integration)
    check_not_running(integration)  # one that began meanwhile may have read the old ones: all is taken back


@contextmanager
def field_mappings_change(*integrations: Integration) -> Iterator[None]:
    """A change of single field mappings, which the next run applies to what was read before. Raises SyncUnderWay."""
    for integration in integrations:
        check_not_running(integration)
    yield
    for integration in integrations:
        read_items_anew(integration)


def check_not_running(integration: Integration) -> None:
    """Raises SyncUnderWay."""
    if is_running(integration):
        raise SyncUnderWay("It is being read right now; change mappings when the run has ended.")


def read_items_anew(integration: Integration) -> None:
    """Let the next run begin at the beginning with the streams that find items, which mappings are about.

    Those of them, too, that have found items beside the lists.
    """
    finds_items = Q(stream__in=_item_streams(integration.type)) | ~Q(unlisted=[])
    StreamState.objects.filter(finds_items, integration=integration).update(
        cursor="", newest="", checkpoint=None, checkpoint_at=None, done_in_run=None
    )


def _item_streams(tool: str) -> list[str]:
    if tool not in readable_types():
        return []
    return [stream.name for stream in connector_of(tool).streams if isinstance(stream, ItemStream)]


def _rows(integration: Integration) -> Iterable[WorkflowStatus]:
    source = connector_of(integration.type).source if integration.type in readable_types() else integration.type.lower()
    return WorkflowStatus.objects.filter(project_id=integration.project_id, source=source)


def _replace_fields(integration: Integration, rules: Sequence[FieldRule]) -> None:
    kept = {row.external_field: row for row in FieldMapping.objects.filter(integration=integration)}
    wanted = {rule.external_field for rule in rules}
    for name, row in kept.items():
        if name not in wanted:
            row.delete()
    for rule in rules:
        row = kept.get(rule.external_field) or FieldMapping(integration=integration, external_field=rule.external_field)
        values: dict[str, Any] = {
            "internal_field": rule.internal_field,
            "transformation": rule.transformation,
            "is_required": rule.is_required,
        }
        if row._state.adding or any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            row.save()


def _replace_categories(integration: Integration, categories: Mapping[str, StatusCategory]) -> None:
    """In the settings, which runs apply, and on the statuses themselves, which give past changes their meaning."""
    before = chosen_categories(integration.config)
    after = {status_id: StatusCategory(category).value for status_id, category in categories.items()}
    if after == before:
        return
    others = {name: value for name, value in integration.config.items() if name != "status_categories"}
    integration.config = {**others, "status_categories": after} if after else others
    integration.save()
    _settle_statuses(integration, before, after)


def settings_changed(integration: Integration, before: Mapping[str, Any]) -> None:
    """Let chosen status categories that were changed among the settings take effect, as `change_mappings` does.

    Raises SyncUnderWay as that does.
    """
    was, now = chosen_categories(before), chosen_categories(integration.config)
    if was != now:
        check_not_running(integration)
        _settle_statuses(integration, was, now)
        read_items_anew(integration)


def _settle_statuses(integration: Integration, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    for row in _rows(integration):
        if before.get(row.status_id) == after.get(row.status_id):
            continue
        with recorded_change(row):
            chosen = after.get(row.status_id)
            row.category = chosen or likely_status_category(row.name)
            row.category_origin = CategoryOrigin.PERSON if chosen else CategoryOrigin.GUESSED
            row.save()
