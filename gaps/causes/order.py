"""In which order to deal with the causes of a gap that depend on each other, for most effect.

1. A cause that waits for others comes after them: what it explains comes back while they are there.
2. The chain of a cause is the cause with all it waits for, directly or by way of others, that is not dealt with yet.
3. The chain with the largest mean contribution per cause is begun; then all that is left is asked again. Ties go to
   the larger contribution, then to the order given.
4. A cause of which no contribution is known, or that eases the gap, counts as nothing: it comes at the end, unless
   another one waits for it.

Assumes that causes take alike effort to deal with; what is cheap may well come first. What waits for itself by way of
others waits for nothing: a circle says nothing about who comes first.

Example: LONG_DAYS .5 waits for OVERLOAD .1, PEOPLE_LEFT is .2. The chain of LONG_DAYS is worth .3 a cause, so the
order is OVERLOAD, LONG_DAYS, PEOPLE_LEFT.
Source: the mean per cause is Sidney's ratio (1975), Operations Research 23(2), 283-298.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkedCause:
    """A cause among others of its gap.

    code: its name within the gap;  contribution: share or amount, the same unit for all; None where unknown
    depends_on: codes of causes to deal with first; one that is not there counts as dealt with
    """

    code: str
    contribution: float | None
    depends_on: tuple[str, ...] = ()

    @property
    def worth(self) -> float:
        """What is won by dealing with it, at least 0."""
        return max(self.contribution or 0.0, 0.0)


def order_of_causes(causes: Sequence[LinkedCause]) -> tuple[str, ...]:
    """Every code once, what to deal with first in front.  causes: with different codes"""
    left = {cause.code: cause for cause in causes}
    rank = {code: place for place, code in enumerate(left)}
    order: list[str] = []
    while left:
        chains = [_chain(code, left) for code in left]
        best = max(chains, key=lambda chain: (_mean_worth(chain, left), left[chain[-1]].worth, -rank[chain[-1]]))
        order.append(best[0])
        del left[best[0]]
    return tuple(order)


def _chain(code: str, left: Mapping[str, LinkedCause]) -> tuple[str, ...]:
    """The cause behind everything it waits for: each after what it waits for, but for circles."""
    chain: list[str] = []
    seen: set[str] = set()

    def visit(one: str) -> None:
        if one in seen or one not in left:
            return
        seen.add(one)
        for before in sorted(left[one].depends_on, key=lambda code: -left[code].worth if code in left else 0.0):
            visit(before)
        chain.append(one)

    visit(code)
    return tuple(chain)


def _mean_worth(chain: Sequence[str], left: Mapping[str, LinkedCause]) -> float:
    return sum(left[code].worth for code in chain) / len(chain)
