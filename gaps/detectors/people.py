"""What the detectors about people share: their gate, their hash, and rows of evidence. Nobody is named by any of it."""

from collections.abc import Iterable

import numpy as np

from gaps.detectors.detection import DetectionContext
from predictions.forecasters.answers import EvidenceFact, hash_of
from projects.enums import Readiness
from projects.history.columns import Rows
from projects.history.instants import from_us
from projects.history.project_history import ProjectHistory
from projects.history.readiness import ReadinessReason, ReadinessReport, ReasonCode, UnlockStep, report

TARGET_REASONS = frozenset({ReasonCode.NO_TARGET, ReasonCode.TARGET_PASSED})
MAX_EVIDENCE_ITEMS = 5
"""A person opens five items, not fifty; the count of all stands beside them."""
DRAWS = 2_000
"""Of quantities that are uncertain: P = .8 to within .01."""


def record_readiness(context: DetectionContext) -> ReadinessReport:
    """The gate of the finish forecast without what it says about a target: most gaps need none."""
    return report(reason for reason in context.finish.readiness.reasons if reason.code not in TARGET_REASONS)


def not_connected(code: ReasonCode, message: str, unlock: UnlockStep) -> ReadinessReason:
    """A source that is missing and closes a type."""
    return ReadinessReason(code, Readiness.MISCONFIGURED, message, unlock)


def history_too_short(weeks: int, required: int) -> ReadinessReason:
    """Too few weeks on record to know what is usual."""
    message = f"{weeks} complete weeks are on record; {required} are needed to know what is usual."
    return ReadinessReason(
        ReasonCode.HISTORY_TOO_SHORT, Readiness.INSUFFICIENT, message, UnlockStep.WAIT_FOR_HISTORY, weeks, required
    )


def people_hash(context: DetectionContext, subject: str) -> str:
    """SHA-256 over every fact that a gap about people can depend on, and what it is about: 64 hex digits."""
    return hash_of(
        {
            "finish": context.finish.inputs_hash,
            "people": context.known.people_hash,
            "tolerances": repr(context.tolerances),
            "subject": subject,
        }
    )


def item_facts(
    known: ProjectHistory, rows: Rows, *, field: str, values: Iterable[str], at_us: Iterable[int]
) -> tuple[EvidenceFact, ...]:
    """Rows of evidence about work items, at most five, in the order given."""
    chosen = zip(rows.tolist()[:MAX_EVIDENCE_ITEMS], values, at_us, strict=False)
    return tuple(
        EvidenceFact(
            object_type="work_item",
            object_id=str(known.items.ids[row]),
            label=str(known.items.keys[row]),
            field=field,
            value=value,
            observed_at=from_us(int(observed_us)),
            url=str(known.items.urls[row]),
        )
        for row, value, observed_us in chosen
    )


def oldest_first(known: ProjectHistory, rows: Rows) -> Rows:
    """The same items, those created first in front."""
    ordered: Rows = rows[np.argsort(known.items.created_us[rows], kind="stable")]
    return ordered
