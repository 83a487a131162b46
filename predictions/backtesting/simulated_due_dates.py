"""Organisations that never were: items with due dates, for the prior that ships and for tests.

1. Each organisation draws its own world, wide on purpose: how often it is late, how fast that drifts, how much a
   release, an assignee and the time left matter.
2. Its units plan releases; each item belongs to one, has an assignee, and is forecast at a random point of its span.
3. Log-odds of being late = drift of the organisation + release + assignee - pull of the time left against the usual.
4. The share of late items of the assignee is the one known at the forecast, over items settled by then; missing where
   the organisation records no assignees.

Assumes nothing that was measured on data whose licence forbids it: every range below is a judgement, and wide. Counts
of comments and changes are left missing, because nothing is known of their sign.

Example: an organisation with a drift of 0, a release of +1 and an average assignee is late with probability .73.
"""

from collections.abc import Iterator

import numpy as np

from predictions.calibration.recalibration import expit
from predictions.forecasters.item_delay.features import settled_before
from predictions.forecasters.item_delay.moments import Codes, FloatArray, ItemMoments

ITEMS = (300, 900)
"""Items of one organisation: from, to."""
YEARS = (1.0, 4.0)
UNITS, ASSIGNEES_PER_UNIT = (1, 6), (2, 9)
MEAN_LOG_ODDS, MEAN_SPREAD = -0.7, 1.0
"""Late in a third of the cases, between .06 and .79 for nineteen organisations of twenty."""
DRIFT_SPREAD, DRIFT_MEMORY_DAYS = (0.3, 1.5), (60.0, 400.0)
RELEASE_SPREAD, ASSIGNEE_SPREAD = (0.3, 2.0), (0.3, 1.5)
LEFT_PULL = (-0.2, 0.6)
RELEASE_EVERY_DAYS = (5.0, 40.0)
SPAN_LOG_MEDIAN, SPAN_LOG_SPREAD = 3.0, 1.2
"""Planned spans around 20 days; nine of ten between 3 and 150."""
KINDS, PRIORITIES = 5, 5
RECORDS_ASSIGNEES = 0.5
"""Half of them do, so that a prior does not lean on assignees alone."""


def simulated_organisations(count: int, *, seed: int) -> Iterator[ItemMoments]:
    """Items of so many organisations, the same for the same seed."""
    for child in np.random.SeedSequence(seed).spawn(count):
        yield simulated_organisation(np.random.default_rng(child))


def simulated_organisation(rng: np.random.Generator) -> ItemMoments:
    """One organisation: its items, each at the moment it is forecast."""
    count, days = int(rng.integers(*ITEMS)), float(rng.uniform(*YEARS)) * 365
    units = int(rng.integers(*UNITS))
    unit = rng.integers(0, units, count)
    due = _release_days(rng, unit, days)
    left_and_age = np.floor(rng.lognormal(SPAN_LOG_MEDIAN, SPAN_LOG_SPREAD, count)) + 1
    created = due - left_and_age
    moment = created + np.floor(rng.uniform(0, 1, count) ** 2 * left_and_age)
    assignee = unit * ASSIGNEES_PER_UNIT[1] + rng.integers(0, int(rng.integers(*ASSIGNEES_PER_UNIT)), count)
    log_odds = (
        _drift(rng, due, days)
        + _effects(rng, unit * 100_000 + due.astype(np.int64), rng.uniform(*RELEASE_SPREAD))
        + _effects(rng, assignee, rng.uniform(*ASSIGNEE_SPREAD))
        - rng.uniform(*LEFT_PULL) * (np.log(left_and_age) - SPAN_LOG_MEDIAN)
    )
    late = rng.random(count) < expit(log_odds)
    order = np.argsort(created, kind="stable")
    number = np.empty(count)
    number[order] = np.arange(count)
    missing = np.full(count, np.nan)
    share = settled_before(assignee, moment, due + 1, late)[0] if rng.random() < RECORDS_ASSIGNEES else missing
    return ItemMoments(
        unit=unit,
        number=number,
        created_day=created,
        moment_day=moment,
        due_day=due,
        due_known=np.ones(count, dtype=np.bool_),
        known_day=due + 1,
        late=late,
        kind=rng.integers(0, KINDS, count).astype(np.float64),
        priority=rng.integers(0, PRIORITIES, count).astype(np.float64),
        comments=missing,
        priority_changes=missing,
        version_changes=missing,
        description_changes=missing,
        discussion_days=missing,
        assignee_late_share=share,
        assignee_open=missing,
    )


def _release_days(rng: np.random.Generator, unit: Codes, days: float) -> FloatArray:
    """Due days of the items: those of the unit's releases, drawn at random."""
    due = np.zeros(len(unit))
    for code in np.unique(unit):
        rows = np.flatnonzero(unit == code)
        every = float(rng.uniform(*RELEASE_EVERY_DAYS))
        releases = np.floor(np.cumsum(rng.exponential(every, max(2, int(days / every)))))
        due[rows] = rng.choice(releases, len(rows))
    return due + 1_000


def _drift(rng: np.random.Generator, due: FloatArray, days: float) -> FloatArray:
    """A slow wave around the organisation's own level, with its own height and memory."""
    memory, height = rng.uniform(*DRIFT_MEMORY_DAYS), rng.uniform(*DRIFT_SPREAD)
    knots = np.arange(0, days * 2 + memory, memory)
    level = rng.normal(MEAN_LOG_ODDS, MEAN_SPREAD) + rng.normal(0, height, len(knots))
    drift: FloatArray = np.interp(due - due.min(), knots, level)
    return drift


def _effects(rng: np.random.Generator, group: Codes, spread: float) -> FloatArray:
    _, index = np.unique(group, return_inverse=True)
    effects: FloatArray = rng.normal(0, spread, int(index.max()) + 1)[index]
    return effects
