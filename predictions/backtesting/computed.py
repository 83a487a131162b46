"""Everything that is computed of a history at a moment, found by its signature: the list that leaks are looked for in.

1. A public function of projects.history, predictions.forecasters or predictions.attribution, subpackages included, that
   takes a history as `history` (with `as_of`) or as `known` (already restricted) is on it; so is every field and
   property of ProjectHistory, and the latest value of every tracked field. Nobody has to add a forecaster by hand.
2. The other parameters are filled by name (Moment.argument); those it does not know keep their defaults. One without a
   default that nobody can fill raises: then it is named there, or the function is listed in NOT_OF_A_MOMENT.
3. Two answers are alike if their fingerprints are: every number to the last bit, every array, text and date.
"""

import hashlib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

import numpy as np

from predictions import attribution, forecasters
from predictions.forecasters.bug_arrivals import BugArrivals, bug_arrivals
from predictions.forecasters.capacity_series import CapacitySource
from predictions.forecasters.finish import FinishForecast, forecast_finish
from predictions.forecasters.item_delay.forecast import ItemDelayForecast, forecast_item_delays
from predictions.forecasters.resolution import Circumstances
from predictions.forecasters.risk import Claim, IssuedClaim
from predictions.forecasters.scope_growth import ScopeGrowth, scope_growth
from projects import history as history_package
from projects.enums import TrackedField
from projects.history.calendar import WorkCalendar
from projects.history.columns import IN_PROGRESS, Flags
from projects.history.project_history import ProjectHistory
from projects.history.spells import Spells, active_spells
from projects.history.work_clock import WorkClock

PACKAGES: tuple[ModuleType, ...] = (history_package, forecasters, attribution)
NOT_OF_A_MOMENT: frozenset[str] = frozenset(
    {
        # These judge by what came after; their own tests show that nothing after the target counts. Those that take a
        # claim are known by that (JUDGING).
        "predictions.forecasters.iteration_snapshots.delivered_points",
        "predictions.forecasters.replay.replay_delay_risk",
        "predictions.forecasters.resolution.done_at_once_us",
        "predictions.forecasters.resolution.open_items",
        "predictions.forecasters.resolution.scope_hash",
        # Asked for single rows, by forecasters that are on the list.
        "predictions.forecasters.severe_incidents.incident_fact",
    }
)
"""Functions that take a history and are of no moment; each with a reason."""
JUDGING = (Claim, IssuedClaim, Circumstances)
"""Who takes one of these says what became of a claim, from what came after it."""
TRIALS, DRAWS, SEED = 200, 8, 1
"""Enough to tell two answers apart; how good they are is not asked here."""
WINDOW_WEEKS, HORIZON_WEEKS, BUDGET = 26, 6.0, 1_000.0
ENDED_ITERATIONS = 3
TARGET_AFTER = timedelta(weeks=7)
CLOCK_REACH = timedelta(weeks=10)
WINDOW = timedelta(weeks=8)


@dataclass(frozen=True, eq=False)
class Moment:
    """One history, asked at one moment. What several answers need is computed once."""

    history: ProjectHistory
    as_of: datetime
    calendar: WorkCalendar
    planned_calendar: WorkCalendar

    @cached_property
    def known(self) -> ProjectHistory:
        return self.history.as_of(self.as_of)

    @cached_property
    def finish(self) -> FinishForecast:
        return forecast_finish(
            self.known, as_of=self.as_of, target_date=self.target_date, calendar=self.calendar, trials=TRIALS
        )

    @property
    def target_date(self) -> date:
        return (self.as_of + TARGET_AFTER).date()

    @property
    def first_day(self) -> date:
        return self.last_day - WINDOW

    @property
    def last_day(self) -> date:
        return self.as_of.date()

    @property
    def chosen(self) -> Flags:
        return self.known.states.open

    @cached_property
    def spells(self) -> Spells:
        return active_spells(self.known)

    @cached_property
    def clock(self) -> WorkClock:
        return WorkClock(self.calendar, self.calendar.local_date(self.first_us), (self.as_of + CLOCK_REACH).date())

    @cached_property
    def growth(self) -> ScopeGrowth | None:
        return scope_growth(self.known)

    @cached_property
    def arrivals(self) -> BugArrivals:
        return bug_arrivals(self.known)

    @cached_property
    def found(self) -> ItemDelayForecast:
        return forecast_item_delays(self.known, as_of=self.as_of, calendar=self.calendar)

    @property
    def since_us(self) -> int:
        return self.first_us

    @cached_property
    def first_us(self) -> int:
        return int(self.known.items.created_us.min(initial=self.known.known_at_us))

    def argument(self, name: str) -> Any:
        """What to hand over for a parameter.  Raises KeyError for one that nobody thought of."""
        constants = {
            "trials": TRIALS,
            "seed": SEED,
            "draws": DRAWS,
            "window_weeks": WINDOW_WEEKS,
            "weeks": WINDOW_WEEKS,
            "horizon_weeks": HORIZON_WEEKS,
            "category": IN_PROGRESS,
            "budget": BUDGET,
            "source": CapacitySource.CONTRIBUTORS,
            "team_signals_enabled": True,
            "ended": ENDED_ITERATIONS,
            "promise": self.target_date,
        }
        if name in constants:
            return constants[name]
        if name in OF_MOMENT:
            return getattr(self, name)
        raise KeyError(name)


