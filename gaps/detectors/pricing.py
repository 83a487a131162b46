"""What taking up the suggested actions of a finding costs, by what an hour of the project's people costs on average."""

from dataclasses import replace

from gaps.detectors.detection import DetectionContext
from gaps.detectors.finding import CorrectiveActionFinding, Finding
from predictions.forecasters.labour_cost import LabourCost, option_cost
from predictions.forecasters.option_details import details_of
from projects.history.instants import MICROSECONDS_PER_WEEK


def weeks_to_target(context: DetectionContext) -> float | None:
    """Weeks until the end of the target day, negative after it; None where no date is promised."""
    target = context.finish.target_date
    if target is None:
        return None
    return (context.calendar.end_of_day_us(target) - context.known.known_at_us) / MICROSECONDS_PER_WEEK


def priced(finding: Finding, *, labour: LabourCost | None, weeks_left: float | None) -> Finding:
    """The finding with what each action costs that has hours.  weeks_left: people who join by one stay so long"""
    if labour is None:
        return finding

    def cost_of(action: CorrectiveActionFinding) -> CorrectiveActionFinding:
        effort_h = details_of(action.code).effort_h if action.effort_h is None else action.effort_h
        cost = option_cost(action.code, effort_h=effort_h, labour=labour, weeks_left=weeks_left)
        return replace(action, cost=cost)

    return replace(finding, corrective_actions=tuple(cost_of(action) for action in finding.corrective_actions))
