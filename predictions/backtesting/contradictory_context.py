"""Facts beside the work that no tool should hold: ended before they began, found long after, about nobody known."""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeVar
from uuid import UUID

import numpy as np

from projects.enums import ActivityKind, ActivityRole, IncidentSeverity, IterationState, MilestoneState, RunOutcome
from projects.history.delivery_facts import CiRunFact, DeploymentFact, IncidentFact
from projects.history.facts import ContextFact
from projects.history.group_facts import IterationFact, MilestoneFact, StayFact
from projects.history.team_facts import ActivityFact, CapacityFact, PulseFact

Choice = TypeVar("Choice", bound=Enum)
FIVE_DAYS = (8.0, 8.0, 8.0, 8.0, 8.0, 0.0, 0.0)


def contradictory_context(
    rng: np.random.Generator,
    moment: Callable[[], datetime],
    perhaps: Callable[[], datetime | None],
    item: Callable[[], UUID],
) -> list[ContextFact]:
    """One fact of each kind.  moment, perhaps, item: draw an instant, an instant or none, an identifier"""

    def one_of(choices: type[Choice]) -> Choice:
        members = list(choices)
        return members[int(rng.integers(len(members)))]

    first = moment().date()
    return [
        IterationFact(item(), "1", moment(), "One", one_of(IterationState), perhaps(), perhaps(), perhaps()),
        MilestoneFact(item(), "1", moment(), "One", one_of(MilestoneState), first, moment().date(), moment().date()),
        StayFact(item(), item(), moment(), perhaps(), perhaps()),
        ActivityFact(item(), moment(), moment(), one_of(ActivityKind), one_of(ActivityRole), item(), item()),
        CapacityFact(item(), moment(), item(), first, None, FIVE_DAYS, ((first + timedelta(days=9), 0.0),)),
        PulseFact(item(), moment(), "load", first, moment().date(), 3.5, 6),
        CiRunFact(item(), moment(), moment(), one_of(RunOutcome), perhaps(), "tests"),
        DeploymentFact(item(), "1", moment(), moment(), one_of(RunOutcome), perhaps(), "production"),
        IncidentFact(item(), moment(), moment(), one_of(IncidentSeverity), perhaps(), "1"),
    ]
