from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from gaps.causes.order import LinkedCause, order_of_causes

CODES = "ABCDEF"


@st.composite
def linked_causes(draw: st.DrawFn) -> list[LinkedCause]:
    """Up to six causes that wait for each other in any way, circles and strangers included."""
    codes = CODES[: draw(st.integers(0, len(CODES)))]
    amounts = st.one_of(st.none(), st.floats(-2, 2))
    waits = st.lists(st.sampled_from(CODES + "Z"), max_size=3, unique=True)
    return [LinkedCause(code, draw(amounts), tuple(draw(waits))) for code in codes]


def test_worked_example_begins_with_what_opens_the_largest_part() -> None:
    causes = [
        LinkedCause("LONG_DAYS", 0.5, ("OVERLOAD",)),
        LinkedCause("PEOPLE_LEFT", 0.2),
        LinkedCause("OVERLOAD", 0.1),
    ]

    assert order_of_causes(causes) == ("OVERLOAD", "LONG_DAYS", "PEOPLE_LEFT")


def test_causes_that_wait_for_nothing_come_the_largest_first_and_what_eases_at_the_end() -> None:
    causes = [
        LinkedCause("EASES", -3.0),
        LinkedCause("SMALL", 1.0),
        LinkedCause("UNKNOWN", None),
        LinkedCause("BIG", 2),
    ]

    assert order_of_causes(causes) == ("BIG", "SMALL", "EASES", "UNKNOWN")


def test_a_small_chain_waits_for_a_large_cause() -> None:
    causes = [LinkedCause("LATE", 0.3, ("FIRST",)), LinkedCause("FIRST", 0.0), LinkedCause("ALONE", 0.2)]

    assert order_of_causes(causes) == ("ALONE", "FIRST", "LATE")


def test_a_circle_and_what_waits_for_itself_are_in_the_order_once() -> None:
    causes = [LinkedCause("A", 1.0, ("B",)), LinkedCause("B", 2.0, ("A",)), LinkedCause("C", 0.5, ("C",))]

    assert sorted(order_of_causes(causes)) == ["A", "B", "C"]


@given(linked_causes())
def test_every_cause_is_there_once_and_behind_what_it_waits_for(causes: list[LinkedCause]) -> None:
    order = order_of_causes(causes)

    assert sorted(order) == sorted(cause.code for cause in causes)
    waits = {cause.code: {code for code in cause.depends_on if code in order} for cause in causes}
    for place, code in enumerate(order):
        for before in waits[code] - set(order[:place]):
            assert code in _reached(before, waits), f"{code} came before {before}, which does not wait for it"


@given(linked_causes())
def test_the_order_of_the_same_causes_does_not_depend_on_how_they_come(causes: list[LinkedCause]) -> None:
    distinct = [LinkedCause(one.code, rank + 1.0, ()) for rank, one in enumerate(causes)]

    assert len({order_of_causes(list(turned)) for turned in list(permutations(distinct))[:24]}) == 1


def _reached(code: str, waits: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    queue = [code]
    while queue:
        new = waits.get(queue.pop(), set()) - found
        found |= new
        queue += new
    return found
