"""The data gate of iterations, beside its own row: whether what is done and estimated can be told."""

import math
from collections.abc import Iterable

from predictions.forecasters.estimates import points_of
from projects.enums import Readiness, TrackedField
from projects.history.project_history import ProjectHistory
from projects.history.readiness import (
    ReadinessReason,
    ReasonCode,
    UnlockStep,
    done_without_date,
    doubtful_share,
    future_dated,
    implausible_dates,
)


def iteration_reasons(known: ProjectHistory, *, ended: int) -> tuple[ReadinessReason, ...]:
    """Why the record at the history's moment cannot carry what iterations deliver; nothing where it can.

    ended: iterations that are over
    """
    checks: Iterable[ReadinessReason | None] = (
        done_without_date(known),
        future_dated(known),
        implausible_dates(known),
        _nothing_delivered(known, ended=ended),
        _estimates_unreadable(known),
    )
    return tuple(reason for reason in checks if reason is not None)


def _nothing_delivered(known: ProjectHistory, *, ended: int) -> ReadinessReason | None:
    """Iterations have ended, and no item was ever done: either nobody works, or the statuses are misread."""
    if not ended or known.finished_us.size:
        return None
    message = f"{ended} iterations have ended, and no item was ever done; look at which statuses count as done."
    return ReadinessReason(
        ReasonCode.TOO_FEW_FINISHED, Readiness.INSUFFICIENT, message, UnlockStep.FINISH_MORE_ITEMS, 0, 1
    )


def _estimates_unreadable(known: ProjectHistory) -> ReadinessReason | None:
    """Estimates that are no numbers count nothing; where they are many, so do the points."""
    texts = [value for value in known.values_of(TrackedField.ESTIMATE_POINTS.value).tolist() if value]
    return doubtful_share(
        doubtful=sum(math.isnan(points_of(text)) for text in texts),
        total=len(texts),
        code=ReasonCode.ESTIMATE_UNREADABLE,
        of="estimates",
        what="are not numbers of zero or more",
        unlock=UnlockStep.ESTIMATE_ITEMS,
    )
