"""What people say about a tool's facts, applied to them before they are recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

from integrations.connectors.base import FailedRecord, Page
from integrations.domain.syncing.mapped_fields import FieldRule, apply_rules
from integrations.models import FieldMapping
from projects.enums import StatusCategory
from projects.imports.errors import FieldRefused
from projects.observations import ObservationBatch, StatusObservation, WorkItemObservation


@dataclass(frozen=True, slots=True)
class Adjusted:
    """batch: to be recorded;  refused: items that lack a required field;  odd: values that were left as they were"""

    batch: ObservationBatch
    refused: tuple[FailedRecord, ...] = ()
    odd: tuple[FailedRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Adjustments:
    """categories: status id -> category, from the settings;  since: nothing older is read;  rules: field mappings"""

    categories: Mapping[str, StatusCategory]
    since: datetime | None
    rules: tuple[FieldRule, ...] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any], mappings: Iterable[FieldMapping]) -> Adjustments:
        day = config.get("since_date")
        return cls(
            categories={key: StatusCategory(name) for key, name in config.get("status_categories", {}).items()},
            since=datetime.combine(date.fromisoformat(day), time.min, tzinfo=UTC) if day else None,
            rules=tuple(
                FieldRule(each.external_field, each.internal_field, each.transformation, each.is_required)
                for each in mappings
            ),
        )

    def adjust(self, batch: ObservationBatch, pages: Sequence[Page]) -> Adjusted:
        """Categories of the settings first, then the mappings, which are closer to the item."""
        if self.categories:
            batch = replace(
                batch,
                items=tuple(self._item(item) for item in batch.items),
                statuses=tuple(self._status(status) for status in batch.statuses),
            )
        return self._mapped(batch, pages) if self.rules else Adjusted(batch)

    def _mapped(self, batch: ObservationBatch, pages: Sequence[Page]) -> Adjusted:
        records = {external_id: record for page in pages for external_id, record in page.fields.items()}
        items: list[WorkItemObservation] = []
        refused: list[FailedRecord] = []
        odd: list[FailedRecord] = []
        for item in batch.items:
            record = records.get(item.external_id, {})
            try:
                mapped, left = apply_rules(item, record, self.rules, categories=self.categories)
            except FieldRefused as refusal:
                refused.append(FailedRecord(item.external_id, refusal.field, refusal.reason))
            else:
                items.append(mapped)
                odd += [FailedRecord(item.external_id, each.field, each.reason) for each in left]
        gone = frozenset(failure.external_id for failure in refused)
        kept = replace(
            batch,
            items=tuple(items),
            whole_states=batch.whole_states - gone,
            whole_histories=batch.whole_histories - gone,
        )
        return Adjusted(kept, tuple(refused), tuple(odd))

    def _item(self, item: WorkItemObservation) -> WorkItemObservation:
        category = self.categories.get(item.status_id)
        if category is None or category == item.status_category:
            return item
        resolved_at = (item.resolved_at or item.updated_at) if category == StatusCategory.DONE else None
        return replace(item, status_category=category, resolved_at=resolved_at)

    def _status(self, status: StatusObservation) -> StatusObservation:
        category = self.categories.get(status.external_id)
        return status if category is None else replace(status, category=category, is_guessed=False)
