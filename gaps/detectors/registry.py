"""The detectors there are: one line each, in the order in which their gaps are shown."""

from collections.abc import Mapping

from gaps.detectors import budget, communication, culture, process, quality, resource, skill, technology, timeline
from gaps.detectors.budget import detect_budget
from gaps.detectors.communication import detect_communication
from gaps.detectors.culture import detect_culture
from gaps.detectors.detection import Detector
from gaps.detectors.process import detect_process
from gaps.detectors.quality import detect_quality
from gaps.detectors.resource import detect_resource
from gaps.detectors.skill import detect_skill
from gaps.detectors.technology import detect_technology
from gaps.detectors.timeline import detect_timeline
from gaps.enums import GapType

DETECTORS: Mapping[GapType, Detector] = {
    GapType.TIMELINE: detect_timeline,
    GapType.RESOURCE: detect_resource,
    GapType.COMMUNICATION: detect_communication,
    GapType.CULTURE: detect_culture,
    GapType.SKILL: detect_skill,
    GapType.PROCESS: detect_process,
    GapType.TECHNOLOGY: detect_technology,
    GapType.QUALITY: detect_quality,
    GapType.BUDGET: detect_budget,
}

ALARM_BUDGETS: Mapping[GapType, float] = {
    GapType.TIMELINE: timeline.FALSE_ALARMS_PER_YEAR,
    GapType.RESOURCE: resource.FALSE_ALARMS_PER_YEAR * resource.SUBJECTS,
    GapType.COMMUNICATION: communication.FALSE_ALARMS_PER_YEAR,
    GapType.CULTURE: culture.FALSE_ALARMS_PER_YEAR * culture.SUBJECTS,
    GapType.SKILL: skill.FALSE_ALARMS_PER_YEAR * skill.SUBJECTS,
    GapType.PROCESS: process.FALSE_ALARMS_PER_YEAR,
    GapType.TECHNOLOGY: technology.FALSE_ALARMS_PER_YEAR,
    GapType.QUALITY: quality.FALSE_ALARMS_PER_YEAR,
    GapType.BUDGET: budget.FALSE_ALARMS_PER_YEAR,
}
"""False alarms a project-year that each detector allows itself while nothing changes, over all of its subjects."""
