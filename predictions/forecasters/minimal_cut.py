"""The fewest units of work that must go so that the rest is done in time, and the proof that none of them may stay.

1. The finish forecast counts items: whether the rest is done in time depends on how many items go, not on which, and
   more of them gone is never worse. So there is a number of items that is just enough; bisection finds it.
2. Items by themselves: the first so many by the order of preference, which the caller states.
3. Units of several items (epics, iterations): the largest first until it is enough, so that no smaller number of units
   could do it; then the last one is exchanged for the smallest that still suffices, so that least is lost.
4. Minimal: without the largest units but one it was not enough, so no proper subset of the chosen works either.

Example: 7 items are too many; units of 5, 4, 4 and 3 items: 5 + 4 would do, and so do 5 + 3: those two go.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CutUnit:
    """Something that is kept or dropped as a whole.  items: open items in it, at least 1"""

    id: str
    items: int


def least_items(is_enough: Callable[[int], bool], *, most: int) -> int | None:
    """The smallest number of items that is enough, in [0, most]; None where even the most is not.

    is_enough: false up to some number and true from it on
    """
    if not is_enough(most):
        return None
    low, high = -1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def minimal_cut(units: Sequence[CutUnit], needed_items: int) -> tuple[CutUnit, ...] | None:
    """The fewest units that hold so many items, those preferred first among equals; None where all hold fewer.

    units: the one to drop first stands first
    """
    chosen: list[CutUnit] = []
    held = 0
    for unit in sorted(units, key=lambda unit: -unit.items):  # stable: the order of preference stays among equals
        if held >= needed_items:
            break
        chosen.append(unit)
        held += unit.items
    if held < needed_items:
        return None
    if chosen:
        rest = needed_items - (held - chosen[-1].items)
        taken = {unit.id for unit in chosen[:-1]}
        enough = [unit for unit in units if unit.id not in taken and unit.items >= rest]
        chosen[-1] = min(enough, key=lambda unit: unit.items)
    order = {unit.id: place for place, unit in enumerate(units)}
    return tuple(sorted(chosen, key=lambda unit: order[unit.id]))
