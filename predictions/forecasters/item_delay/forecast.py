"""DELAY_RISK of every open item with a due date, over a project's history as of t.

1. The event is fixed when it is issued: this item is not done when the due day in force at t is over.
2. The history becomes moments (history_moments), and the walk through them (walk_forward) ends with the items asked
   about at t, by the labels known at t; before the project has labels of its own, a prior speaks.
3. The 80 % interval is that of the log-odds: how far the parts of the learned forecast disagree, and how little the
   resolved forecasts say about its level.
4. Drivers: a group of features is set to what is usual in the project, the rest stays; the change of the probability
   is the group's effect.
5. Readiness is that of the finish forecast, and at most LIMITED below MIN_OWN_LABELS settled items with a due date.

Assumes what walk_forward assumes. Do not believe it where due dates are moved on the day they pass: each forecast is
settled against the date in force when it was made, and such a team is late without seeing it.

Example: a team late with 8 of its last 10 items, an item like those due in a week: P near .8, "recent delays" leading.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import numpy as np

from predictions.calibration.recalibration import expit, logit
from predictions.enums import PredictionType
from predictions.forecasters.answers import Driver, ModelIdentity, ProbabilityEstimate, hash_of
from predictions.forecasters.finish import INTERVAL_Z
from predictions.forecasters.item_delay.history_moments import HistoryMoments, history_moments
from predictions.forecasters.item_delay.learner import Prior
from predictions.forecasters.item_delay.moments import Codes, FloatArray
from predictions.forecasters.item_delay.shipped import shipped_prior
from predictions.forecasters.item_delay.walk_forward import RUNGS, Rung, Walk
from projects.enums import Readiness
from projects.history.calendar import WorkCalendar
from projects.history.project_history import ProjectHistory
from projects.history.readiness import (
    ReadinessReason,
    ReadinessReport,
    ReasonCode,
    UnlockStep,
    finish_readiness,
)

MODEL = ModelIdentity("item-delay.pooled-trees", "4")
MIN_OWN_LABELS = 20
"""Below this the prior speaks and not the team; also the number below which no score is given."""
MIN_DRIVER_EFFECT = 0.01
REFIT_GROWTH = 3.0
FIRST_FIT_SHARE, BATCH_DAYS = 1 / 3, 60.0
"""A refresh has a second: the past is judged by trees fitted once, on a third of the labels, the present by the newest.
Fitted more often it was no better on four organisations at six moments: Brier .183 against .160, area under the curve
.67 against .72.
"""
DRIVERS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("TIME_LEFT", "Time left until the due date", "left", ("left", "span", "progress", "age", "late_like_left")),
    ("RECENT_DELAYS", "How often items were late lately", "overall_rate_60d", ("_rate_", "late_last_batch")),
    ("NEIGHBOURS", "How items of the same time ended", "late_near_due", ("late_near_", "late_like_span")),
    ("ASSIGNEE_LOAD", "What the assignee has in hand", "assignee_open", ("assignee_",)),
    ("TEAM_LOAD", "Open items against what gets settled", "waiting_per_settled", ("waiting", "newcomers", "due_in_")),
    ("CHANGES", "How often the item was moved or changed", "version_changes", ("_changes", "quiet", "discussion")),
)
"""Code, label, the column whose value is shown, and what the names of the group's columns contain."""


@dataclass(frozen=True, slots=True)
class ItemDelayRisk:
    """P(not done when its due day is over) of one item, with what it rests on.  base_rate: trailing, of the project"""

    item_id: UUID
    key: str
    due_date: date
    probability: ProbabilityEstimate
    base_rate: float
    drivers: tuple[Driver, ...]


@dataclass(frozen=True, slots=True)
class ItemDelayForecast:
    """All items asked about at one moment, by due date and key; empty where readiness carries no value.

    rung: the step of the ladder that is served;  prior: what the prior was made on;  own_labels: settled items
    """

    as_of: datetime
    type: PredictionType
    readiness: ReadinessReport
    items: tuple[ItemDelayRisk, ...]
    rung: Rung | None
    prior: str
    own_labels: int
    model: ModelIdentity
    inputs_hash: str


