"""What the simulation of a finish forecast reads of a history: small enough to be kept beside the forecast.

A record of ten years and 30,000 items takes seconds to load, but the simulation goes by one number for each week, the
count of what is open, and how much of the capacity goes to newcomers. With these the same trials can be played again to
the last bit, and options be compared under the same random numbers, without reading the record anew.

Assumes the code that made the forecast: whoever plays an old basis compares with what was said at the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from predictions.calibration.error_pool import ErrorPool
from predictions.calibration.pace import Pace
from predictions.forecasters.answers import hash_of
from predictions.forecasters.simulation import SimulatedFinish, simulate_finish
from predictions.forecasters.team_flow import TeamFlow, team_flow
from predictions.forecasters.throughput import NewcomerShare, newcomer_share, weekly_finishes
from projects.history.calendar import WorkCalendar
from projects.history.columns import DONE
from projects.history.project_history import ProjectHistory

FloatArray = NDArray[np.float64]

LONG_RATE_WEEKS = 26
MAX_NEWCOMER_SHARE = 0.99


@dataclass(frozen=True, slots=True)
class ScopeCounts:
    """Items by a moment: all that exist, those of them that are done, and those that are gone without being done."""

    existing: int
    done: int
    gone: int

    @property
    def remaining(self) -> int:
        """Open items."""
        return self.existing - self.done - self.gone


@dataclass(frozen=True, slots=True)
class FinishBasis:
    """All that the trials of one finish forecast depend on.

    weekly: items finished per week, oldest first, the last ending at as_of;  seed, trials: of the simulation
    pools: what other teams' forecasts were off by, None for the shipped ones
    """

    as_of: datetime
    target_date: date | None
    calendar: WorkCalendar
    weekly: tuple[int, ...]
    scope: ScopeCounts
    newcomers: NewcomerShare
    flow: TeamFlow
    seed: int
    trials: int
    pools: tuple[ErrorPool, ...] | None = field(default=None, compare=False, repr=False)

    @property
    def pools_digest(self) -> str:
        """Names the pools; empty for the shipped ones."""
        return "" if self.pools is None else hash_of({"pools": [pool.digest for pool in self.pools]})

    @property
    def weekly_items(self) -> FloatArray:
        """The weeks as an array."""
        return np.array(self.weekly, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedBasis:
    """The trials of a basis.  capacity_left: what newcomers leave of it in each, in (0, 1), shape (trials,)"""

    simulated: SimulatedFinish
    capacity_left: FloatArray

    def weeks_for(self, items: int) -> FloatArray:
        """Weeks of the trials if so many items, no more than remain, were to be done: shape (trials,)."""
        return self.simulated.paths.weeks_for(items / self.capacity_left)


def finish_basis(
    known: ProjectHistory,
    *,
    calendar: WorkCalendar,
    target_date: date | None,
    seed: int,
    trials: int,
    pools: Sequence[ErrorPool] | None = None,
) -> FinishBasis:
    """What a finish forecast at the history's moment goes by.  The record has passed the gate of that forecast."""
    weekly = weekly_finishes(known, calendar=calendar)
    scope = scope_counts(known)
    recent = weekly[-LONG_RATE_WEEKS:]
    plain_weeks = scope.remaining / max(float(recent.mean()) if recent.size else 0.0, 1e-9)
    return FinishBasis(
        as_of=known.as_of_moment,
        target_date=target_date,
        calendar=calendar,
        weekly=tuple(int(count) for count in weekly),
        scope=scope,
        newcomers=newcomer_share(known, horizon_weeks=plain_weeks, weeks=len(weekly)),
        flow=team_flow(known),
        seed=seed,
        trials=trials,
        pools=None if pools is None else tuple(pools),
    )


def scope_counts(known: ProjectHistory) -> ScopeCounts:
    """Items at the history's moment, by what became of them."""
    states = known.states
    done = states.exists & (states.category == DONE)
    gone = states.exists & ~states.live & ~done
    return ScopeCounts(int(states.exists.sum()), int(done.sum()), int(gone.sum()))


def simulate_basis(basis: FinishBasis) -> SimulatedBasis:
    """Play the trials of a forecast; the same basis gives the same trials."""
    rng = np.random.default_rng(basis.seed)
    capacity_left = 1 - np.minimum(rng.beta(*basis.newcomers.parameters, basis.trials), MAX_NEWCOMER_SHARE)
    simulated = simulate_finish(Pace(basis.weekly_items), basis.scope.remaining / capacity_left, rng, pools=basis.pools)
    return SimulatedBasis(simulated, capacity_left)
