"""The days a project's people work, for analyses that count working days."""

from __future__ import annotations

from datetime import date

from django.db.models import Q

from projects.history.calendar import MONDAY_TO_FRIDAY, WorkCalendar
from projects.models import CapacityCalendar, Project

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def load_calendar(project: Project, *, on: date) -> WorkCalendar:
    """The team's calendar in force on a day, in the project's time zone; one query.

    Without a team calendar, or with one that has no hours at all, Monday to Friday are worked.
    """
    in_force: CapacityCalendar | None = (
        CapacityCalendar.objects.filter(project=project, contributor__isnull=True, first_date__lte=on)
        .filter(Q(last_date__isnull=True) | Q(last_date__gte=on))
        .order_by("-first_date")
        .first()
    )
    if in_force is None:
        return WorkCalendar(time_zone=project.time_zone)
    worked = frozenset(index for index, day in enumerate(WEEKDAYS) if in_force.weekly_hours.get(day, 0) > 0)
    days_off = frozenset(date.fromisoformat(day["date"]) for day in in_force.exceptions if day["hours"] == 0)
    return WorkCalendar(time_zone=project.time_zone, working_weekdays=worked or MONDAY_TO_FRIDAY, holidays=days_off)
