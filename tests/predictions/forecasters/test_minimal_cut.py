from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from predictions.forecasters.minimal_cut import CutUnit, least_items, minimal_cut


def units_of(*items: int) -> list[CutUnit]:
    return [CutUnit(f"unit {number}", count) for number, count in enumerate(items)]


def test_two_units_of_the_worked_example_go_and_least_is_lost() -> None:
    assert minimal_cut(units_of(5, 4, 4, 3), 7) == tuple(units_of(5, 4, 4, 3)[i] for i in (0, 3))


def test_items_one_by_one_go_in_the_order_of_preference() -> None:
    assert minimal_cut(units_of(1, 1, 1, 1), 3) == tuple(units_of(1, 1, 1))


def test_nothing_goes_where_nothing_has_to_and_all_is_too_little_where_it_is() -> None:
    assert minimal_cut(units_of(2, 2), 0) == ()
    assert minimal_cut(units_of(2, 2), 5) is None
    assert minimal_cut([], 1) is None


@given(items=st.lists(st.integers(1, 9), max_size=8), needed=st.integers(0, 40))
def test_cut_is_the_smallest_that_brute_force_finds(items: list[int], needed: int) -> None:
    units = units_of(*items)

    found = minimal_cut(units, needed)

    sizes = [
        size
        for size in range(len(units) + 1)
        if any(sum(unit.items for unit in some) >= needed for some in combinations(units, size))
    ]
    if not sizes:
        assert found is None
    else:
        assert found is not None
        assert len(found) == sizes[0]
        assert sum(unit.items for unit in found) >= needed


@given(items=st.lists(st.integers(1, 9), min_size=1, max_size=8), needed=st.integers(1, 40))
def test_no_proper_subset_of_a_cut_is_enough(items: list[int], needed: int) -> None:
    found = minimal_cut(units_of(*items), needed)

    if found is not None:
        assert all(sum(unit.items for unit in found) - left_out.items < needed for left_out in found)


@given(most=st.integers(0, 200), threshold=st.integers(0, 250))
def test_least_number_is_where_it_begins_to_be_enough(most: int, threshold: int) -> None:
    assert least_items(lambda items: items >= threshold, most=most) == (threshold if threshold <= most else None)
