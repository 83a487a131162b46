"""Facts about the people of a project, by pseudonym: when they were active, what hours they have, how they answer."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from uuid import UUID

from projects.enums import ActivityKind, ActivityRole
from projects.history.two_clocks import is_known


@dataclass(frozen=True, slots=True)
class ActivityFact:
    """One moment of communication or review: when, by which contributor, in which role. There is no content.

    contributor_id: None where the source names nobody;  item_id: None where it is about no item
    """

    id: UUID
    occurred_at: datetime
    recorded_at: datetime
    kind: ActivityKind
    role: ActivityRole = ActivityRole.OTHER
    contributor_id: UUID | None = None
    item_id: UUID | None = None

    def known_at(self, moment: datetime) -> Self | None:
        """The same if it was known at a moment, else None."""
        return self if is_known(moment, self.recorded_at, self.occurred_at) else None


@dataclass(frozen=True, slots=True)
class CapacityFact:
    """The hours one contributor, or the team where none is named, can give the project in a period.

    recorded_at: when the present hours were entered; they are unknown before it, whatever days they speak of
    last_date: included, None until further notice;  weekly_hours: Monday to Sunday
    exceptions: days that differ, with their hours, ordered;  allocation: share of all these hours, in [0, 1]
    """

    id: UUID
    recorded_at: datetime
    contributor_id: UUID | None
    first_date: date
    last_date: date | None
    weekly_hours: tuple[float, float, float, float, float, float, float]
    exceptions: tuple[tuple[date, float], ...] = ()
    allocation: float = 1.0

    def known_at(self, moment: datetime) -> Self | None:
        """The same if it was known at a moment, else None."""
        return self if self.recorded_at <= moment else None


@dataclass(frozen=True, slots=True)
class PulseFact:
    """The mean answer of a team to one question in one period.

    mean_score: from 1 to 5;  respondents: at least five
    """

    id: UUID
    recorded_at: datetime
    question_code: str
    first_date: date
    last_date: date
    mean_score: float
    respondents: int

    @property
    def closed_at(self) -> datetime:
        """From when on the answer counts: the end of its last day in UTC."""
        return datetime.combine(self.last_date, time.min, tzinfo=UTC) + timedelta(days=1)

    def known_at(self, moment: datetime) -> Self | None:
        """The same if it was known at a moment, else None."""
        return self if is_known(moment, self.recorded_at, self.closed_at) else None
