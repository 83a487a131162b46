"""Tables inside answers as files: all that the answer holds, no more than the person sees, audited, safe to open."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
import time_machine
from django.utils import timezone

from gaps.answer_tables import BRIEFING, CAUSE_MAP, COMPARISON, EFFICACY, PORTFOLIO
from gaps.models import Gap
from predictions.answer_tables import CALIBRATION, FORECAST, MOVES, REPLAY, SLIP, WHAT_IF
from predictions.attribution.action_effect import METHOD
from predictions.enums import ActionStatus, OutcomeResult
from projects.answer_tables import DATA_QUALITY
from projects.enums import AnalysisKind, StatusCategory
from projects.models import AnalysisRecord, Project
from tenants.api.csv_rows import guarded
from tenants.api.organisation import SUSPICIOUS_ACTIVITY
from tenants.api.tables import TableOf
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import tenant_context
from tenants.permissions import Action, allowed
from tests.api.analysed import analysed_project
from tests.api.conftest import ApiClient, signed_in
from tests.api.endpoints import ITEM_ACTIONS, REPORT_FILES
from tests.api.test_exports import body_of, exports_in_trail, table_of
from tests.api.test_matrix import enter_project
from tests.factories.gaps import CorrectiveActionFactory, GapFactory, RootCauseFactory
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory, PredictionOutcomeFactory, sha256_of
from tests.factories.projects import ContributorFactory, ProjectFactory, WorkItemFactory
from tests.project_histories import NOW, WEEK

pytestmark = pytest.mark.django_db

SHAPES: Mapping[str, tuple[TableOf, ...]] = {
    "portfolio": PORTFOLIO,
    "me/briefing": BRIEFING,
    "action-efficacy": EFFICACY,
    "calibration": CALIBRATION,
    "suspicious-activity": SUSPICIOUS_ACTIVITY,
    "projects/<id>/forecast": FORECAST,
    "projects/<id>/forecast/moves": MOVES,
    "projects/<id>/slip": SLIP,
    "projects/<id>/what-if": WHAT_IF,
    "projects/<id>/replay": REPLAY,
    "projects/<id>/data-quality": DATA_QUALITY,
    "projects/<id>/analyses/compare": COMPARISON,
    "gaps/<id>/cause-map": CAUSE_MAP,
}
MOMENTS = (NOW - 3 * WEEK, NOW - WEEK, NOW)

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
OPTIONS = {"scenarios": [{"steps": [{"kind": "DROP", "count": 5}]}], "minimal_cut": {"before": "2024-09-01"}}


@pytest.fixture
def before(ours: LookAlike, theirs: LookAlike) -> set[UUID]:
    """Exports that were in the trail before."""
    return {entry.pk for world in (ours, theirs) for entry in exports_in_trail(world, set())}


class Asked:
    """The answers of a tenant about one project with a full record, and their files."""

    def __init__(self, client: ApiClient, world: LookAlike, project: Project, gap: Gap) -> None:
        self.client, self.project, self.gap = client, project, gap
        with tenant_context(world.tenant.pk):
            rows = AnalysisRecord.objects.filter(project=project, kind=AnalysisKind.FORECAST).order_by("as_of")
            self.runs = [str(pk) for pk in rows.values_list("pk", flat=True)]

    def address(self, answer: str) -> str:
        row = self.gap if answer.startswith("gaps/") else self.project
        return f"/api/v1/{answer.replace('<id>', str(row.pk))}"

    def query(self, answer: str) -> dict[str, str]:
        if answer.endswith("compare"):
            return {"from": self.runs[0], "to": self.runs[-1]}
        if answer.endswith("moves"):
            return {"from": MOMENTS[1].isoformat(), "to": MOMENTS[2].isoformat()}
        return {}

    def ask(self, answer: str, end: str = "", **query: str) -> Any:
        if answer.endswith("what-if"):
            return self.client.post(self.address(answer) + end, OPTIONS, "application/json", query_params=query or None)
        return self.client.get(self.address(answer) + end, {**self.query(answer), **query})

    def told(self, answer: str) -> dict[str, Any]:
        got = self.ask(answer)
        assert got.status_code == 200, got.content
        body: dict[str, Any] = got.json()
        return body

    def tables(self, answer: str) -> dict[str, list[dict[str, str]]]:
        return {one.name: table_of(self.ask(answer, "/export", format="csv", table=one.name)) for one in SHAPES[answer]}


def world_of(
    world: LookAlike, *, name: str = "Billing", moments: tuple[datetime, ...] = MOMENTS
) -> tuple[Project, Gap]:
    """A project with everything that an answer can tell, and a gap with causes in order."""
    project = analysed_project(world, name=name, moments=moments)
    with tenant_context(world.tenant.pk):
        gap = GapFactory.create(project=project, title=f"A gap of {name}")
        for rank, code in enumerate(("LONG_DAYS", "OVERLOAD"), start=1):
            RootCauseFactory.create(
                gap=gap, rank=rank, code=code, description=f"=1+1 {code} of {name}", contribution_share=0.6 / rank,
                depends_on=["OVERLOAD"] if rank == 1 else [],
            )  # fmt: skip
        for number in range(6):
            CorrectiveActionFactory.create(
                gap=GapFactory.create(project=ProjectFactory.create(name=f"{name} {number}")),
                code="DROP_SCOPE",
                title=f"Drop it {name}",
                status=ActionStatus.DONE,
                owner=world.users[Role.PROJECT_MANAGER],
                due_date=NOW.date(),
                completed_at=NOW,
                expected_effect_days=4.0,
                measured_effect_days=3.0 + number,
                measurement={
                    "method": METHOD,
                    "reason": None,
                    "compared_forecasts": 9,
                    "forecast_before": str(UUID(int=number)),
                },
            )
        for number in range(24):
            prediction = PredictionFactory.create(
                project=project, event_key=sha256_of(f"file {number}"), episode_id=UUID(int=7_000_000 + number),
                probability=0.5 + number / 100, probability_low=None, probability_high=None, is_alert=number % 2 == 0,
            )  # fmt: skip
            PredictionOutcomeFactory.create(
                prediction=prediction,
                result=OutcomeResult.OCCURRED if number % 3 else OutcomeResult.NOT_OCCURRED,
                occurred_at=prediction.predicted_for if number % 3 else None,
                accuracy=0.25,
            )
    return project, gap


@pytest.fixture
def asked(ours: LookAlike, theirs: LookAlike, admin: ApiClient) -> Iterator[Asked]:
    """With the clock held, so that an answer and its file are of one moment."""
    world_of(theirs, name="Foreign", moments=(NOW,))
    project, gap = world_of(ours)
    with tenant_context(ours.tenant.pk):
        ahead = ProjectFactory.create(name="Never looked at")
        person = ContributorFactory.create()
        for shared in (project, ahead):
            WorkItemFactory.create_batch(3, project=shared, assignee=person, status_category=StatusCategory.IN_PROGRESS)
    with time_machine.travel(timezone.now(), tick=False):
        admin.post(f"/api/v1/projects/{project.pk}/replay", {"months": 3}, "application/json")
        yield Asked(admin, ours, project, gap)


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value of a JSON document with the name it stands under."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, name)
    elif value is not None:
        yield name, value


def spelled(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return guarded(value) if isinstance(value, str) else repr(value)


# What a file holds


def test_the_files_hold_all_that_the_answers_do_and_nothing_of_theirs(asked: Asked) -> None:
    for answer, shape in SHAPES.items():
        told, tables = asked.told(answer), asked.tables(answer)

        cells = {cell for rows in tables.values() for row in rows for cell in row.values()}
        text = "\n".join(cells)
        names = {part for one in shape for column in one.columns for part in column.split(".")}
        names |= {one.name for one in shape}
        lost = [(name, value) for name, value in leaves(told) if not is_told(name, spelled(value), value, cells, text)]
        unnamed = {name for name, _ in leaves(told) if name not in names and name not in text}
        assert (answer, lost, unnamed) == (answer, [], set())
        assert "Foreign" not in text


def is_told(name: str, text: str, value: Any, cells: set[str], all_cells: str) -> bool:
    """Whether a value is a cell, or stands under its name in a cell that holds JSON."""
    if text in cells or f'"{name}":{text}' in all_cells:
        return True
    return isinstance(value, str) and text in all_cells


def test_a_workbook_has_each_table_as_a_sheet_with_as_many_rows(asked: Asked) -> None:
    for answer, shape in SHAPES.items():
        got = asked.ask(answer, "/export", format="xlsx")

        book = zipfile.ZipFile(io.BytesIO(body_of(got)))
        workbook = ET.fromstring(book.read("xl/workbook.xml"))  # noqa: S314  # our own
        sheets = [each.attrib["name"] for each in workbook.iter(f"{SHEET}sheet")]
        rows = {
            name: len(re.findall("<row ", book.read(f"xl/worksheets/sheet{place}.xml").decode())) - 1
            for place, name in enumerate(sheets, start=1)
        }
        assert sheets == [one.name for one in shape]
        assert rows == {name: len(found) for name, found in asked.tables(answer).items()}
        assert got["Export-Row-Count"] == str(sum(rows.values()))
        assert got["Cache-Control"] == "no-store"
        words = answer.replace("/<id>/", "/").replace("/", "-")
        assert got["Content-Disposition"] == f'attachment; filename="{words}-{timezone.now():%Y-%m-%d}.xlsx"'


def test_names_of_tables_fit_a_sheet() -> None:
    for answer, shape in SHAPES.items():
        names = [one.name for one in shape]
        assert len(set(names)) == len(names), answer
        assert all(re.fullmatch("[a-z_]{1,31}", name) for name in names)


def test_totals_of_the_portfolio_are_those_of_the_answer_and_of_the_rows(asked: Asked) -> None:
    told, tables = asked.told("portfolio"), asked.tables("portfolio")

    [totals] = tables["totals"]
    assert int(totals["projects"]) == told["totals"]["projects"] == len(tables["projects"])
    assert int(totals["open_gaps"]) == sum(int(row["open_gaps"]) for row in tables["projects"]) > 0
    assert int(totals["without_forecast"]) == sum(row["p_on_time"] == "" for row in tables["projects"]) > 0
    for row in tables["heat_map_totals"]:
        squares = [project[row["type"]] for project in tables["heat_map"]]
        assert {state: int(row[state]) for state in set(squares)} == {s: squares.count(s) for s in set(squares)}
    assert [row["rank"] for row in tables["projects"]] == [str(n + 1) for n in range(len(tables["projects"]))]
    shared = {row["name"]: row["p_on_time"] for row in tables["joint_dates"]}
    assert {"Billing", "Never looked at"} <= set(shared)
    assert (shared["Never looked at"], bool(shared["Billing"])) == ("", True)


def test_parts_of_a_slip_add_up_to_it(asked: Asked) -> None:
    tables = asked.tables("projects/<id>/slip")

    [about] = tables["about"]
    parts = sum(float(row["days"]) for row in tables["parts"]) + float(about["result.unknown_days"])
    assert parts == pytest.approx(float(about["result.slip_days"]), abs=1e-9)
    assert {row["factor"] for row in tables["items"]} <= {row["factor"] for row in tables["parts"]}


def test_an_answer_that_abstains_says_so_in_its_file(ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(name="Empty")
    path = f"/api/v1/projects/{project.pk}/forecast/export"

    tables = {name: table_of(admin.get(path, {"table": name})) for name in ("dates", "about", "readiness_reasons")}

    assert tables["dates"] == []
    assert tables["about"][0]["readiness"] == "INSUFFICIENT"
    assert [row["code"] for row in tables["readiness_reasons"]] == ["NOT_YET_RUN"]


# How a file is asked for


def test_the_first_table_is_the_csv_that_nobody_named(asked: Asked) -> None:
    by_accept = asked.client.get("/api/v1/portfolio/export", headers={"Accept": "text/csv"})
    by_name = asked.ask("portfolio", "/export", table="projects")

    assert table_of(by_accept) == table_of(by_name)
    assert by_name["Content-Disposition"].startswith('attachment; filename="portfolio-projects-')


def test_accept_names_the_format_as_of_a_list(asked: Asked) -> None:
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    book = asked.client.get("/api/v1/portfolio/export", headers={"Accept": media_type})
    refused = asked.client.get("/api/v1/portfolio/export", headers={"Accept": "image/png"})

    assert book["Content-Type"] == media_type
    assert refused.status_code == 406


@pytest.mark.parametrize("query", [{"table": "no_such"}, {"format": "pdf"}, {"page_size": "5"}])
def test_what_nobody_offers_is_refused_and_leaves_no_trace(
    query: dict[str, str], asked: Asked, ours: LookAlike, before: set[UUID]
) -> None:
    for answer in ("portfolio", "projects/<id>/forecast", "projects/<id>/forecast/moves"):
        refused = asked.ask(answer, "/export", **query)

        assert refused.status_code == 400
        assert [error["parameter"] for error in refused.json()["errors"]] == list(query)
    assert exports_in_trail(ours, before) == []


def test_a_formula_does_not_calculate(asked: Asked) -> None:
    rows = table_of(asked.ask("gaps/<id>/cause-map", "/export"))

    assert [row["description"] for row in rows] == [f"'=1+1 {code} of Billing" for code in ("LONG_DAYS", "OVERLOAD")]


# Who gets one, and what stays of it


def test_an_export_is_in_the_audit_trail_and_asking_for_its_head_is_not(
    asked: Asked, ours: LookAlike, theirs: LookAlike, before: set[UUID]
) -> None:
    labels = {each.route: each.asked_of for each in ITEM_ACTIONS} | REPORT_FILES
    for answer in SHAPES:
        known = before | {entry.pk for entry in exports_in_trail(ours, before)}
        if not answer.endswith("what-if"):
            head = asked.client.head(asked.address(answer) + "/export", asked.query(answer))
            assert (head.status_code, head.content) == (200, b"")
            assert head["Content-Disposition"].startswith("attachment")
        assert exports_in_trail(ours, known) == []

        got = asked.ask(answer, "/export", format="xlsx")

        [entry] = exports_in_trail(ours, known)
        assert entry.changes == {
            "counts": {"exported": int(got["Export-Row-Count"])},
            "format": "xlsx",
            "asked": {**asked.query(answer), "format": "xlsx"},
            "answer": asked.address(answer).removeprefix("/api/v1/"),
        }
        assert (entry.resource_type, entry.operation) == (labels[f"{answer}/export"].lower(), "read")
        assert entry.actor_id == ours.users[Role.ADMIN].pk
    assert exports_in_trail(theirs, before) == []


def test_a_project_manager_of_another_tenant_gets_nothing(asked: Asked, theirs: LookAlike) -> None:
    client = signed_in(theirs.users[Role.PROJECT_MANAGER])

    foreign = client.get(f"/api/v1/projects/{asked.project.pk}/forecast/export")
    portfolio = table_of(client.get("/api/v1/portfolio/export"))

    assert foreign.status_code == 404
    assert "Billing" not in {row["name"] for row in portfolio}


def test_a_file_is_of_what_a_person_sees(asked: Asked, ours: LookAlike, as_role: Callable[[Role], ApiClient]) -> None:
    enter_project(ours, asked.project.pk)

    for role in (Role.TEAM_LEADER, Role.ANALYST):
        client = as_role(role)
        got = client.get("/api/v1/portfolio/export")
        told = client.fetch("/api/v1/portfolio").json()
        if allowed(role, Action.EXPORT, "gaps.gap"):
            assert [row["project"] for row in table_of(got)] == [row["project"] for row in told["projects"]]
        else:
            assert got.status_code == 403
    assert allowed(Role.ANALYST, Action.EXPORT, "gaps.gap")


def test_a_key_needs_the_scope_to_export(asked: Asked, key_of: Callable[..., ApiClient]) -> None:
    path = asked.address("projects/<id>/forecast") + "/export"

    assert key_of(Role.ADMIN, ApiScope.EXPORT).get(path).status_code == 200
    assert key_of(Role.ADMIN, ApiScope.READ).get(path).status_code == 403


def test_options_asked_twice_with_one_key_are_one_file(asked: Asked, ours: LookAlike, before: set[UUID]) -> None:
    path = asked.address("projects/<id>/what-if") + "/export"

    first, again = (
        asked.client.post(path, OPTIONS, "application/json", headers={"Idempotency-Key": "one"}) for _ in range(2)
    )

    assert first.content == again.content
    assert first["Content-Disposition"] == again["Content-Disposition"]
    assert first["Export-Row-Count"] == again["Export-Row-Count"]
    assert len(exports_in_trail(ours, before)) == 1
