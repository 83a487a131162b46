"""Facts about what items are put into: iterations, milestones, and how long each item stayed in one."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from uuid import UUID

from projects.enums import IterationState, MilestoneState
from projects.history.two_clocks import dated, is_known


@dataclass(frozen=True, slots=True)
class IterationFact:
    """One time box of a team.

    external_id: how field changes name it
    starts_at, ends_at: dated by the source, and only planned while they lie ahead;  completed_at: when it was closed
    name, state: undated, as last observed
    """

    id: UUID
    external_id: str
    recorded_at: datetime
    name: str = ""
    state: IterationState | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    completed_at: datetime | None = None

    def known_at(self, moment: datetime) -> Self | None:
        """What of it was known at a moment; None where nothing was."""
        if not is_known(moment, self.recorded_at, self.starts_at, self.ends_at, self.completed_at):
            return None
        has_values = self.recorded_at <= moment
        return replace(
            self,
            name=self.name if has_values else "",
            state=self.state if has_values else None,
            starts_at=dated(self.starts_at, self.recorded_at, moment),
            ends_at=dated(self.ends_at, self.recorded_at, moment),
            completed_at=dated(self.completed_at, self.recorded_at, moment),
        )


@dataclass(frozen=True, slots=True)
class MilestoneFact:
    """One dated promise of a part of the scope.

    name, state, start_date, target_date: undated, as last observed;  released_date: the day it really was released
    """

    id: UUID
    external_id: str
    recorded_at: datetime
    name: str = ""
    state: MilestoneState | None = None
    start_date: date | None = None
    target_date: date | None = None
    released_date: date | None = None

    @property
    def released_at(self) -> datetime | None:
        """From when on the release counts: the end of its day in UTC, since no hour is known."""
        if self.released_date is None:
            return None
        return datetime.combine(self.released_date, time.min, tzinfo=UTC) + timedelta(days=1)

    def known_at(self, moment: datetime) -> Self | None:
        """What of it was known at a moment; None where nothing was."""
        if not is_known(moment, self.recorded_at, self.released_at):
            return None
        if self.recorded_at <= moment:
            return self
        return replace(self, name="", state=None, start_date=None, target_date=None)


@dataclass(frozen=True, slots=True)
class StayFact:
    """One stay of an item in an iteration or a milestone.

    joined_at: None where the source does not date it; it is then known from when it was recorded
    left_at: None while it stays
    """

    item_id: UUID
    group_id: UUID
    recorded_at: datetime
    joined_at: datetime | None = None
    left_at: datetime | None = None

    def known_at(self, moment: datetime) -> Self | None:
        """What of it was known at a moment; None where nothing was."""
        if not is_known(moment, self.recorded_at, self.joined_at):
            return None
        has_left = self.left_at is not None and self.left_at <= moment
        return self if has_left else replace(self, left_at=None)
