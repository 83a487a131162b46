"""A team's past as rows, the way an import leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from projects.enums import StatusCategory
from projects.history.facts import HistoryFact, StatusChangeFact, WorkItemFact
from projects.models import FieldChange, Project, WorkflowStatus, WorkItem
from tests.project_histories import NOW, team_facts


def record_team(project: Project, weekly: Sequence[int], *, open_items: int, as_of: datetime = NOW) -> None:
    """Store a team's facts as rows, the way an import an hour before a moment leaves them."""
    record_facts(project, team_facts(weekly, open_items=open_items, as_of=as_of), as_of=as_of)


def record_facts(project: Project, facts: Sequence[HistoryFact], *, as_of: datetime = NOW) -> None:
    """Store items and their moves as rows in the same way."""
    recorded_at = as_of - timedelta(hours=1)
    WorkflowStatus.objects.bulk_create(
        WorkflowStatus(project=project, source="jira", status_id=category, name=category, category=category)
        for category in StatusCategory
    )
    items = {
        fact.id: WorkItem(
            project=project,
            source="jira",
            external_id=str(fact.id),
            key=fact.key,
            title=fact.key,
            status_id=StatusCategory.DONE if fact.resolved_at else StatusCategory.TODO,
            status_name="",
            status_category=StatusCategory.DONE if fact.resolved_at else StatusCategory.TODO,
            opened_at=fact.created_at,
            changed_at=recorded_at,
            resolved_at=fact.resolved_at,
            recorded_at=recorded_at,
            last_seen_at=recorded_at,
            url=fact.url,
        )
        for fact in facts
        if isinstance(fact, WorkItemFact)
    }
    WorkItem.objects.bulk_create(items.values())
    FieldChange.objects.bulk_create(
        FieldChange(
            project=project,
            work_item=items[fact.item_id],
            external_id=str(number),
            field="status",
            to_id=fact.to_category,
            to_text=fact.to_category,
            changed_at=fact.changed_at,
            recorded_at=recorded_at,
        )
        for number, fact in enumerate(facts)
        if isinstance(fact, StatusChangeFact)
    )
