"""Working time: how many working days lie between two instants, and when so many of them have passed.

A local day that people work on counts from midnight to midnight, other days not at all. Hours of the day are not asked:
an item taken up at ten and put down at ten the next day was in work for a day.

Example: from Friday noon to Monday noon there is one working day.
"""

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from projects.history.calendar import WorkCalendar
from projects.history.instants import Instants

FloatArray = NDArray[np.float64]


class WorkClock:
    """Working days since the start of a local day, as far as a last day; later days are taken to be worked by weekday.

    first, last: local days, both included;  reach over many years is cheap
    """

    def __init__(self, calendar: WorkCalendar, first: date, last: date) -> None:
        days = [first + timedelta(days=index) for index in range(max((last - first).days, 0) + 2)]
        worked = np.array([calendar.is_working_day(day) for day in days[:-1]], dtype=np.float64)
        self._edges_us = np.array([calendar.start_of_day_us(day) for day in days], dtype=np.float64)
        self._passed = np.concatenate([[0.0], np.cumsum(worked)])
        # The end of the last day worked stands for all days off after it.
        is_first = np.concatenate([[True], np.diff(self._passed) > 0])
        self._distinct_edges_us, self._distinct = self._edges_us[is_first], self._passed[is_first]

    def working_days(self, instants: Instants | FloatArray) -> FloatArray:
        """Working days from the first day to each instant, held at both ends: shape of instants."""
        passed: FloatArray = np.interp(instants, self._edges_us, self._passed)
        return passed

    def between(self, begin_us: Instants | FloatArray, end_us: Instants | FloatArray) -> FloatArray:
        """Working days between instants; 0 where the end is not after the begin."""
        return np.maximum(self.working_days(end_us) - self.working_days(begin_us), 0.0)

    def instants_us(self, working_days: FloatArray) -> FloatArray:
        """When so many working days have passed, the earliest such moment, held at both ends: shape of working_days."""
        instants: FloatArray = np.interp(working_days, self._distinct, self._distinct_edges_us)
        return instants
