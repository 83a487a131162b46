"""The record of the work as pure columns: what was known when, flow metrics, the data gate. Knows no Django model."""

from projects.history.calendar import WorkCalendar
from projects.history.facts import (
    BaselineFact,
    BlockingLinkFact,
    BudgetFact,
    CostFact,
    FieldChangeFact,
    HistoryFact,
    StatusChangeFact,
    WorkItemFact,
)
from projects.history.flow import FlowMetrics, flow_metrics
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReport, finish_readiness, target_readiness

__all__ = [
    "BaselineFact",
    "BlockingLinkFact",
    "BudgetFact",
    "CostFact",
    "FieldChangeFact",
    "FlowMetrics",
    "HistoryFact",
    "ProjectHistory",
    "ReadinessReport",
    "StatusChangeFact",
    "WorkCalendar",
    "WorkItemFact",
    "finish_readiness",
    "flow_metrics",
    "target_readiness",
]