OF_MOMENT = frozenset(
    {
        "history",
        "known",
        "as_of",
        "calendar",
        "planned_calendar",
        "target_date",
        "finish",
        "spells",
        "clock",
        "first_us",
        "chosen",
        "first_day",
        "last_day",
        "since_us",
        "growth",
        "arrivals",
        "found",
    }
)
Computation = Callable[[Moment], object]


def computations() -> Mapping[str, Computation]:
    """By name, in a fixed order: all that is computed of a history at a moment."""
    found: dict[str, Computation] = {}
    for function in _functions():
        name = f"{function.__module__}.{function.__qualname__}"
        if name not in NOT_OF_A_MOMENT:
            found[name] = partial(_call, function)
    for name in _properties():
        found[f"ProjectHistory.{name}"] = partial(_property, name)
    for column in fields(ProjectHistory):
        found[f"ProjectHistory.{column.name}"] = partial(_property, column.name)
    for field in TrackedField:
        found[f"ProjectHistory.values_of({field})"] = partial(_values, field.value)
    return MappingProxyType(found)


def fingerprint(answer: object) -> str:
    """SHA-256 of an answer: equal for equal values to the last bit, whatever they are made of."""
    digest = hashlib.sha256()
    for part in _parts(answer):
        digest.update(part)
        digest.update(b"|")
    return digest.hexdigest()


def _functions() -> Iterator[FunctionType]:
    for package in PACKAGES:
        found = pkgutil.walk_packages(package.__path__, prefix=f"{package.__name__}.")
        for module_info in sorted(found, key=lambda info: info.name):
            module = importlib.import_module(module_info.name)
            for _, function in inspect.getmembers(module, inspect.isfunction):
                is_own = function.__module__ == module.__name__ and not function.__name__.startswith("_")
                if is_own and _takes_history(function):
                    yield function


def _takes_history(function: FunctionType) -> bool:
    parameters = inspect.signature(function).parameters.values()
    taken = {parameter.annotation for parameter in parameters}
    return bool(taken & {ProjectHistory, "ProjectHistory"}) and not taken & set(JUDGING)


def _properties() -> list[str]:
    return sorted(
        name
        for name, member in vars(ProjectHistory).items()
        if isinstance(member, (property, cached_property)) and not name.startswith("_")
    )


def _call(function: FunctionType, moment: Moment) -> object:
    given = {}
    for parameter in inspect.signature(function).parameters.values():
        name = "known" if parameter.annotation is ProjectHistory and parameter.name != "history" else parameter.name
        try:
            given[parameter.name] = moment.argument(name)
        except KeyError as unknown:
            if parameter.default is parameter.empty:
                raise LookupError(f"{function.__qualname__} needs {unknown}: add it to Moment.argument") from unknown
    return function(**given)


def _property(name: str, moment: Moment) -> object:
    return getattr(moment.known, name)


def _values(field: str, moment: Moment) -> object:
    return moment.known.values_of(field)


def _parts(answer: object) -> Iterator[bytes]:
    if isinstance(answer, np.ndarray):
        yield repr((answer.dtype.str, answer.shape)).encode()
        yield repr(answer.tolist()).encode() if answer.dtype == np.object_ else np.ascontiguousarray(answer).tobytes()
    elif is_dataclass(answer) and not isinstance(answer, type):
        yield type(answer).__qualname__.encode()
        for column in fields(answer):
            if not column.compare:
                continue  # carried along, and no part of the answer
            yield column.name.encode()
            yield from _parts(getattr(answer, column.name))
    elif isinstance(answer, WorkClock):
        yield from _parts(vars(answer))
    elif isinstance(answer, Mapping):
        for key in answer:
            yield repr(key).encode()
            yield from _parts(answer[key])
    elif isinstance(answer, (list, tuple)):
        yield str(len(answer)).encode()
        for part in answer:
            yield from _parts(part)
    else:
        yield repr(answer).encode()
