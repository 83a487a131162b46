"""The record of the work as pure columns: what was known when, flow metrics, the data gate. Knows no Django model."""

from projects.history.calendar import WorkCalendar
from projects.history.delivery_facts import CiRunFact, DeploymentFact, IncidentFact
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
from projects.history.group_facts import IterationFact, MilestoneFact, StayFact
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReport, finish_readiness, target_readiness
from projects.history.team_facts import ActivityFact, CapacityFact, PulseFact

__all__ = [
    "ActivityFact",
    "BaselineFact",
    "BlockingLinkFact",
    "BudgetFact",
    "CapacityFact",
    "CiRunFact",
    "CostFact",
    "DeploymentFact",
    "FieldChangeFact",
    "FlowMetrics",
    "HistoryFact",
    "IncidentFact",
    "IterationFact",
    "MilestoneFact",
    "ProjectHistory",
    "PulseFact",
    "ReadinessReport",
    "StatusChangeFact",
    "StayFact",
    "WorkCalendar",
    "WorkItemFact",
    "finish_readiness",
    "flow_metrics",
    "target_readiness",
]
