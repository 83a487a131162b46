"""A first import looks back over the project's past: once, outside of the ledger, and again after an interruption."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from predictions.enums import PredictionType
from predictions.models import Prediction
from projects.enums import AnalysisKind
from projects.models import AnalysisRecord, Project, WorkItem
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A year of a team that finishes five items a week, and twenty that are open."""
    begun = NOW - timedelta(weeks=60)
    lines = ["key,title,created,resolved,status,type"]
    for number in range(260):
        done = NOW - timedelta(weeks=52) + timedelta(hours=33.6 * number)
        lines.append(f"A-{number},Task,{begun:%Y-%m-%dT%H:%MZ},{done:%Y-%m-%dT%H:%MZ},Done,Task")
    lines += [f"B-{number},Task,{begun:%Y-%m-%dT%H:%MZ},,Open,Task" for number in range(20)]
    path = tmp_path / "history.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def project(ours: LookAlike) -> Project:
    with tenant_context(ours.tenant.pk):
        return ProjectFactory.create(name="Billing")


def imported(ours: LookAlike, path: Path, *more: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    arguments = ["--tenant", ours.tenant.name, "--project", "billing", *more, str(path)]
    call_command("import_history", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def replays(world: LookAlike) -> list[AnalysisRecord]:
    with tenant_context(world.tenant.pk):
        return list(AnalysisRecord.objects.filter(kind=AnalysisKind.REPLAY))


def test_first_import_tells_what_would_have_been_warned_of(
    project: Project, history: Path, ours: LookAlike, theirs: LookAlike
) -> None:
    said, shown = imported(ours, history, "--progress")

    first, second, *rest = said.splitlines()
    assert first.startswith("Completed (generic): 280 items created")
    assert second.startswith("Billing: ")
    assert "moments had a forecast" in second
    for word in ("hits", "misses", "false alarms", "Budget overrun: no forecast. ", "Sustained overload: no fore"):
        assert any(word in line for line in rest), word
    assert "100%  104 moments" in shown
    (record,) = replays(ours)
    assert record.project_id == project.pk
    assert len(record.results["types"]) == len(PredictionType)
    assert replays(theirs) == []
    with tenant_context(ours.tenant.pk):
        assert not Prediction.objects.filter(project=project).exists()


def test_further_imports_do_not_look_back_again(project: Project, history: Path, ours: LookAlike) -> None:
    imported(ours, history)

    said, _ = imported(ours, history)

    assert said.count("\n") == 1
    assert len(replays(ours)) == 1


def test_nobody_has_to_wait_for_the_replay(project: Project, history: Path, ours: LookAlike) -> None:
    said, _ = imported(ours, history, "--no-replay")

    assert said.count("\n") == 1
    assert replays(ours) == []


def test_an_interrupted_replay_leaves_the_import_and_comes_with_the_next(
    project: Project, history: Path, ours: LookAlike, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("stratibreak.replay_report.run_replay", interrupted)
        with pytest.raises(KeyboardInterrupt):
            imported(ours, history)
    with tenant_context(ours.tenant.pk):
        assert WorkItem.objects.filter(project=project).count() == 280
    assert replays(ours) == []

    said, _ = imported(ours, history)

    assert "280 unchanged" in said
    assert len(replays(ours)) == 1
