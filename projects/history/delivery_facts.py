"""Facts from the delivery tools: CI runs, deployments, incidents."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self
from uuid import UUID

from projects.enums import IncidentSeverity, RunOutcome
from projects.history.two_clocks import dated, is_known


@dataclass(frozen=True, slots=True)
class CiRunFact:
    """One run of one pipeline on one commit.

    pipeline, branch, commit, attempt: fixed when it starts;  outcome: from finished_at on, RUNNING before it
    """

    id: UUID
    started_at: datetime
    recorded_at: datetime
    outcome: RunOutcome
    finished_at: datetime | None = None
    pipeline: str = ""
    branch: str = ""
    commit: str = ""
    attempt: int = 1

    def known_at(self, moment: datetime) -> Self | None:
        """What of it was known at a moment; None where nothing was."""
        if not is_known(moment, self.recorded_at, self.started_at, self.finished_at):
            return None
        if self.finished_at is None or min(self.finished_at, self.recorded_at) <= moment:
            return self
        return replace(self, finished_at=None, outcome=RunOutcome.RUNNING)


@dataclass(frozen=True, slots=True)
class DeploymentFact:
    """One attempt to bring a commit to an environment.

    external_id: how incidents name it;  committed_at: of the oldest commit that it brought
    outcome: from finished_at on, RUNNING before it
    """

    id: UUID
    external_id: str
    started_at: datetime
    recorded_at: datetime
    outcome: RunOutcome
    finished_at: datetime | None = None
    environment: str = ""
    committed_at: datetime | None = None

    def known_at(self, moment: datetime) -> Self | None:
        """What of it was known at a moment; None where nothing was."""
        if not is_known(moment, self.recorded_at, self.started_at, self.finished_at):
            return None
        if self.finished_at is None or min(self.finished_at, self.recorded_at) <= moment:
            return self
        return replace(self, finished_at=None, outcome=RunOutcome.RUNNING)


@dataclass(frozen=True, slots=True)
class IncidentFact:
    """One failure that users of the product met.

    severity, caused_by: undated, as last observed; caused_by is the external id of a deployment, empty for unknown
    """

    id: UUID
    opened_at: datetime
    recorded_at: datetime
    severity: IncidentSeverity | None
    resolved_at: datetime | None = None
    caused_by: str = ""

    def known_at(self, moment: datetime) -> Self | None:
        """What of it was known at a moment; None where nothing was."""
        if not is_known(moment, self.recorded_at, self.opened_at, self.resolved_at):
            return None
        has_values = self.recorded_at <= moment
        return replace(
            self,
            severity=self.severity if has_values else None,
            caused_by=self.caused_by if has_values else "",
            resolved_at=dated(self.resolved_at, self.recorded_at, moment),
        )
