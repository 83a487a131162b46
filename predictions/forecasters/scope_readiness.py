"""The data gate of the scope: whether the record can carry how fast it grows, why not, and what would unlock it."""

from collections.abc import Iterable
from dataclasses import replace

from predictions.forecasters.scope_growth import ScopeGrowth
from projects.enums import Readiness
from projects.history.project_history import ProjectHistory
from projects.history.readiness import (
    GOOD_WEEKS,
    LIMITED_SHARE,
    MIN_WEEKS,
    ReadinessReason,
    ReadinessReport,
    ReasonCode,
    UnlockStep,
    arrival_reasons,
    doubtful_share,
    report,
)


def scope_readiness(known: ProjectHistory, growth: ScopeGrowth | None) -> ReadinessReport:
    """Whether plan and items at the history's moment can carry a rate of growth and a distance to the threshold."""
    return report(_reasons(known, growth))


def _reasons(known: ProjectHistory, growth: ScopeGrowth | None) -> Iterable[ReadinessReason]:
    yield from arrival_reasons(known)
    if growth is None:
        message = "No scope is approved, so nothing says what has been added to it."
        yield _wrong(ReasonCode.NO_BASELINE, message, UnlockStep.APPROVE_BASELINE)
        return
    if not bool(known.states.open.any()):
        message = "Every work item is done or gone; nobody is working towards this scope."
        yield _wrong(ReasonCode.NOTHING_REMAINING, message, UnlockStep.ADD_REMAINING_WORK)
    yield from _distance(growth)
    yield from _span(growth)
    yield from _bulk(growth)


def _distance(growth: ScopeGrowth) -> Iterable[ReadinessReason]:
    approved = growth.approved_items
    if growth.growth_items >= growth.threshold_items:
        message = (
            f"The scope already holds {growth.growth_items} items more than the {approved} approved; "
            "what has happened is not forecast."
        )
        yield _wrong(ReasonCode.SCOPE_GROWN, message, UnlockStep.APPROVE_OR_CUT_SCOPE)
    missing = -growth.growth_items / approved
    if missing > LIMITED_SHARE:
        message = f"{-growth.growth_items} of the {approved} approved items are not in the record yet."
        code, unlock = ReasonCode.SCOPE_NOT_ENTERED, UnlockStep.ENTER_PLANNED_SCOPE
        yield ReadinessReason(code, Readiness.LIMITED, message, unlock, missing, LIMITED_SHARE)


def _span(growth: ScopeGrowth) -> Iterable[ReadinessReason]:
    if growth.weeks >= GOOD_WEEKS:
        return
    is_too_short = growth.weeks < MIN_WEEKS
    level, required = (Readiness.INSUFFICIENT, MIN_WEEKS) if is_too_short else (Readiness.LIMITED, GOOD_WEEKS)
    message = f"A scope has been approved for {growth.weeks:.1f} weeks; {required} are needed."
    unlock = UnlockStep.WAIT_FOR_HISTORY
    yield ReadinessReason(ReasonCode.HISTORY_TOO_SHORT, level, message, unlock, growth.weeks, required)


def _bulk(growth: ScopeGrowth) -> Iterable[ReadinessReason]:
    """A batch beside what came singly is worth a word; one that is most of it, and large enough for creep, decides."""
    reason = doubtful_share(
        doubtful=growth.bulk_items,
        total=growth.bulk_items + int(growth.added.sum()),
        code=ReasonCode.CREATED_IN_BULK,
        what="that came in since the plan were created in one go, and are not counted as growth",
        unlock=UnlockStep.APPROVE_BASELINE,
    )
    if reason is not None:
        yield reason if growth.bulk_items >= growth.threshold_items else replace(reason, readiness=Readiness.LIMITED)


def _wrong(code: ReasonCode, message: str, unlock: UnlockStep) -> ReadinessReason:
    return ReadinessReason(code, Readiness.MISCONFIGURED, message, unlock)
