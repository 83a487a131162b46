"""Rows of the record of the work; one file per noun."""

from projects.models.activity_event import ActivityEvent
from projects.models.analysis_record import AnalysisRecord
from projects.models.baseline import Baseline, ScopeApproval
from projects.models.capacity_calendar import CapacityCalendar
from projects.models.contributor import Contributor
from projects.models.cost_entry import CostEntry
from projects.models.delivery import CiRun, Deployment, Incident
from projects.models.field_change import FieldChange
from projects.models.goal import Goal
from projects.models.import_run import ImportRun
from projects.models.iteration import Iteration, IterationMembership
from projects.models.milestone import Milestone, MilestoneMembership
from projects.models.project import Project
from projects.models.project_membership import ProjectMembership
from projects.models.pseudonym_key import PseudonymKey
from projects.models.pulse_summary import PulseSummary
from projects.models.stakeholder import Stakeholder
from projects.models.time_entry import TimeEntry
from projects.models.work_item import CoAssignee, WorkItem
from projects.models.work_item_link import WorkItemLink
from projects.models.workflow_status import WorkflowStatus

__all__ = [
    "ActivityEvent",
    "AnalysisRecord",
    "Baseline",
    "CapacityCalendar",
    "CiRun",
    "CoAssignee",
    "Contributor",
    "CostEntry",
    "Deployment",
    "FieldChange",
    "Goal",
    "ImportRun",
    "Incident",
    "Iteration",
    "IterationMembership",
    "Milestone",
    "MilestoneMembership",
    "Project",
    "ProjectMembership",
    "PseudonymKey",
    "PulseSummary",
    "ScopeApproval",
    "Stakeholder",
    "TimeEntry",
    "WorkItem",
    "WorkItemLink",
    "WorkflowStatus",
]
