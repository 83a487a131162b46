"""Plots in the backoffice: what they say and cost, whose facts they show, and what stands there without facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from gaps.gap_answer import gap_answer
from predictions.enums import OutcomeResult, PredictionType
from projects.forecast_answer import newest_forecasts
from projects.models import Project
from projects.plain_words import percent
from stratibreak.page_plots.absence import Absence
from stratibreak.page_plots.claims import claim_plot
from stratibreak.page_plots.forecast import forecast_plot
from stratibreak.page_plots.replay import replay_plot
from stratibreak.page_plots.slip import slip_plot
from stratibreak.page_plots.trust import trust_report
from stratibreak.pipeline import refresh_project
from stratibreak.plot_tags import gap_plots, prediction_plots, project_plots
from stratibreak.plots.figure import Figure
from tenants.audit.enums import AuditAction
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry, User
from tests.api.test_matrix import enter_project
from tests.factories.gaps import GapFactory, RootCauseFactory
from tests.factories.look_alike import LookAlike
from tests.factories.predictions import PredictionFactory, PredictionOutcomeFactory
from tests.factories.projects import ProjectFactory
from tests.plots.soundness import HOSTILE, assert_sound
from tests.plotted_projects import (
    AS_OF,
    FORECAST,
    analysed,
    claims,
    plotted_project,
    replayed,
    settled_record,
    slipping,
)
from tests.project_histories import NOW
from tests.recorded_team import record_team

pytestmark = pytest.mark.django_db

ENDS_LATE = "on average over all cases, the longest included, the work ends 10 days after the promised day."


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    settings.STATIC_ROOT = None


@pytest.fixture
def chosen(ours: LookAlike) -> Iterator[User]:
    with tenant_context(ours.tenant.pk):
        yield ours.users[Role.ADMIN]


@pytest.fixture
def client(ours: LookAlike) -> Client:
    return _client_of(ours)


def _client_of(world: LookAlike, role: Role = Role.ADMIN) -> Client:
    client = Client()
    client.force_login(world.users[role])
    return client


def _page_of(client: Client, row: Any) -> str:
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    response = client.get(address)
    assert response.status_code == 200
    return str(response.content.decode())


def _drawn(shown: Any) -> Figure:
    assert isinstance(shown, Figure), shown
    assert_sound(shown)
    return shown


def _queries(work: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


# --- the pages ---


def test_a_project_page_shows_what_was_found_and_nothing_of_the_look_alike(
    client: Client, ours: LookAlike, theirs: LookAlike
) -> None:
    with tenant_context(theirs.tenant.pk):
        foreign = plotted_project("Theirs alone")
    with tenant_context(ours.tenant.pk):
        project = plotted_project("Ours")

    page = _page_of(client, project)

    for words in (
        "60 of 100 items are done.",
        "That is after the promised day, 30 Apr 2026.",
        f"As of 2 Mar 2026, {ENDS_LATE}",
        "Looking back over 6 months, 2 promised days passed: 1 hit, 1 false alarm.",
    ):
        assert words in page
    assert page.count('role="img"') == 6
    assert "Theirs alone" not in page
    assert str(foreign.pk) not in page


def test_refreshing_a_project_is_all_that_its_forecast_plot_needs(chosen: User) -> None:
    project = ProjectFactory.create(start_date=NOW.date(), end_date=NOW.date().replace(month=9))
    record_team(project, [5] * 40, open_items=60)

    refresh_project(project=project, as_of=NOW, at=NOW)

    (answer,) = newest_forecasts([project], at=NOW)
    assert answer.record is not None
    figure = _drawn(forecast_plot(answer.record))
    assert figure.summary.startswith("200 of 260 items are done.")
    # Its last line meets the scope; the page says the same dates as the answer above it.
    assert figure.table.rows[-1][-1] == "260"
    assert answer.likely_day in figure.summary


def test_a_prediction_page_shows_how_the_chance_moved_and_the_forecast_behind_it(
    client: Client, ours: LookAlike
) -> None:
    with tenant_context(ours.tenant.pk):
        project = plotted_project()
        rows = claims(project, count=5, result=OutcomeResult.OCCURRED)

    page = _page_of(client, rows[-1])

    assert "From 42 % on 2 Feb 2026 to 90 % on 2 Mar 2026. Warned at least three days ahead, and it came." in page
    assert "60 of 100 items are done." in page


def test_a_gap_page_shows_the_parts_that_the_run_found(client: Client, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        gap = slipping(plotted_project())

    page = _page_of(client, gap)

    assert "The largest reason: scope was added, 12 days. Faster than planned makes up for 4.2 days." in page
    assert "Blocked work cannot be told" in page


def test_names_never_become_markup(client: Client, ours: LookAlike) -> None:
    hostile = HOSTILE.replace("\x00", "").replace("\x1f", "")
    with tenant_context(ours.tenant.pk):
        project = plotted_project(hostile[:200])
        analysed(project, results=FORECAST | {"drivers": [{"text": hostile}]})
        replayed(project, results={"months": 6, "notes": [hostile], "events": [], "steps": [_step(hostile)]})
        settled_record(project, events=20)

    pages = [_page_of(client, project), client.get(reverse("admin:trust")).content.decode()]

    for page in pages:
        assert "alert(1)" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "style=" not in page.split('<main id="content-start"')[1].split("<fieldset")[0]


def _step(text: str) -> dict[str, Any]:
    return {"as_of": AS_OF.isoformat(), "target": None, "probability": 0.5, "is_alert": True, "source": text}


# --- what a slip adds up to ---


def test_bars_are_the_causes_of_the_run_alone_and_add_up(chosen: User) -> None:
    project = plotted_project()

    gap, shown = slip_plot(project, chosen)

    figure = _drawn(shown)
    assert gap is not None
    assert figure.summary.startswith(f"As of 2 Mar 2026, {ENDS_LATE}")
    assert [row[:2] for row in figure.table.rows] == [
        ("Scope was added", "12.5"),
        ("Rework", "0.0"),
        ("Faster than planned", "\N{MINUS SIGN}4.2"),
        ("Not explained", "1.8"),
        ("Started late", "cannot be told"),
        ("Blocked work", "cannot be told"),
        ("Working days changed", "cannot be told"),
        ("Waiting for other work", "cannot be told"),
        ("In all", "10.0"),
    ]


def test_a_slip_of_a_gap_that_is_closed_is_none(chosen: User) -> None:
    project = ProjectFactory.create()
    gap = slipping(project)
    gap.status, gap.closed_at = "CLOSED", timezone.now()
    gap.save()

    assert slip_plot(project, chosen) == (
        None,
        Absence(
            "Why the date slips, in days",
            "No gap between the promised and the likely day is open, so there is no slip.",
        ),
    )


def test_without_a_plan_everything_is_unexplained_and_the_reason_is_said(chosen: User) -> None:
    project = ProjectFactory.create()
    gap = slipping(project)
    gap.root_causes.exclude(code="UNEXPLAINED").delete()

    figure = _drawn(slip_plot(project, chosen)[1])

    assert figure.table.rows == (
        ("Not explained", "1.8", "Measured: UNEXPLAINED."),
        ("All reasons", "cannot be told", "no baseline is approved, so there is no plan to hold the work against."),
        ("In all", "1.8", ""),
    )


# --- what waits for what ---


def test_causes_that_wait_for_others_are_drawn_in_the_order_to_deal_with_them(client: Client, ours: LookAlike) -> None:
    hostile = HOSTILE.replace("\x00", "")
    with tenant_context(ours.tenant.pk):
        gap = GapFactory.create(project=ProjectFactory.create())
        parts = [("LONG_DAYS", 0.5, ["OVERLOAD"]), ("PEOPLE_LEFT", 0.2, []), ("OVERLOAD", 0.1, ["PEOPLE_LEFT"])]
        for rank, (code, share, waits) in enumerate(parts, start=1):
            RootCauseFactory.create(
                gap=gap,
                rank=rank,
                code=code,
                description=hostile + code,
                contribution_days=None,
                contribution_share=share,
                depends_on=waits,
            )
        answer = gap_answer(gap)
        (figure,) = gap_plots(gap, answer)["figures"]

    client.force_login(ours.users[Role.ADMIN])
    page = client.get(reverse("admin:gaps_gap_change", args=[gap.pk])).content.decode()

    assert_sound(figure)
    assert [(row[0].removeprefix(hostile), *row[1:]) for row in figure.table.rows] == [
        ("PEOPLE_LEFT", "1", f"{percent(0.2)} of it", "—"),
        ("OVERLOAD", "2", f"{percent(0.1)} of it", "1"),
        ("LONG_DAYS", "3", f"{percent(0.5)} of it", "2"),
    ]
    assert figure.summary.startswith("Of 3 causes to deal with 2 wait for others. Begin with: ")
    assert "In which order, for most effect" in page
    assert '<span class="quiet">(after 2)</span>' in page
    assert hostile not in page


def test_causes_none_of_which_waits_get_no_plot_and_the_page_says_what_to_begin_with(
    client: Client, ours: LookAlike
) -> None:
    with tenant_context(ours.tenant.pk):
        gap = GapFactory.create(project=ProjectFactory.create())
        for rank in (1, 2):
            RootCauseFactory.create(gap=gap, rank=rank, code=f"C{rank}")
        assert gap_plots(gap, gap_answer(gap)) == {"figures": [], "absences": []}

    client.force_login(ours.users[Role.ADMIN])
    page = client.get(reverse("admin:gaps_gap_change", args=[gap.pk])).content.decode()

    assert "None of them waits for another: begin with the largest." in page
    assert "In which order" not in page


# --- without facts ---


def test_an_abstention_shows_its_reason_and_step_and_no_plot(client: Client, ours: LookAlike) -> None:
    reasons = [{"code": "NO_ITEMS", "message": "There are no items.", "unlock": "CONNECT_A_TOOL"}]
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create()
        analysed(
            project,
            results={"quantiles": [], "outlook": None},
            readiness="INSUFFICIENT",
            readiness_reasons=reasons,
            overall_score=None,
        )

    page = _page_of(client, project)

    assert (
        '<section class="plot plot-absent"><h2>Forecast: work done against the scope</h2><p>There are no items.' in page
    )
    assert "To get further: Connect the tool the work is planned in" in page
    assert 'role="img"' not in page
    assert "there is no slip" not in page  # unknown is not good news


def test_a_forecast_from_before_plots_were_kept_says_what_to_do(chosen: User) -> None:
    record = analysed(ProjectFactory.create(), results={k: v for k, v in FORECAST.items() if k != "outlook"})

    shown = forecast_plot(record)

    assert isinstance(shown, Absence)
    assert shown.step == "Analyse the project again."


def test_finishes_beyond_ten_years_and_no_promised_day_are_said(chosen: User) -> None:
    results = FORECAST | {
        "target_date": None,
        "quantiles": [{"p": 0.5, "value": "2026-05-11"}, {"p": 0.85, "value": None}],
    }

    figure = _drawn(forecast_plot(analysed(ProjectFactory.create(), results=results)))

    assert figure.summary.endswith("and with 85 % certainty in more than ten years. No day is promised.")


def test_a_replay_without_an_answer_shows_why(chosen: User) -> None:
    project = ProjectFactory.create()
    assert isinstance(replay_plot(project, chosen), Absence)
    reasons = [{"code": "NO_ITEMS", "message": "There are no items.", "unlock": "CONNECT_A_TOOL"}]
    silent = [{"as_of": AS_OF.isoformat(), "target": None, "probability": None, "is_alert": False}]
    replayed(project, results={"steps": silent}, readiness="INSUFFICIENT", readiness_reasons=reasons)

    shown = replay_plot(project, chosen)

    assert isinstance(shown, Absence)
    assert shown.reason == "There are no items."


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (None, "It is not decided yet"),
        (OutcomeResult.OCCURRED, "Warned at least three days ahead, and it came"),
        (OutcomeResult.NOT_OCCURRED, "Warned, and it did not come"),
        (OutcomeResult.CENSORED, "Nobody can say any more what came of it"),
    ],
)
def test_a_claim_is_told_with_what_came_of_it(result: OutcomeResult | None, verdict: str, chosen: User) -> None:
    rows = claims(ProjectFactory.create(), count=4, result=result)

    figure = _drawn(claim_plot(rows[0], chosen))

    assert figure.summary.endswith(f"{verdict}.")


def test_a_claim_that_was_made_once_has_no_plot(chosen: User) -> None:
    (row,) = claims(ProjectFactory.create(), count=1)

    assert isinstance(claim_plot(row, chosen), Absence)


def test_what_was_computed_for_the_past_is_not_among_what_was_said_in_time(chosen: User) -> None:
    project = ProjectFactory.create()
    said = claims(project, count=3)
    PredictionFactory.create(project=project, event_key=said[0].event_key, is_retrospective=True)

    figure = _drawn(claim_plot(said[0], chosen))

    assert len(figure.table.rows) == 4  # the event and three moments


# --- what it costs, and what it leaves ---


def _context(user: User) -> dict[str, Any]:
    return {"request": SimpleNamespace(user=user)}


@pytest.mark.parametrize("rows", [1, 3])
def test_the_plots_of_a_page_take_a_fixed_number_of_queries(rows: int, chosen: User) -> None:
    project = ProjectFactory.create()
    for _ in range(rows):
        analysed(project)
        replayed(project)
        told = gap_answer(slipping(project))
    made = claims(project, count=1 + rows, result=OutcomeResult.OCCURRED)
    answer = newest_forecasts([project], at=NOW)[0]
    entries = AuditEntry.objects.count()

    assert _queries(lambda: slip_plot(project, chosen)) == 1
    assert _queries(lambda: replay_plot(project, chosen)) == 1
    assert _queries(lambda: gap_plots(told.gap, told)) == 1
    assert _queries(lambda: prediction_plots(_context(chosen), made[-1])) == 3
    assert AuditEntry.objects.count() == entries
    project_plots(_context(chosen), project, answer)
    assert AuditEntry.objects.count() == entries + 1


@pytest.mark.parametrize("events", [20, 60])
def test_the_record_takes_two_queries(events: int, chosen: User) -> None:
    settled_record(ProjectFactory.create(), events=events)

    assert _queries(lambda: _report(chosen)) == 2


def test_what_is_shown_is_recorded(client: Client, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = plotted_project()
        gap_id = str(slipping(project).pk)
        before = set(AuditEntry.objects.values_list("pk", flat=True))

    _page_of(client, project)
    client.get(reverse("admin:trust"))

    with tenant_context(ours.tenant.pk):
        entries = AuditEntry.objects.exclude(pk__in=before).values_list("action", "resource_type", "resource_id")
        assert set(entries) == {
            (AuditAction.ACCESS_PREDICTION, "projects.project", str(project.pk)),
            (AuditAction.VIEW_GAP_ANALYSIS, "gaps.gap", gap_id),
            (AuditAction.VIEW_GAP_ANALYSIS, "gaps.gap", ""),  # the open ones, of which there are two
            (AuditAction.ACCESS_PREDICTION, "predictions.prediction", ""),
        }


# --- whom it is shown to ---


def test_plots_follow_the_projects_that_a_person_sees(ours: LookAlike) -> None:
    stakeholder = ours.users[Role.STAKEHOLDER]
    with tenant_context(ours.tenant.pk):
        project = plotted_project()
        settled_record(project, events=20)
        answer = newest_forecasts([project], at=NOW)[0]
        hidden = project_plots(_context(stakeholder), project, answer)
        assert len(hidden["figures"]) == 1  # the forecast is handed over; what is looked up is not found
        assert _report(stakeholder).events == 0

    enter_project(ours, project.pk)

    with tenant_context(ours.tenant.pk):
        assert len(project_plots(_context(stakeholder), project, answer)["figures"]) == 3
        assert _report(stakeholder).events == 20


def test_without_the_right_to_read_nothing_is_drawn(chosen: User) -> None:
    nobody: Any = SimpleNamespace(has_perm=lambda _: False)
    project = plotted_project()
    answer, row = newest_forecasts([project], at=NOW)[0], claims(project, count=2)[0]

    assert project_plots(_context(nobody), project, answer) == {"figures": [], "absences": []}
    assert prediction_plots(_context(nobody), row) == {"figures": [], "absences": []}


# --- can it be trusted? ---


def _report(user: User, project: Project | None = None, prediction_type: PredictionType | None = None) -> Any:
    return trust_report(project=project, prediction_type=prediction_type, user=user, at=timezone.now())


def test_below_twenty_events_there_is_no_score(client: Client, ours: LookAlike, theirs: LookAlike) -> None:
    with tenant_context(theirs.tenant.pk):
        settled_record(ProjectFactory.create(), events=40)
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create()
        settled_record(project, events=19)

    page = client.get(reverse("admin:trust"), {"project": str(project.pk)}).content.decode()

    assert "19 events settled, 1 more needed" in page
    assert 'role="img"' not in page
    assert "Brier" not in page


def test_the_record_says_how_often_it_came_how_early_and_what_was_missed(client: Client, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = ProjectFactory.create(name="Missed by far")
        settled_record(project, events=24)
        report = _report(ours.users[Role.ADMIN], project)

    page = client.get(reverse("admin:trust"), {"project": str(project.pk), "type": "DELAY_RISK"}).content.decode()

    assert [figure.key for figure in report.figures] == ["reliability", "lead-times"]
    for figure in report.figures:
        assert_sound(figure)
    assert sum(int(row[-1]) for row in report.figures[1].table.rows) == 16
    assert report.groups[1][2:] == ("20 more needed", "20 more needed")
    assert {miss.project for miss in report.misses} == {"Missed by far"}
    assert page.count('role="img"') == 4
    assert report.verdict in page
    assert page.count("/admin/predictions/prediction/01") >= len(report.misses)


def test_a_miss_is_of_the_day_that_was_meant_and_not_of_the_next(chosen: User) -> None:
    project = ProjectFactory.create(time_zone="America/New_York")
    settled_record(project, events=24)
    over = datetime(2026, 5, 1, 4, tzinfo=UTC)
    row = PredictionFactory.create(project=project, probability=0.0001, probability_low=None, predicted_for=over)
    PredictionOutcomeFactory.create(prediction=row, result=OutcomeResult.OCCURRED, occurred_at=over)

    assert _report(chosen, project).misses[0].last_day == date(2026, 4, 30)


def test_other_types_have_a_record_of_their_own(chosen: User) -> None:
    project = ProjectFactory.create()
    settled_record(project, events=20)

    assert _report(chosen, project, PredictionType.SCOPE_CREEP).events == 0
    assert _report(chosen, project, PredictionType.DELAY_RISK).events == 20


def test_a_foreign_project_answers_like_a_missing_one(client: Client, theirs: LookAlike) -> None:
    foreign = theirs.rows[Project].pk
    asked = [str(foreign), str(type(foreign)(int=foreign.int ^ 1)), "1", "x" * 300, "' OR 1=1 --"]
    statuses = [client.get(reverse("admin:trust"), {"project": key}).status_code for key in asked]

    assert statuses == [404] * len(asked)
    assert client.get(reverse("admin:trust"), {"type": "FORTUNE"}).status_code == 404
    assert client.get(reverse("admin:trust") + "?type=%00").status_code == 400
    assert client.post(reverse("admin:trust")).status_code == 405


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_the_page_is_the_backoffice_s(role: Role, ours: LookAlike) -> None:
    assert _client_of(ours, role).get(reverse("admin:trust")).status_code == 302


def test_lists_and_pages_lead_to_the_record(client: Client, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        project = plotted_project()

    assert (
        f'href="{reverse("admin:trust")}"'
        in client.get(reverse("admin:predictions_prediction_changelist")).content.decode()
    )
    assert f'href="{reverse("admin:trust")}?project={project.pk}"' in _page_of(client, project)
