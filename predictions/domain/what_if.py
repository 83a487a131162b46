"""Options for a project, answered from its newest forecast: the same trials, played again with something changed.

1. The basis that the newest forecast keeps is played; the record of the work is not loaded.
2. Doing nothing must say what the forecast says, to the last digit. Where it does not (the model has changed since),
   the forecast is out of date and there are no numbers until it is computed anew.
3. Items are named by id. An id that is not an open item of the project is refused, whatever else it may be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from predictions.domain.finish_bases import loaded_basis
from predictions.domain.open_items import (
    ORDER_RULES,
    CountedItems,
    CutBy,
    CutOrder,
    OpenItem,
    find_open_items,
    items_to_drop,
    iterations_to_drop,
    parents_to_drop,
)
from predictions.domain.queries import NOT_YET_RUN, newest_forecast
from predictions.domain.team_size import count_people
from predictions.forecasters.answers import hash_of
from predictions.forecasters.finish import ASSUMPTIONS, FinishQuantile
from predictions.forecasters.finish_basis import FinishBasis
from predictions.forecasters.minimal_cut import CutUnit
from predictions.forecasters.what_if import (
    DO_NOTHING,
    MESSAGES,
    MODEL,
    WITHOUT_VALUE,
    AddCapacity,
    CutAnswer,
    Obstacle,
    Scenario,
    ScenarioOutcome,
    Step,
    WhatIf,
)
from projects.domain.queries.runs import age_reasons
from projects.enums import CARRYING, Readiness
from projects.models import AnalysisRecord, Project

NO_BASIS = {
    "code": "FORECAST_OUTDATED",
    "message": "The newest forecast was made by an earlier version and cannot be played again.",
    "unlock": "Run an analysis.",
}
MAX_ITEMS_SHOWN, MAX_CUT_SHOWN = 100, 500
"""Of an option, and of a cut; how many there are stands beside them."""
UNKNOWN_ITEM = "No open work item of this project has this id."
NAMED_TWICE = "This item is named twice."
UNLOCKS = {
    Obstacle.NO_TARGET: "SET_TARGET_DATE",
    Obstacle.TARGET_PASSED: "SET_TARGET_DATE",
    Obstacle.TEAM_SIZE_UNKNOWN: "GIVE_TEAM_SIZE",
    Obstacle.WIP_UNKNOWN: "IMPORT_CHANGELOG",
}
MISCONFIGURED = frozenset({Obstacle.TARGET_PASSED, Obstacle.NOTHING_LEFT})
OF_THE_TARGET = frozenset({"TARGET_PASSED", "NO_TARGET"})


@dataclass(frozen=True, slots=True)
class AskedOption:
    """One option as it was asked.  items: ids by the position of the step that names them"""

    scenario: Scenario
    items: Mapping[int, tuple[UUID, ...]]


@dataclass(frozen=True, slots=True)
class AskedCut:
    """The smallest cut that is asked for.  keep: items that must stay"""

    before: date
    by: CutBy
    order: CutOrder
    keep: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants to know."""

    options: tuple[AskedOption, ...]
    cut: AskedCut | None


class UnacceptableItems(Exception):
    """Some ids name no open item of the project, or one twice.  places: message by path into the question"""

    def __init__(self, places: Mapping[tuple[str | int, ...], str]) -> None:
        super().__init__("some items cannot be dropped")
        self.places = places


def answer_question(project: Project, question: Question, *, at: datetime) -> dict[str, Any]:
    """Every option as JSON values, doing nothing first.  Raises UnacceptableItems.

    Nine queries at the most, ten where items are copies, whatever the size of the record.
    """
    record = newest_forecast(project)
    as_of = at if record is None else record.as_of
    counted = CountedItems.of(project)
    items = find_open_items(counted, _ids_of(question), as_of=as_of)
    if places := _unacceptable(question, items):
        raise UnacceptableItems(places)
    basis = None if record is None else loaded_basis(project, record.results)
    if record is None or basis is None:
        return _abstention(project, question, record)
    what_if = WhatIf(_with_people(project, basis, question))
    if not repeats_what_was_said(what_if.nothing, record.results):
        return _abstention(project, question, record, outdated=True)
    outcomes = [(what_if.nothing, ()), *_outcomes(what_if, question)]
    moved_on = _moved_on(counted, basis.scope.remaining, at=at)
    # The target is each option's own affair; what else limits the forecast limits all of them.
    limits = [row for row in record.readiness_reasons if row["code"] not in OF_THE_TARGET] + moved_on
    # Its age limits what the answer says of today, not what the options have beside each other.
    since = [*age_reasons(record.as_of, at=at), *moved_on]
    return {
        **_frame(project, record),
        "readiness": Readiness.LIMITED if since and record.readiness == Readiness.OK else record.readiness,
        "readiness_reasons": [*record.readiness_reasons, *since],
        "model": {
            "id": MODEL.id,
            "version": MODEL.version,
            "inputs_hash": hash_of({"forecast": record.inputs_hash, "question": repr(question)}),
        },
        "assumptions": list(ASSUMPTIONS),
        "evidence": record.results.get("evidence", []),
        "options": [_option_row(outcome, limits, [items[id_] for id_ in ids]) for outcome, ids in outcomes],
        "minimal_cut": None if question.cut is None else _cut(counted, what_if, question.cut, as_of=as_of),
    }


