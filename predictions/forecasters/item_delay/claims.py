"""The forecast of items as claims: one for each item, of the shape that every risk has.

The impact is that of one item: MEDIUM where open work waits for it, else LOW. What can be done is known for one thing
only, the load of the assignee, because nothing else is in a person's hand among the features: its effect is that of
the driver.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from predictions.enums import PredictionType, Priority, Severity
from predictions.forecasters.answers import Driver, EvidenceFact
from predictions.forecasters.item_delay.forecast import ItemDelayForecast, ItemDelayRisk
from predictions.forecasters.risk import Claim, HoursToEvent, PreventiveOption, RiskForecast, Subject
from projects.history.calendar import WorkCalendar
from projects.history.columns import Flags
from projects.history.instants import from_us
from projects.history.project_history import ProjectHistory

LOAD_DRIVER = "ASSIGNEE_LOAD"
ASSUMPTIONS = (
    "The due date in force now is the one that counts, whatever moves later.",
    "An item that was done and is open again when its day is over is late.",
)


def item_risks(known: ProjectHistory, found: ItemDelayForecast, calendar: WorkCalendar) -> tuple[RiskForecast, ...]:
    """One forecast for each item asked about; a single one without a claim where nothing can be said."""
    if not found.items:
        return (
            RiskForecast(
                as_of=found.as_of,
                type=PredictionType.DELAY_RISK,
                readiness=found.readiness,
                is_reconstructed=known.is_reconstructed,
                model=found.model,
                inputs_hash=found.inputs_hash,
            ),
        )
    ids = known.items.ids.tolist()  # in order
    is_awaited, is_reconstructed = _awaited(known), known.is_reconstructed
    return tuple(
        _risk(
            known,
            found,
            risk,
            bisect_left(ids, risk.item_id),
            calendar,
            is_awaited=is_awaited,
            rebuilt=is_reconstructed,
        )
        for risk in found.items
    )


def _risk(
    known: ProjectHistory,
    found: ItemDelayForecast,
    risk: ItemDelayRisk,
    row: int,
    calendar: WorkCalendar,
    *,
    is_awaited: Flags,
    rebuilt: bool,
) -> RiskForecast:
    ends_at = from_us(calendar.end_of_day_us(risk.due_date))
    hours = (ends_at - found.as_of) / timedelta(hours=1)
    return RiskForecast(
        as_of=found.as_of,
        type=PredictionType.DELAY_RISK,
        readiness=found.readiness,
        is_reconstructed=rebuilt,
        model=found.model,
        inputs_hash=found.inputs_hash,
        probability=risk.probability,
        base_rate=risk.base_rate,
        time_to_occurrence=HoursToEvent.known(hours),
        impact=Severity.MEDIUM if bool(is_awaited[row]) else Severity.LOW,
        drivers=risk.drivers,
        evidence=_evidence(known, risk, row),
        claim=Claim(
            subject=Subject("work_item", str(risk.item_id), risk.key),
            description=f"{risk.key or 'The item'} is not done when {risk.due_date.isoformat()} is over.",
            ends_at=ends_at,
            target_date=risk.due_date,
            scope_items=1,
        ),
        options=_options(risk.probability.value, risk.drivers),
        assumptions=ASSUMPTIONS,
    )


def _awaited(known: ProjectHistory) -> Flags:
    """Items that open work waits for: shape (items,)."""
    links, now_us = known.links, known.known_at_us
    holds = (links.at_us <= now_us) & (links.until_us > now_us) & known.states.open[links.item]
    awaited = np.zeros(len(known.items), dtype=np.bool_)
    awaited[links.blocker[holds]] = True
    return awaited


def _evidence(known: ProjectHistory, risk: ItemDelayRisk, row: int) -> tuple[EvidenceFact, ...]:
    day = risk.due_date.isoformat()
    item = ("work_item", str(risk.item_id), risk.key)
    created_at = from_us(int(known.items.created_us[row]))
    url = str(known.items.urls[row])
    return (
        EvidenceFact(*item, "due_date", day, known.as_of_moment, url),
        EvidenceFact(*item, "created_at", created_at.isoformat(), created_at, url),
    )


def _options(probability: float, drivers: Sequence[Driver]) -> tuple[PreventiveOption, ...]:
    load = next((driver for driver in drivers if driver.code == LOAD_DRIVER and driver.effect > 0), None)
    if load is None:
        return ()
    return (
        PreventiveOption(
            code="RELIEVE_ASSIGNEE",
            title="Take other work off the assignee",
            description="Give what else the assignee has in hand to others, or hand this item over.",
            priority=Priority.MEDIUM,
            probability_after=max(probability - load.effect, 0.0),
            latest_start_h=None,
        ),
    )
