"""Incidents of severity 1 and 2 as a chance within the next weeks: they are few, so a rate and its doubt are all.

1. Each severe incident counts by its age, half after half a year; so do the weeks since the first incident of any kind
   was recorded. Before anything is seen, half an incident in half a year.
2. The rate is then gamma distributed, and the chance of none within some time follows from it exactly.
3. Without any incident on record nobody is connected who would tell: there is no chance, and no claim about them.

Example: one 13 and one 39 weeks ago, watched for two years: 1.6 in 61 weeks, so 9 % within 28 days.
"""

from dataclasses import dataclass

import numpy as np

from predictions.forecasters.answers import EvidenceFact
from projects.enums import IncidentSeverity
from projects.history.columns import Flags
from projects.history.deliveries import SEVERITY_CODES
from projects.history.instants import MICROSECONDS_PER_WEEK, from_us
from projects.history.project_history import ProjectHistory

SEVERE = (SEVERITY_CODES[IncidentSeverity.SEV1], SEVERITY_CODES[IncidentSeverity.SEV2])
PRIOR_INCIDENTS, PRIOR_WEEKS = 0.5, 26.0
HALF_LIFE_WEEKS = 26.0


@dataclass(frozen=True, slots=True)
class IncidentRate:
    """Gamma distributed, a week.  shape, weeks: parameters;  windows, hit: past windows, and those with one"""

    shape: float
    weeks: float
    windows: float
    hit: float

    def chance(self, weeks: float) -> float:
        """P(at least one within so many weeks): in (0, 1)."""
        return float(1 - (self.weeks / (self.weeks + weeks)) ** self.shape)

    @property
    def base_rate(self) -> float:
        """Share of own past windows with one, as if one window in ten had been seen first."""
        return (self.hit + 0.1) / (self.windows + 1)

    @property
    def per_week(self) -> float:
        return self.shape / self.weeks


def severe_incidents(known: ProjectHistory) -> Flags:
    """Which incidents known at the history's moment are severe and were open by then: shape (incidents,)."""
    flags: Flags = np.isin(known.incidents.severity, SEVERE) & (known.incidents.opened_us <= known.known_at_us)
    return flags


def incident_rate(known: ProjectHistory, *, window_weeks: float) -> IncidentRate | None:
    """The rate at the history's moment; None where no incident of any kind is on record."""
    opened_us = known.incidents.opened_us
    past = opened_us <= known.known_at_us
    if not bool(past.any()):
        return None
    severe_us = np.sort(opened_us[severe_incidents(known)])
    weeks = (known.known_at_us - int(opened_us[past].min())) / MICROSECONDS_PER_WEEK
    ages = (known.known_at_us - severe_us) / MICROSECONDS_PER_WEEK
    kept = np.log(2) / HALF_LIFE_WEEKS
    watched = (1 - np.exp(-kept * weeks)) / kept
    windows = weeks / window_weeks
    hit = len(np.unique(ages[ages < np.floor(windows) * window_weeks] // window_weeks))
    shape = PRIOR_INCIDENTS + float(np.exp(-kept * ages).sum())
    return IncidentRate(shape, PRIOR_WEEKS + float(watched), float(np.floor(windows)), float(hit))


def incident_fact(known: ProjectHistory, row: int, label: str) -> EvidenceFact:
    """When an incident was opened.  row: of the history's incidents"""
    opened_at = from_us(int(known.incidents.opened_us[row]))
    return EvidenceFact("incident", str(known.incidents.ids[row]), label, "opened_at", opened_at.isoformat(), opened_at)
