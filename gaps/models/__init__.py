"""Rows of the gaps app."""

from gaps.models.affected_area import AffectedArea
from gaps.models.corrective_action import CorrectiveAction
from gaps.models.evidence import Evidence
from gaps.models.gap import Gap
from gaps.models.gap_transition import GapTransition
from gaps.models.root_cause import RootCause

__all__ = ["AffectedArea", "CorrectiveAction", "Evidence", "Gap", "GapTransition", "RootCause"]