def repeats_what_was_said(nothing: ScenarioOutcome, said: Mapping[str, Any]) -> bool:
    """Whether doing nothing is the forecast that was kept: the same dates and probabilities, to the last digit."""
    told = said["quantiles"], said["p_on_time"]
    return (_quantile_rows(nothing.quantiles), _estimate(nothing.p_on_time)) == told


def _with_people(project: Project, basis: FinishBasis, question: Question) -> FinishBasis:
    """The basis with the size of the team, where that is asked for and the history did not tell."""
    steps = [step for option in question.options for step in option.scenario.steps]
    is_needed = any(isinstance(step, AddCapacity) and step.people and not step.team_size for step in steps)
    if not is_needed or basis.flow.people is not None:
        return basis
    return replace(basis, flow=replace(basis.flow, people=count_people(project, as_of=basis.as_of)))


# --- items ---


def _ids_of(question: Question) -> set[UUID]:
    asked = {id_ for option in question.options for ids in option.items.values() for id_ in ids}
    return asked | set(question.cut.keep if question.cut else ())


def _unacceptable(question: Question, items: Mapping[UUID, OpenItem]) -> dict[tuple[str | int, ...], str]:
    places: dict[tuple[str | int, ...], str] = {}
    for number, option in enumerate(question.options):
        seen: set[UUID] = set()
        for step, ids in option.items.items():
            for position, id_ in enumerate(ids):
                place = ("scenarios", number, "steps", step, "items", position)
                if id_ not in items:
                    places[place] = UNKNOWN_ITEM
                elif id_ in seen:
                    places[place] = NAMED_TWICE
                seen.add(id_)
    for position, id_ in enumerate(question.cut.keep if question.cut else ()):
        if id_ not in items:
            places["minimal_cut", "keep", position] = UNKNOWN_ITEM
    return places


def _moved_on(counted: CountedItems, then: int, *, at: datetime) -> list[dict[str, str]]:
    now = counted.open_from(at).count()
    if now == then:
        return []
    message = f"The forecast counted {then} open items; the record holds {now} now."
    return [{"code": "RECORD_MOVED_ON", "message": message, "unlock": "Run an analysis."}]


# --- options ---


def _outcomes(what_if: WhatIf, question: Question) -> list[tuple[ScenarioOutcome, tuple[UUID, ...]]]:
    return [
        (what_if.outcome(option.scenario), tuple(id_ for ids in option.items.values() for id_ in ids))
        for option in question.options
    ]


def _option_row(
    outcome: ScenarioOutcome, limits: Sequence[Mapping[str, str]], items: Sequence[OpenItem]
) -> dict[str, Any]:
    has_value = not WITHOUT_VALUE & set(outcome.obstacles)
    change, cycle = outcome.change, outcome.cycle_time
    return {
        "name": outcome.scenario.name,
        "steps": [_step_row(step) for step in outcome.scenario.steps],
        "readiness": _option_readiness(outcome.obstacles, is_limited=bool(limits)),
        "readiness_reasons": [
            *limits,
            *(
                {"code": str(obstacle), "message": MESSAGES[obstacle], "unlock": UNLOCKS.get(obstacle, "")}
                for obstacle in outcome.obstacles
            ),
        ],
        "target_date": outcome.target_date,
        "promised_items": outcome.promised_items if has_value else None,
        "p_on_time": _estimate(outcome.p_on_time),
        "change_of_p_on_time": None
        if change is None
        else {"value": change.value, "low": change.low, "high": change.high},
        "quantiles": _quantile_rows(outcome.quantiles),
        "days_saved_p85": outcome.days_saved_p85,
        "quantiles_of_everything": _quantile_rows(outcome.everything),
        "cycle_time": None
        if cycle is None
        else {
            "now_days": cycle.now_days,
            "then_days": cycle.then_days,
            "in_progress": cycle.in_progress,
            "limit": cycle.limit,
        },
        "assumptions": list(outcome.assumptions[len(ASSUMPTIONS) :]),
        "evidence": [_item_row(item) for item in items[:MAX_ITEMS_SHOWN]],
        "evidence_count": len(items),
    }


def _option_readiness(obstacles: Sequence[Obstacle], *, is_limited: bool) -> Readiness:
    if MISCONFIGURED & set(obstacles):
        return Readiness.MISCONFIGURED
    if WITHOUT_VALUE & set(obstacles):
        return Readiness.INSUFFICIENT
    return Readiness.LIMITED if obstacles or is_limited else Readiness.OK


def _step_row(step: Step) -> dict[str, Any]:
    values = {name: getattr(step, name) for name in step.__slots__}
    return {"kind": type(step).__name__, **{name: value for name, value in values.items() if value is not None}}


