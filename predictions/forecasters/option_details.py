"""What taking an option up means: its steps, the work it asks for, and who could take it; one row for a code.

Hours are of all people together, starting values for a team of five to nine: what it takes to bring the action about,
not the work that it moves. What they cost follows from the record (predictions.forecasters.labour_cost).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from predictions.forecasters.prevention import ADDED_CAPACITY_SHARE
from tenants.enums import Role


@dataclass(frozen=True, slots=True)
class OptionDetails:
    """steps: in their order;  effort_h: of all people together, None where nobody can say

    joining_share, joining_people: by how much the team grows if it is taken up, of itself or in heads
    """

    steps: tuple[str, ...] = ()
    effort_h: float | None = None
    owner_role: Role | None = None
    joining_share: float = 0.0
    joining_people: float = 0.0


UNKNOWN_OPTION = OptionDetails()
OPTION_DETAILS: Mapping[str, OptionDetails] = {
    "LEAVE_OUT_SCOPE": OptionDetails(
        (
            "List the open items that nobody needs on the target date.",
            "Agree on the list with the sponsor.",
            "Move the items behind the date, and approve the change of scope.",
        ),
        8.0,
        Role.PROJECT_MANAGER,
    ),
    "ADD_CAPACITY": OptionDetails(
        (
            "Say which skills the open work asks for.",
            "Find people who have them, and free them from other duties.",
            "Enter their capacity, and plan their first two iterations with somebody at their side.",
        ),
        80.0,
        Role.PROJECT_MANAGER,
        joining_share=ADDED_CAPACITY_SHARE,
    ),
    "ADD_PERSON": OptionDetails(
        (
            "Say which part of the work waits for hands.",
            "Agree with the line on one more person, from a day on.",
            "Enter the capacity, and plan a first task with somebody at their side.",
        ),
        40.0,
        Role.PROJECT_MANAGER,
        joining_people=1.0,
    ),
    "SPEND_LESS": OptionDetails(
        (
            "Look through the dearest recurring costs with whoever pays them.",
            "End or shrink those that the open work does not need.",
            "Check the next month's costs against what was agreed.",
        ),
        12.0,
        Role.PROJECT_MANAGER,
    ),
    "MOVE_ABSENCES": OptionDetails(
        (
            "Show the team the weeks that are short.",
            "Ask who can move an absence, without pressing anybody.",
            "Enter the agreed days in the capacity calendar.",
        ),
        4.0,
        Role.TEAM_LEADER,
    ),
    "PUT_WORK_BACK": OptionDetails(
        (
            "Choose, with the team, the items in progress that can wait.",
            "Put them back and tell those who wait for them.",
            "Take nothing new up until the count is down.",
        ),
        4.0,
        Role.TEAM_LEADER,
    ),
    "QUIET_EVENINGS": OptionDetails(
        (
            "Agree with the team on hours in which nobody is expected to answer.",
            "Move what runs in the evening by habit into the day.",
            "Look at the weekly share again after three weeks.",
        ),
        3.0,
        Role.TEAM_LEADER,
    ),
    "REDUCE_WORK_IN_PROGRESS": OptionDetails(
        (
            "Agree on a limit of items in progress, a fifth below what there is.",
            "Finish what is begun before anything new is taken up.",
            "Look at the count in each stand-up.",
        ),
        4.0,
        Role.TEAM_LEADER,
    ),
    "BUG_FIX_BUDGET": OptionDetails(
        (
            "Rank the open bugs by whom they stop.",
            "Reserve a fixed share of each week for them.",
            "Close what nobody will ever mend, with a reason.",
        ),
        40.0,
        Role.TEAM_LEADER,
    ),
    "TAKE_OUT_AS_MUCH": OptionDetails(
        (
            "For each item that comes in, name equal work that can leave.",
            "Let the sponsor decide on the pair.",
            "Move the chosen item out in the same meeting.",
        ),
        6.0,
        Role.PROJECT_MANAGER,
    ),
    "CHANGE_CONTROL": OptionDetails(
        (
            "Name one person who approves or declines additions.",
            "Let nothing into the plan without that word.",
            "Record what is approved as a change of scope.",
        ),
        6.0,
        Role.PROJECT_MANAGER,
    ),
}
"""By the code of the option, which the forecasters and detectors share."""


def details_of(code: str) -> OptionDetails:
    """What taking up an option means; nothing for a code that has no row."""
    return OPTION_DETAILS.get(code, UNKNOWN_OPTION)
