"""Drift of settled claims: of their probabilities, and of the finish dates given with them.

1. An event counts once: by its last forecast that was still early enough to act on (72 h), else by its last.
2. Events of one project whose forecasts and ends overlap share their fate and are one step (`drift_alarm`).
3. Steps of different projects are taken one after the other by their end, as if they had nothing in common.
4. Coverage: whether the P85 date was kept, where the outcome tells (`track_record`).

Do not believe it where all projects of a tenant hang on one event: that is one step more often counted.

Example: ten events that were said to come with .8 and did not, one after the other in two projects: an alarm, TOO_HIGH.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from predictions.calibration.drift_alarm import Drift, Ratios, find_drift, ratios_of_probabilities
from predictions.calibration.track_record import EARLY_ENOUGH_H, SettledClaim, is_scorable, was_kept

WATCHED_QUANTILE = 0.85


@dataclass(frozen=True, slots=True)
class ClaimDrift:
    """One alarm over settled claims, and the moments of its steps.  since, alarmed_at: None without alarm"""

    drift: Drift
    since: datetime | None
    alarmed_at: datetime | None


def drift_of_probabilities(claims: Sequence[SettledClaim]) -> ClaimDrift:
    """Whether the probabilities have ceased to be right, over claims of one type in any order."""
    rows = _one_per_event([claim for claim in claims if claim.occurred is not None])
    return _found(
        rows,
        ratios_of_probabilities([row.probability for row in rows], [bool(row.occurred) for row in rows]),
    )


def drift_of_coverage(claims: Sequence[SettledClaim]) -> ClaimDrift:
    """Whether the P85 dates have ceased to be kept as often, over claims of one type in any order."""
    rows = _one_per_event(
        [claim for claim in claims if claim.occurred is not None and is_scorable(claim, WATCHED_QUANTILE)]
    )
    kept = [was_kept(row, WATCHED_QUANTILE) for row in rows]
    return _found(rows, ratios_of_probabilities([WATCHED_QUANTILE] * len(rows), kept))


def _one_per_event(claims: Sequence[SettledClaim]) -> list[SettledClaim]:
    """For each event its last early forecast, in the order in which groups of overlapping events end."""
    chosen: dict[tuple[str, str], SettledClaim] = {}
    for claim in sorted(claims, key=lambda each: (each.as_of, each.prediction_id)):
        before = chosen.get(claim.event)
        if before is None or _is_early(claim) or not _is_early(before):
            chosen[claim.event] = claim
    groups = _group_ends(list(chosen.values()))
    return sorted(chosen.values(), key=lambda each: (groups[each.event], each.predicted_for, each.event))


def _is_early(claim: SettledClaim) -> bool:
    return (claim.predicted_for - claim.as_of).total_seconds() >= EARLY_ENOUGH_H * 3600


def _group_ends(rows: Sequence[SettledClaim]) -> dict[tuple[str, str], tuple[datetime, str, int]]:
    """For each event its group of overlapping ones within the project, named by when the group ends."""
    found: dict[tuple[str, str], tuple[datetime, str, int]] = {}
    by_project: dict[str, list[SettledClaim]] = {}
    for row in rows:
        by_project.setdefault(row.project_id, []).append(row)
    for project_id, own in by_project.items():
        groups: list[list[SettledClaim]] = []
        end: datetime | None = None
        for row in sorted(own, key=lambda each: (each.as_of, each.event)):
            if end is None or row.as_of >= end:
                groups.append([])
            groups[-1].append(row)
            end = max(each.predicted_for for each in groups[-1])
        for number, group in enumerate(groups):
            name = (max(each.predicted_for for each in group), project_id, number)
            found |= {each.event: name for each in group}
    return found


def _found(rows: Sequence[SettledClaim], ratios: Ratios) -> ClaimDrift:
    names = _group_ends(rows)
    steps = sorted({names[row.event] for row in rows})
    number = {name: index for index, name in enumerate(steps)}
    drift = find_drift(ratios.grouped([number[names[row.event]] for row in rows]))
    return ClaimDrift(
        drift,
        None if drift.since_step is None else steps[drift.since_step][0],
        None if drift.alarm_step is None else steps[drift.alarm_step][0],
    )
