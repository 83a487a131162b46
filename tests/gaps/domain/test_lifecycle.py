"""Moves of a gap: the table, who and why, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from gaps.domain.lifecycle import (
    MOVES,
    GapTransitionRefused,
    can_move_gap,
    close_gap,
    pause_gap,
    reopen_gap,
    resolve_gap,
    start_gap,
)
from gaps.enums import GapStatus, TransitionKind
from gaps.models import Gap, GapTransition
from predictions.enums import Severity
from tenants.isolation.transaction import tenant_context
from tests.factories.gaps import IDENTIFIED_AT, GapFactory
from tests.factories.look_alike import LookAlike
from tests.factories.tenants import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]

LATER = IDENTIFIED_AT + timedelta(days=3)
FUNCTIONS: dict[TransitionKind, Callable[..., Gap]] = {
    TransitionKind.STARTED: start_gap,
    TransitionKind.PAUSED: pause_gap,
    TransitionKind.RESOLVED: resolve_gap,
    TransitionKind.CLOSED: close_gap,
    TransitionKind.REOPENED: reopen_gap,
}
INSTANTS: dict[GapStatus, dict[str, Any]] = {
    GapStatus.RESOLVED: {"resolved_at": IDENTIFIED_AT},
    GapStatus.CLOSED: {"closed_at": IDENTIFIED_AT},
}


def _gap(status: GapStatus) -> Gap:
    return GapFactory.create(status=status, **INSTANTS.get(status, {}))


def test_every_move_has_a_function() -> None:
    assert set(FUNCTIONS) == set(MOVES)


@pytest.mark.parametrize("status", GapStatus)
@pytest.mark.parametrize("kind", MOVES)
def test_move_follows_the_table(kind: TransitionKind, status: GapStatus) -> None:
    gap = _gap(status)
    allowed = status in MOVES[kind].sources

    assert can_move_gap(gap=gap, kind=kind) is allowed
    if allowed:
        FUNCTIONS[kind](gap=gap, by=None, at=LATER, note="Because.")
        assert Gap.objects.get(pk=gap.pk).status == MOVES[kind].target
    else:
        with pytest.raises(GapTransitionRefused) as refusal:
            FUNCTIONS[kind](gap=gap, by=None, at=LATER, note="Because.")
        assert refusal.value.field == "kind"
        assert Gap.objects.get(pk=gap.pk).status == status
        assert not GapTransition.objects.exists()


def test_move_keeps_who_when_and_why() -> None:
    gap = GapFactory.create(status=GapStatus.IN_PROGRESS)
    user = UserFactory.create()

    resolve_gap(gap=gap, by=user, at=LATER, note="The scope was cut.")

    transition = GapTransition.objects.get()
    assert (transition.kind, transition.from_status, transition.to_status) == (
        TransitionKind.RESOLVED,
        GapStatus.IN_PROGRESS,
        GapStatus.RESOLVED,
    )
    assert (transition.from_severity, transition.to_severity) == (Severity.HIGH, Severity.HIGH)
    assert (transition.actor_id, transition.at, transition.note) == (user.pk, LATER, "The scope was cut.")
    assert gap.resolved_at == LATER


def test_gap_that_is_still_there_is_not_closed_without_a_reason() -> None:
    gap = GapFactory.create()

    with pytest.raises(GapTransitionRefused) as refusal:
        close_gap(gap=gap, by=None, at=LATER, note="  ")

    assert refusal.value.field == "note"
    assert Gap.objects.get().status == GapStatus.OPEN


@pytest.mark.parametrize(
    ("kind", "status"),
    [(TransitionKind.RESOLVED, GapStatus.OPEN), (TransitionKind.REOPENED, GapStatus.RESOLVED)],
)
def test_nobody_says_that_a_gap_is_gone_or_back_without_saying_why(kind: TransitionKind, status: GapStatus) -> None:
    gap = _gap(status)

    with pytest.raises(GapTransitionRefused) as refusal:
        FUNCTIONS[kind](gap=gap, by=UserFactory.create(), at=LATER, note=" ")

    assert refusal.value.field == "note"
    assert (Gap.objects.get().status, GapTransition.objects.count()) == (status, 0)


def test_reopened_gap_has_neither_resolution_nor_closing() -> None:
    gap = _gap(GapStatus.RESOLVED)
    close_gap(gap=gap, by=None, at=LATER, note="")

    reopen_gap(gap=gap, by=None, at=LATER, note="It came back.")

    assert (gap.status, gap.resolved_at, gap.closed_at) == (GapStatus.OPEN, None, None)


def test_move_decides_on_the_stored_state_not_on_a_stale_copy() -> None:
    gap = GapFactory.create()
    stale = Gap.objects.get(pk=gap.pk)
    resolve_gap(gap=gap, by=None, at=LATER, note="Gone.")

    with pytest.raises(GapTransitionRefused):
        resolve_gap(gap=stale, by=None, at=LATER, note="Gone, too.")

    assert GapTransition.objects.count() == 1


def test_gap_of_another_tenant_cannot_be_moved(theirs: LookAlike) -> None:
    foreign = cast("Gap", theirs.rows[Gap])

    with pytest.raises(Gap.DoesNotExist):
        resolve_gap(gap=foreign, by=None, at=LATER, note="Mine now.")

    with tenant_context(theirs.tenant.pk):
        assert Gap.objects.get(pk=foreign.pk).status == GapStatus.OPEN
