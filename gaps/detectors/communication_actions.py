"""What can be done about waits, answers that do not come and meetings that fell out."""

from gaps.detectors.finding import CorrectiveActionFinding, Measure
from predictions.enums import Priority
from tenants.enums import Role


def response_actions(current: Measure, target: Measure) -> tuple[CorrectiveActionFinding, ...]:
    """Against long waits for an answer."""
    return (
        CorrectiveActionFinding(
            code="REVIEW_FIRST",
            title="Answer waiting reviews before new work is begun",
            description="A fixed hour a day in which everybody answers; an agreed limit after which a second is asked.",
            priority=Priority.HIGH,
            steps=(
                "Agree on the limit with the team.",
                "Set an hour a day for answers.",
                "Bring in a second reviewer at the limit.",
                "Look at the P85 after two weeks.",
            ),
            effort_h=4.0,
            owner_role=Role.TEAM_LEADER,
            expected_effect=f"P85 until an answer back from {current.value:.1f} to {target.value:.1f} working days",
        ),
        CorrectiveActionFinding(
            code="SHARE_ANSWERING",
            title="Let more people answer",
            description="Name a second who may review each area, so that nothing waits for one person.",
            priority=Priority.MEDIUM,
            steps=("List who reviews what.", "Name a second for each area.", "Pair on the first reviews."),
            effort_h=8.0,
            owner_role=Role.TEAM_LEADER,
            expected_effect="No area waits for a single contributor",
        ),
    )


def unanswered_actions(current: Measure, target: Measure) -> tuple[CorrectiveActionFinding, ...]:
    """Against questions that nobody answers."""
    return (
        CorrectiveActionFinding(
            code="NAME_ANSWERERS",
            title="Give each overdue question an owner and a day",
            description="Go through the list of evidence; close what is no longer asked.",
            priority=Priority.HIGH,
            steps=("Close what nobody needs.", "Name an owner for each.", "Set a day; escalate when it passes."),
            effort_h=2.0,
            owner_role=Role.PROJECT_MANAGER,
            expected_effect=f"No wait above {target.value:.0f} working days; the mean is {current.value:.1f}",
        ),
    )


def missed_actions(current: Measure, target: Measure) -> tuple[CorrectiveActionFinding, ...]:
    """Against meetings that fell out."""
    return (
        CorrectiveActionFinding(
            code="HOLD_OR_END_MEETING",
            title="Hold the next meeting, or end it by decision",
            description="A meeting that fell out unnoticed helped nobody; one that is missed is worth a slot.",
            priority=Priority.MEDIUM,
            steps=("Ask the team whether it is missed.", "Move it to a slot that works, or end it."),
            effort_h=1.0,
            owner_role=Role.TEAM_LEADER,
            expected_effect=f"At most {target.value:.0f} missing in a row, {current.value:.0f} now",
        ),
    )
