from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from projects.imports.memberships import GroupChange, reconstruct_memberships
from projects.observations import MembershipObservation

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return CREATED + timedelta(days=number)


def stays(*changes: GroupChange, present: tuple[str, ...] = (), whole: bool = True) -> set[MembershipObservation]:
    return set(
        reconstruct_memberships(
            item_id="i", created_at=CREATED, changes=changes, present_ids=present, history_is_whole=whole
        )
    )


def stay(group_id: str, joined_at: datetime | None, left_at: datetime | None = None) -> MembershipObservation:
    return MembershipObservation(item_id="i", group_id=group_id, joined_at=joined_at, left_at=left_at)


def test_group_without_any_change_held_the_item_since_its_creation() -> None:
    assert stays(present=("a",)) == {stay("a", CREATED)}


def test_cut_history_leaves_the_beginning_unknown() -> None:
    found = stays(GroupChange(day(2), left=("a",), joined=("b",)), present=("b", "c"), whole=False)

    assert found == {stay("a", None, day(2)), stay("b", day(2)), stay("c", None)}


def test_item_that_comes_back_has_two_stays() -> None:
    found = stays(
        GroupChange(day(1), left=(), joined=("a",)),
        GroupChange(day(2), left=("a",), joined=()),
        GroupChange(day(3), left=(), joined=("a",)),
        present=("a",),
    )

    assert found == {stay("a", day(1), day(2)), stay("a", day(3))}


def test_change_before_the_creation_moves_the_beginning() -> None:
    found = stays(GroupChange(day(-5), left=("a",), joined=("b",)), present=("b",))

    assert found == {stay("a", day(-5), day(-5)), stay("b", day(-5))}


@given(
    moves=st.lists(
        st.tuples(st.integers(-3, 9), st.sets(st.sampled_from("abc")), st.sets(st.sampled_from("abc"))), max_size=8
    ),
    present=st.sets(st.sampled_from("abcd")),
    whole=st.booleans(),
)
def test_no_stay_ends_before_it_begins_and_none_is_told_twice(
    moves: list[tuple[int, set[str], set[str]]], present: set[str], whole: bool
) -> None:
    changes = [
        GroupChange(day(at), tuple(left - joined), tuple(joined))
        for at, left, joined in sorted(moves, key=lambda move: move[0])
    ]

    found = reconstruct_memberships(
        item_id="i", created_at=CREATED, changes=changes, present_ids=tuple(present), history_is_whole=whole
    )

    assert all(one.joined_at is None or one.left_at is None or one.joined_at <= one.left_at for one in found)
    assert len({(one.group_id, one.joined_at) for one in found}) == len(found)
    assert present <= {one.group_id for one in found}
