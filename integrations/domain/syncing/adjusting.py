"""What people say about a tool's facts, applied to them before they are recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

from integrations.connectors.base import Page
from integrations.models import FieldMapping
from projects.enums import StatusCategory
from projects.observations import ObservationBatch, StatusObservation, WorkItemObservation


@dataclass(frozen=True, slots=True)
class Adjustments:
    """categories: status id -> category, from the settings;  since: nothing older is read"""

    categories: Mapping[str, StatusCategory]
    since: datetime | None
    mappings: tuple[FieldMapping, ...] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any], mappings: Iterable[FieldMapping]) -> Adjustments:
        day = config.get("since_date")
        return cls(
            categories={key: StatusCategory(name) for key, name in config.get("status_categories", {}).items()},
            since=datetime.combine(date.fromisoformat(day), time.min, tzinfo=UTC) if day else None,
            mappings=tuple(mappings),
        )

    def adjust(self, batch: ObservationBatch, _pages: Sequence[Page]) -> ObservationBatch:
        if not self.categories:
            return batch
        return replace(
            batch,
            items=tuple(self._item(item) for item in batch.items),
            statuses=tuple(self._status(status) for status in batch.statuses),
        )

    def _item(self, item: WorkItemObservation) -> WorkItemObservation:
        category = self.categories.get(item.status_id)
        if category is None or category == item.status_category:
            return item
        resolved_at = (item.resolved_at or item.updated_at) if category == StatusCategory.DONE else None
        return replace(item, status_category=category, resolved_at=resolved_at)

    def _status(self, status: StatusObservation) -> StatusObservation:
        category = self.categories.get(status.external_id)
        return status if category is None else replace(status, category=category, is_guessed=False)