# --- the cut ---


def _cut(counted: CountedItems, what_if: WhatIf, asked: AskedCut, *, as_of: datetime) -> dict[str, Any]:
    keep = set(asked.keep)
    names: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    if asked.by == CutBy.ITEM:
        found = what_if.cut_items(asked.before, candidates=what_if.basis.scope.remaining - len(keep))
        shown = min(found.items, MAX_CUT_SHOWN)
        if shown:
            dropped = items_to_drop(counted, keep=keep, order=asked.order, count=shown, as_of=as_of)
            rows = [{**_item_row(item), "items": 1} for item in dropped]
    else:
        units, names = _units(counted, asked.by, keep=keep, as_of=as_of)
        found = what_if.cut_units(asked.before, units)
        rows = [
            {"object_type": str(asked.by).lower(), **_unit_row(unit, names)} for unit in found.units[:MAX_CUT_SHOWN]
        ]
    return {
        "before": asked.before,
        "by": asked.by,
        "order": asked.order,
        "rule": ORDER_RULES[asked.order] if asked.by == CutBy.ITEM else "The fewest that suffice, then the smallest.",
        "kept_items": len(keep),
        "p85_now": found.p85_now,
        **_cut_numbers(found, asked.by),
        "cut": rows,
        "proof": _proof(found),
        "readiness": Readiness.OK if found.obstacle is None else Readiness.LIMITED,
        "readiness_reasons": []
        if found.obstacle is None
        else [{"code": str(found.obstacle), "message": MESSAGES[found.obstacle], "unlock": ""}],
    }


def _cut_numbers(found: CutAnswer, by: CutBy) -> dict[str, Any]:
    suffices = found.needed_items is not None and found.obstacle is None
    return {
        "needed_items": found.needed_items,
        "cut_count": (found.items if by == CutBy.ITEM else len(found.units)) if suffices else None,
        "cut_items": found.items if suffices else None,
        "p85_after": found.p85_after,
        "p85_with_one_item_less": found.p85_with_one_less,
    }


def _proof(found: CutAnswer) -> str:
    if found.needed_items is None:
        return ""
    if found.needed_items == 0:
        return "P85 is by then already: nothing has to go."
    less = "a day more than ten years away" if found.p85_with_one_less is None else str(found.p85_with_one_less)
    return (
        f"The forecast counts items. With {found.needed_items} fewer P85 is by then; with {found.needed_items - 1} "
        f"fewer it is {less}. So no proper subset of the cut is enough."
    )


def _units(
    counted: CountedItems, by: CutBy, *, keep: set[UUID], as_of: datetime
) -> tuple[list[CutUnit], dict[str, str]]:
    if by == CutBy.PARENT:
        return parents_to_drop(counted, keep=keep, as_of=as_of), {}
    return iterations_to_drop(counted, keep=keep, as_of=as_of)


def _unit_row(unit: CutUnit, names: Mapping[str, str]) -> dict[str, Any]:
    is_named = unit.id in names
    return {
        "object_id": unit.id if is_named else "",
        "object_key": names.get(unit.id, unit.id),
        "url": "",
        "items": unit.items,
    }


def _item_row(item: OpenItem) -> dict[str, Any]:
    return {"object_type": "work_item", "object_id": str(item.id), "object_key": item.key, "url": item.url}


# --- the frame ---


def _abstention(
    project: Project, question: Question, record: AnalysisRecord | None, *, outdated: bool = False
) -> dict[str, Any]:
    """The same answer without a number: the forecast has none, or cannot be played again."""
    if record is None:
        readiness, reasons = str(Readiness.INSUFFICIENT), [NOT_YET_RUN]
    elif outdated or record.readiness in CARRYING:
        readiness, reasons = str(Readiness.STALE), [NO_BASIS]
    else:
        readiness, reasons = record.readiness, record.readiness_reasons
    scenarios = [DO_NOTHING, *(option.scenario for option in question.options)]
    nothing = [
        {**_option_row(ScenarioOutcome(scenario, None, 0), (), ()), "promised_items": None} for scenario in scenarios
    ]
    return {
        **_frame(project, record),
        "readiness": readiness,
        "readiness_reasons": reasons,
        "model": None,
        "assumptions": [],
        "evidence": [],
        "options": [{**row, "readiness": readiness, "readiness_reasons": reasons} for row in nothing],
        "minimal_cut": None,
    }


def _frame(project: Project, record: AnalysisRecord | None) -> dict[str, Any]:
    return {
        "project": project.pk,
        "forecast": None if record is None else record.pk,
        "as_of": None if record is None else record.as_of,
        "computed_at": None if record is None else record.created_at,
    }


def _estimate(estimate: Any) -> dict[str, float] | None:
    return None if estimate is None else {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _quantile_rows(quantiles: Sequence[FinishQuantile]) -> list[dict[str, Any]]:
    return [
        {"p": quantile.probability, "value": quantile.finish_date.isoformat() if quantile.finish_date else None}
        for quantile in quantiles
    ]
