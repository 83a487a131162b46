"""CI runs, deployments and incidents, as columns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from projects.enums import IncidentSeverity, RunOutcome
from projects.history.columns import Codes, Texts
from projects.history.delivery_facts import CiRunFact, DeploymentFact, IncidentFact
from projects.history.instants import NEVER, Instants, to_us
from projects.history.observed import ObservedColumns, codes, instants, objects

RUNNING, SUCCESS, FAILURE, CANCELLED = 0, 1, 2, 3
"""Codes of how a run ended."""
OUTCOME_CODES: Mapping[RunOutcome, int] = {
    RunOutcome.RUNNING: RUNNING,
    RunOutcome.SUCCESS: SUCCESS,
    RunOutcome.FAILURE: FAILURE,
    RunOutcome.CANCELLED: CANCELLED,
}
UNKNOWN_SEVERITY = 0
SEVERITY_CODES: Mapping[IncidentSeverity, int] = {
    severity: code for code, severity in enumerate(IncidentSeverity, start=1)
}
"""Codes of severities: 1 is an outage, 4 is cosmetic."""


@dataclass(frozen=True, eq=False)
class RunColumns(ObservedColumns):
    """Something that starts and ends with an outcome, which is known from its end on.  finished_us: NEVER if running"""

    DATED: ClassVar[tuple[str, ...]] = ("started_us", "finished_us")

    started_us: Instants
    finished_us: Instants
    outcome: Codes

    def known_at(self, moment_us: int) -> Self:
        """What was known at a moment: what had not ended by then was running."""
        ended_us = np.where(self.recorded_us <= moment_us, 0, self.finished_us)
        is_hidden = (self.finished_us != NEVER) & (ended_us > moment_us)
        running = np.where(is_hidden, RUNNING, self.outcome).astype(np.int8)
        values = {**vars(self), "outcome": running}
        return super(RunColumns, type(self)(**values)).known_at(moment_us)


@dataclass(frozen=True, eq=False)
class CiRunColumns(RunColumns):
    """CI runs. attempt: 1 for the first on a commit"""

    pipeline: Texts
    branch: Texts
    commit: Texts
    attempt: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class DeploymentColumns(RunColumns):
    """Deployments. external_ids: how incidents name them;  committed_us: of the oldest commit, NEVER if unknown"""

    external_ids: Texts
    environment: Texts
    committed_us: Instants


@dataclass(frozen=True, eq=False)
class IncidentColumns(ObservedColumns):
    """Incidents. severity: SEVERITY_CODES or UNKNOWN_SEVERITY;  caused_by: external id of a deployment, or empty"""

    DATED: ClassVar[tuple[str, ...]] = ("opened_us", "resolved_us")
    UNDATED: ClassVar[Mapping[str, object]] = {"severity": UNKNOWN_SEVERITY, "caused_by": ""}

    opened_us: Instants
    resolved_us: Instants
    severity: Codes
    caused_by: Texts


def ci_run_columns(facts: Iterable[CiRunFact]) -> CiRunColumns:
    """Columns of CI runs in any order; doubles collapse."""
    ordered = sorted(set(facts), key=lambda fact: (fact.id.int, fact.recorded_at))
    return CiRunColumns(
        ids=objects([fact.id for fact in ordered]),
        recorded_us=instants(to_us(fact.recorded_at) for fact in ordered),
        started_us=instants(to_us(fact.started_at) for fact in ordered),
        finished_us=instants(to_us(fact.finished_at) for fact in ordered),
        outcome=codes(OUTCOME_CODES[fact.outcome] for fact in ordered),
        pipeline=objects([fact.pipeline for fact in ordered]),
        branch=objects([fact.branch for fact in ordered]),
        commit=objects([fact.commit for fact in ordered]),
        attempt=np.array([fact.attempt for fact in ordered], dtype=np.int32),
    ).ordered()


def deployment_columns(facts: Iterable[DeploymentFact]) -> DeploymentColumns:
    """Columns of deployments in any order; doubles collapse."""
    ordered = sorted(set(facts), key=lambda fact: (fact.id.int, fact.recorded_at))
    return DeploymentColumns(
        ids=objects([fact.id for fact in ordered]),
        recorded_us=instants(to_us(fact.recorded_at) for fact in ordered),
        started_us=instants(to_us(fact.started_at) for fact in ordered),
        finished_us=instants(to_us(fact.finished_at) for fact in ordered),
        outcome=codes(OUTCOME_CODES[fact.outcome] for fact in ordered),
        external_ids=objects([fact.external_id for fact in ordered]),
        environment=objects([fact.environment for fact in ordered]),
        committed_us=instants(to_us(fact.committed_at) for fact in ordered),
    ).ordered()


def incident_columns(facts: Iterable[IncidentFact]) -> IncidentColumns:
    """Columns of incidents in any order; doubles collapse."""
    ordered = sorted(set(facts), key=lambda fact: (fact.id.int, fact.recorded_at))
    return IncidentColumns(
        ids=objects([fact.id for fact in ordered]),
        recorded_us=instants(to_us(fact.recorded_at) for fact in ordered),
        opened_us=instants(to_us(fact.opened_at) for fact in ordered),
        resolved_us=instants(to_us(fact.resolved_at) for fact in ordered),
        severity=codes(
            UNKNOWN_SEVERITY if fact.severity is None else SEVERITY_CODES[fact.severity] for fact in ordered
        ),
        caused_by=objects([fact.caused_by for fact in ordered]),
    ).ordered()
