import json
from collections.abc import Mapping
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from predictions.backtesting.computed import Computation, Moment, computations, fingerprint
from predictions.backtesting.leaks import judge_record, moments_of
from predictions.backtesting.past_records import contradictory_record, records_in, simulated_record
from projects.history import ProjectHistory, WorkCalendar
from tests.project_histories import NOW, team_history


def run(*arguments: str) -> dict[str, Any]:
    answer = StringIO()
    call_command("benchmark", "leaks", *arguments, stdout=answer)
    content: dict[str, Any] = json.loads(answer.getvalue())
    return content


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    days = [date(2022, 1, 3) + timedelta(days=2 * index + index % 3) for index in range(150)]
    (tmp_path / "org_team.csv").write_text("\n".join(["resolved_at", *map(str, days)]) + "\n", encoding="utf-8")
    (tmp_path / "org_other.csv").write_text("label\n1\n", encoding="utf-8")
    issues = [jira_issue(number) for number in range(12)]
    (tmp_path / "issues.jsonl").write_text("\n".join(json.dumps(issue) for issue in issues) + "\n", encoding="utf-8")
    return tmp_path


def jira_issue(number: int) -> dict[str, Any]:
    created, started, done = (f"2022-0{month}-{number + 10}T10:00:00.000+0000" for month in (1, 2, 3))

    def to(at: str, field: str, to_id: str, name: str) -> dict[str, Any]:
        return {"id": f"{at}{field}", "created": at, "items": [{"field": field, "to": to_id, "toString": name}]}

    return {
        "id": str(1000 + number),
        "key": f"ORG-{number}",
        "fields": {
            "created": created,
            "updated": done,
            "resolutiondate": done,
            "issuetype": {"id": "1", "name": "Bug"},
            "status": {"id": "5", "name": "Resolved", "statusCategory": {"key": "done"}},
        },
        "changelog": {
            "total": 3,
            "histories": [
                to(started, "status", "3", "In Progress"),
                to(started, "Flagged", "10019", "Impediment"),
                to(done, "status", "5", "Resolved"),
            ],
        },
    }


def test_nothing_changes_on_real_simulated_and_contradictory_records(directory: Path) -> None:
    report = run("--data", str(directory), "--size", "short")

    assert (report["macro"]["changed"], report["macro"]["raised"]) == (0, 0)
    assert report["macro"]["cases"] >= 1_000
    names = [unit["name"] for unit in report["units"]]
    assert {"org_team", "issues", "contradictory 0", "simulated 0"} <= set(names)
    assert "org_other" not in names


def test_directory_without_records_leaves_the_generated_ones(tmp_path: Path) -> None:
    report = run("--data", str(tmp_path), "--size", "short")

    assert report["macro"]["cases"] >= 1_000
    assert report["macro"]["changed"] == 0


def test_file_that_looks_like_a_record_and_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "org_team.csv").write_text("resolved_at\nyesterday\n", encoding="utf-8")

    with pytest.raises(CommandError, match="ISO dates"):
        run("--data", str(tmp_path), "--size", "short")


def peeks_at_finishes(moment: Moment) -> object:
    return int((moment.history.statuses.dated).sum())


def peeks_at_links(moment: Moment) -> object:
    return moment.history.links.until_us.tolist()


@pytest.mark.parametrize("leak", [peeks_at_finishes, peeks_at_links])
def test_planted_leak_is_found(leak: Computation) -> None:
    asked: Mapping[str, Computation] = {"sound": lambda moment: moment.known.states, "leak": leak}

    changed, raised, cases = judge_record(contradictory_record(1), asked)

    assert changed["leak"] > 0
    assert changed["sound"] == raised == 0
    assert cases == 8


def test_what_raises_is_counted() -> None:
    def divides(moment: Moment) -> object:
        return 1 / len(moment.known.items[:0])  # type: ignore[index]

    assert judge_record(contradictory_record(1), {"broken": divides})[1] > 0


def test_all_forecasters_metrics_and_spells_are_on_the_list_by_themselves() -> None:
    asked = set(computations())

    assert {
        "predictions.forecasters.finish.forecast_finish",
        "predictions.forecasters.delay_risk.forecast_delay_risk",
        "predictions.forecasters.item_delay.forecast.forecast_item_delays",
        "predictions.forecasters.throughput.newcomer_share",
        "predictions.attribution.slip.decompose_slip",
        "projects.history.flow.flow_metrics",
        "projects.history.readiness.finish_readiness",
        "projects.history.spells.dependency_wait",
        "ProjectHistory.states",
        "ProjectHistory.inputs_hash",
        "ProjectHistory.values_of(due_date)",
    } <= asked


def test_every_answer_can_be_had_and_a_forecast_is_one_of_them() -> None:
    record = simulated_record(4)
    moment = list(moments_of(record))[-1]
    asked = Moment(ProjectHistory.from_facts(record.facts), moment, record.calendar, record.planned_calendar)

    answers = {name: compute(asked) for name, compute in computations().items()}

    assert answers["predictions.attribution.slip.decompose_slip"] is not None
    assert asked.finish.trials is not None


def test_single_items_are_forecast_too(directory: Path) -> None:
    record = next(record for record in records_in(directory) if record.name == "org_team")
    moment = list(moments_of(record))[-1]
    asked = Moment(ProjectHistory.from_facts(record.facts), moment, record.calendar, record.planned_calendar)

    risks = computations()["predictions.forecasters.item_delay.claims.item_risks"](asked)

    assert isinstance(risks, tuple)
    assert len(risks) > 10
    assert all(risk.probability is not None for risk in risks)


def test_fingerprints_tell_values_apart_to_the_last_bit() -> None:
    values = [0.1 + 0.2, 0.3, (0.3,), [], {"a": 1}, {"a": 2}, np.array([1.0]), np.array([1]), None, WorkCalendar()]

    assert len({fingerprint(value) for value in values}) == len(values)
    assert fingerprint(np.array([1.0, 2.0])) == fingerprint(np.array([1.0, 2.0]))
    known = team_history([5] * 12, open_items=3).as_of(NOW)
    assert fingerprint(known.states) == fingerprint(team_history([5] * 12, open_items=3).as_of(NOW).states)


def test_jira_issues_become_facts_with_their_history(directory: Path) -> None:
    record = next(record for record in records_in(directory) if record.name == "issues")

    kinds = {type(fact).__name__ for fact in record.facts}

    assert kinds == {"WorkItemFact", "StatusChangeFact", "FieldChangeFact"}
