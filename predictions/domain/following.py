"""What follows from the predictions of a project once they are made and settled: warnings, and reports settled."""

from __future__ import annotations

from datetime import datetime

from predictions.domain.alerting import Alerting, raise_alerts
from predictions.domain.missed_events import settle_missed_events
from projects.models import Project


def follow_up(*, project: Project, at: datetime) -> Alerting:
    """Bring threads of warnings and reports of missed events up to what is predicted and settled now. Idempotent."""
    settle_missed_events(project=project, at=at)
    return raise_alerts(project=project, at=at)
