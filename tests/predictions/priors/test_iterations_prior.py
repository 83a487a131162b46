from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command

from predictions.priors.iterations import SNAPSHOTS, TEAMS, shipped_iterations


def test_shipped_file_is_what_the_code_builds() -> None:
    answer = StringIO()

    call_command("build_prior", "iterations", check=True, stdout=answer)

    assert "as it was" in answer.getvalue()


@pytest.mark.parametrize("at", SNAPSHOTS)
def test_shipped_iterations_are_the_same_seen_later_and_add_up(at: str) -> None:
    tables = shipped_iterations(at)

    assert len(tables) == TEAMS
    for table, at_start in zip(tables, shipped_iterations("0"), strict=True):
        assert np.array_equal(table.delivered_points, at_start.delivered_points)
        assert np.array_equal(table.committed_points, at_start.committed_points)
        assert np.array_equal(table.scope_points, table.todo_points + table.in_progress_points + table.done_points)
        assert (table.done_points <= table.delivered_points).all()