def forecast_item_delays(
    history: ProjectHistory, *, as_of: datetime, calendar: WorkCalendar | None = None, prior: Prior | None = None
) -> ItemDelayForecast:
    """Forecast every open item with a due date ahead. Never raises on data; abstains with reasons.

    prior: of other teams of the tenant, where one was fitted (learner.fit_pool); otherwise the one that ships
    Raises ValueError for a naive as_of.
    """
    calendar, prior = calendar or WorkCalendar(), prior or shipped_prior()
    known = history.as_of(as_of)
    inputs_hash = hash_of({"history": known.inputs_hash, "calendar": calendar.key(), "prior": prior.name})
    gate = finish_readiness(known, as_of=as_of, calendar=calendar)
    found = history_moments(known, calendar)
    own_labels = int((~found.asked).sum())
    readiness = gate.with_reasons(_reasons(found, own_labels))
    items: tuple[ItemDelayRisk, ...] = ()
    rung = None
    if readiness.carries_value:
        walk = Walk(
            found.moments,
            prior,
            asked=found.asked,
            refit_growth=REFIT_GROWTH,
            first_fit_share=FIRST_FIT_SHARE,
            batch_days=BATCH_DAYS,
        )
        walk.run()
        rows = np.flatnonzero(found.asked)
        items, rung = _risks(known, found, walk, rows), RUNGS[int(walk.rung[rows[0]])]
    return ItemDelayForecast(
        as_of=as_of,
        type=PredictionType.DELAY_RISK,
        readiness=readiness,
        items=items,
        rung=rung,
        prior=prior.name,
        own_labels=own_labels,
        model=MODEL,
        inputs_hash=inputs_hash,
    )


def _reasons(found: HistoryMoments, own_labels: int) -> list[ReadinessReason]:
    reasons = []
    if not found.asked.any():
        message = "No open item has a due date that lies ahead."
        reasons.append(
            ReadinessReason(ReasonCode.NO_TARGET, Readiness.MISCONFIGURED, message, UnlockStep.SET_TARGET_DATE)
        )
    if own_labels < MIN_OWN_LABELS:
        message = f"{own_labels} items with a due date are settled; {MIN_OWN_LABELS} are needed to learn from the team."
        reasons.append(
            ReadinessReason(
                ReasonCode.TOO_FEW_FINISHED,
                Readiness.LIMITED,
                message,
                UnlockStep.WAIT_FOR_HISTORY,
                own_labels,
                MIN_OWN_LABELS,
            )
        )
    return reasons


def _risks(known: ProjectHistory, found: HistoryMoments, walk: Walk, rows: Codes) -> tuple[ItemDelayRisk, ...]:
    width = INTERVAL_Z * walk.log_odds_error(rows)
    centre = logit(walk.final[rows])
    low, high = expit(centre - width), expit(centre + width)
    effects = _driver_effects(walk, rows)
    risks = [
        ItemDelayRisk(
            item_id=known.items.ids[found.item[row]],
            key=str(known.items.keys[found.item[row]]),
            due_date=found.due_dates[row],
            probability=ProbabilityEstimate(float(walk.final[row]), float(low[place]), float(high[place])),
            base_rate=float(walk.rungs[row, 0]),
            drivers=effects[place],
        )
        for place, row in enumerate(rows.tolist())
    ]
    return tuple(sorted(risks, key=lambda risk: (risk.due_date, risk.key, str(risk.item_id))))


def _driver_effects(walk: Walk, rows: Codes) -> list[tuple[Driver, ...]]:
    """Per row the groups that move its probability, the strongest first."""
    names = walk.table.names
    groups = [[i for i, name in enumerate(names) if any(part in name for part in parts)] for *_, parts in DRIVERS]
    effects = _effects(walk, rows, groups)
    shown = {code: walk.table.column(column)[rows] for code, _, column, _ in DRIVERS}
    result = []
    for place in range(len(rows)):
        drivers = [
            Driver(code, label, _plain(column, float(shown[code][place])), _unit(column), float(effects[place, index]))
            for index, (code, label, column, _) in enumerate(DRIVERS)
            if abs(effects[place, index]) >= MIN_DRIVER_EFFECT and np.isfinite(shown[code][place])
        ]
        result.append(tuple(sorted(drivers, key=lambda driver: (-abs(driver.effect), driver.code))))
    return result


def _effects(walk: Walk, rows: Codes, groups: Sequence[Sequence[int]]) -> FloatArray:
    """P as it is minus P with a group's columns at what is usual in the project: shape (rows, groups)."""
    values = walk.table.values
    usual = np.tile(values[rows], (len(groups), 1))  # all groups in one call: a call costs more than its rows
    for place, columns in enumerate(groups):
        known = np.where(np.isnan(values[:, columns]), np.inf, values[:, columns])
        middle = np.sort(known, axis=0)[(np.isfinite(known).sum(axis=0) - 1).clip(min=0) // 2, np.arange(len(columns))]
        block = slice(place * len(rows), (place + 1) * len(rows))
        usual[block, columns] = np.where(np.isfinite(middle), middle, np.nan)
    without = walk.what_if(np.tile(rows, len(groups)), usual).reshape(len(groups), len(rows))
    effects: FloatArray = walk.final[rows][:, None] - without.T
    return effects


def _plain(column: str, value: float) -> float:
    """Counts and days are held as log1p; rates and ratios as they are."""
    if column == "waiting_per_settled":
        return float(np.exp(value))
    return value if column in {"overall_rate_60d", "late_near_due"} else float(np.expm1(value))


def _unit(column: str) -> str:
    return {"left": "d", "overall_rate_60d": "share late", "late_near_due": "share late"}.get(column, "items")
