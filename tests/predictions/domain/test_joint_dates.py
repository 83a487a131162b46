"""Which projects belong together: by the people who carry open work of several."""

from __future__ import annotations

from uuid import UUID

from predictions.domain.joint_dates import MOST_TOGETHER, Tie, groups_of


def _tie(first: int, second: int, share: float) -> Tie:
    return Tie(UUID(int=first), UUID(int=second), share, frozenset({UUID(int=99)}))


def test_ties_are_followed_from_project_to_project() -> None:
    assert groups_of([_tie(1, 2, 0.9), _tie(4, 5, 0.6), _tie(2, 3, 0.5)]) == [
        (UUID(int=1), UUID(int=2), UUID(int=3)),
        (UUID(int=4), UUID(int=5)),
    ]


def test_no_group_is_too_large_to_be_read_and_the_weakest_tie_is_cut() -> None:
    chain = [_tie(number, number + 1, 1 - number / 100) for number in range(1, 3 * MOST_TOGETHER)]

    groups = groups_of(chain)

    assert [len(group) for group in groups] == [MOST_TOGETHER] * 3


def test_nobody_shared_is_no_group() -> None:
    assert groups_of([]) == []
