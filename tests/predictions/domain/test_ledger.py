"""The chain shows every row that was changed, dropped or slipped in."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from predictions.domain.ledger import broken_links, chain_prediction, check_ledger, content_hash, newest_hash
from predictions.models import Prediction
from projects.models import Project
from tenants.models import Tenant
from tests.factories.look_alike import LookAlike
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


# --- the command ---


def _forge(project: Project, *, probability: float) -> Prediction:
    """A row in the chain that was changed after its hash was made."""
    forged = PredictionFactory.build(project=project)
    chain_prediction(forged, previous_hash=newest_hash(project_id=project.pk))
    forged.probability = probability
    forged.save()
    return forged


def _verify(tenant: Tenant) -> tuple[str, str]:
    out = StringIO()
    try:
        call_command("verify_ledger", "--tenant", str(tenant.pk), stdout=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def test_command_finds_an_unbroken_chain_and_says_its_newest_hash(tenant: Tenant, theirs: LookAlike) -> None:
    rows = _chain(ProjectFactory.create(name="Billing"), length=3)

    said, error = _verify(tenant)

    assert said == f"{tenant.name}, Billing: 3 predictions, unbroken, newest hash {rows[-1].row_hash}\n"
    assert (error, theirs.tenant.name in said) == ("", False)


def test_command_names_the_first_broken_row_and_fails(tenant: Tenant) -> None:
    project = ProjectFactory.create(name="Billing")
    _chain(project, length=2)
    forged = _forge(project, probability=0.79)
    _forge(project, probability=0.78)

    said, error = _verify(tenant)

    assert f"4 predictions, 2 broken, first prediction {forged.pk}" in said
    assert "its content does not match its hash" in said
    assert error == "The ledger of 1 project is broken."


def test_row_that_is_gone_is_named_by_the_one_that_follows_it() -> None:
    project = ProjectFactory.create()
    orphan = PredictionFactory.build(project=project)
    chain_prediction(orphan, previous_hash="e" * 64)
    orphan.save()

    check = check_ledger(project.pk)

    assert (check.first_broken, check.problem) == (orphan, "the row that it follows is gone")


@pytest.mark.parametrize("rows", [1, 3])
def test_checking_costs_two_queries(rows: int, django_assert_num_queries: Any) -> None:
    project = ProjectFactory.create()
    _chain(project, length=rows)

    with django_assert_num_queries(2):
        assert check_ledger(project.pk).rows == rows
