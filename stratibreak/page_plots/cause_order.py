"""Which cause of a gap waits for which, in the order in which to deal with them."""

from __future__ import annotations

from collections.abc import Sequence

from gaps.gap_answer import Cause
from stratibreak.plots.figure import Figure
from stratibreak.plots.order import Step, order_figure

TITLE = "Which cause waits for which"


def cause_order_plot(order: Sequence[Cause]) -> Figure:
    """The plot of causes in their order, at least one."""
    waiting = sum(bool(cause.after) for cause in order)
    waits = "1 waits" if waiting == 1 else f"{waiting} wait"
    first = order[0].description.rstrip(".")
    return order_figure(
        "cause-order",
        title=TITLE,
        summary=f"Of {len(order)} causes to deal with {waits} for others. Begin with: {first}.",
        steps=[Step(cause.description, cause.contribution, cause.after) for cause in order],
        value_name="Part of the gap",
    )
