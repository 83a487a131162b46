"""The chain shows every row that was changed, dropped or slipped in."""

from __future__ import annotations

from typing import Any

import pytest

from predictions.domain.ledger import broken_links, chain_prediction, content_hash, newest_hash
from predictions.models import Prediction
from projects.models import Project
from tests.factories.predictions import PredictionFactory
from tests.factories.projects import ProjectFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tenant")]


def _chain(project: Project, *, length: int) -> list[Prediction]:
    for _ in range(length):
        prediction = PredictionFactory.build(project=project, drivers=[{"code": "x", "text": "x", "effect": -0.0}])
        chain_prediction(prediction, previous_hash=newest_hash(project_id=project.pk))
        prediction.save()
    return list(Prediction.objects.filter(project=project).order_by("id"))


def test_stored_rows_match_their_hashes() -> None:
    rows = _chain(ProjectFactory.create(), length=3)

    assert [row.previous_hash for row in rows] == ["", rows[0].row_hash, rows[1].row_hash]
    assert broken_links(rows) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("probability", 0.71),
        ("is_alert", False),
        ("event", {"claim": "Something else."}),
        ("as_of", None),
        ("previous_hash", ""),
    ],
)
def test_changed_row_is_found(field: str, value: Any) -> None:
    rows = _chain(ProjectFactory.create(), length=3)
    setattr(rows[1], field, value)

    assert broken_links(rows) == [rows[1].pk]


def test_dropped_row_is_found_by_the_next_one() -> None:
    rows = _chain(ProjectFactory.create(), length=3)

    assert broken_links([rows[0], rows[2]]) == [rows[2].pk]


def test_rows_outside_the_chain_are_passed_over() -> None:
    project = ProjectFactory.create()
    rows = _chain(project, length=1)

    assert broken_links([*rows, PredictionFactory.create(project=project)]) == []


def test_chains_of_projects_are_independent() -> None:
    first, second = (_chain(ProjectFactory.create(), length=2) for _ in range(2))

    assert newest_hash(project_id=first[0].project_id) == first[1].row_hash
    assert newest_hash(project_id=second[0].project_id) == second[1].row_hash


def test_hash_does_not_depend_on_how_the_row_was_read() -> None:
    (row,) = _chain(ProjectFactory.create(), length=1)

    assert content_hash(row) == content_hash(Prediction.objects.get(pk=row.pk)) == row.row_hash
