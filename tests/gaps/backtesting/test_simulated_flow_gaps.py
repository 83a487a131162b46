"""Planted gaps are found, and healthy twins left alone: a short form of the two hundred seeds a type."""

from functools import cache

import pytest

from gaps.backtesting.simulated_flow_gaps import AS_OF, PLANTED_TYPES, TARGET, VARIANTS, simulate
from gaps.detectors.detection import Detection, DetectionContext
from gaps.detectors.registry import DETECTORS
from gaps.enums import GapType
from predictions.forecasters.finish import forecast_finish
from projects.history import ProjectHistory
from projects.history.calendar import WorkCalendar

SEEDS = 30


@cache
def _found(gap_type: GapType, seed: int, *, planted: bool) -> tuple[Detection, ...]:
    """What every detector that answers finds."""
    history, calendar = ProjectHistory.from_facts(simulate(gap_type, seed, planted=planted)), WorkCalendar()
    known = history.as_of(AS_OF)
    finish = forecast_finish(known, as_of=AS_OF, target_date=TARGET, calendar=calendar, trials=400)
    context = DetectionContext(known, calendar, finish)
    return tuple(detection for detect in DETECTORS.values() for detection in detect(context) if detection.finding)


@pytest.mark.parametrize("gap_type", PLANTED_TYPES)
def test_planted_gap_is_found(gap_type: GapType) -> None:
    hits = sum(
        any(detection.type == gap_type for detection in _found(gap_type, seed, planted=True)) for seed in range(SEEDS)
    )

    assert hits / SEEDS >= 0.9


def test_healthy_projects_have_no_gap() -> None:
    found = [
        (gap_type, seed, detection.type, detection.subject)
        for gap_type in PLANTED_TYPES
        for seed in range(SEEDS)
        for detection in _found(gap_type, seed, planted=False)
    ]

    assert len(found) / (SEEDS * len(PLANTED_TYPES)) <= 0.05, found


def test_same_seed_is_the_same_project_and_the_gap_changes_the_end_only() -> None:
    planted, again = (simulate(GapType.TECHNOLOGY, 3, planted=True) for _ in range(2))
    healthy = simulate(GapType.TECHNOLOGY, 3, planted=False)

    assert planted == again
    assert planted != healthy


def test_type_without_a_variant_is_refused() -> None:
    assert set(VARIANTS) == set(PLANTED_TYPES)
    with pytest.raises(ValueError, match="SKILL"):
        simulate(GapType.SKILL, 1, planted=True)
