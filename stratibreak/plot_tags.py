"""Template tags that draw the plots of a page, and list a project's gaps: `{% load plots %}`.

A page of an app cannot ask for them in its view, because a project's page shows what the apps above it found.  What is
shown here is recorded as it is where it is at home.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils import timezone

from gaps.enums import GapOrigin, GapType
from gaps.gap_answer import GapAnswer
from gaps.models import Gap
from predictions.models import Prediction
from projects.forecast_answer import ForecastAnswer
from projects.models import Project
from stratibreak.answer_files import NARROWING, PAGE_ANSWERS
from stratibreak.open_gaps import open_gaps
from stratibreak.page_plots.absence import Absence, Shown
from stratibreak.page_plots.cause_order import cause_order_plot
from stratibreak.page_plots.claims import claim_plot, forecast_behind
from stratibreak.page_plots.forecast import forecast_plot
from stratibreak.page_plots.replay import replay_plot
from stratibreak.page_plots.slip import gap_slip_plot, slip_plot
from stratibreak.plots.figure import Figure
from tenants.admin.base import reads_across_tenants
from tenants.api.reads import record_read
from tenants.domain.auditing import AuditAction, Operation, record

register = template.Library()
SEES_FORECASTS, SEES_GAPS = "predictions.view_prediction", "gaps.view_gap"


@register.inclusion_tag("admin/includes/plots.html", takes_context=True)
def project_plots(context: Any, project: Project, answer: ForecastAnswer) -> dict[str, Any]:
    """The forecast, why it slips and what the past would have shown; in two queries, and one for the record."""
    user, run, found = context["request"].user, answer.record, list[Shown]()
    if run is None:
        return _split(found)
    if user.has_perm(SEES_GAPS):
        gap, plot = slip_plot(project, user)
        found.append(plot)
        if gap is not None and not reads_across_tenants():
            record(action=AuditAction.VIEW_GAP_ANALYSIS, operation=Operation.READ, resource=gap)
    if user.has_perm(SEES_FORECASTS):
        found.append(replay_plot(project, user))
    # Without a forecast "no slip" would sound like good news, and nothing says so.
    found = [each for each in found if answer.dates or isinstance(each, Figure)]
    return _split([forecast_plot(run), *found] if user.has_perm(SEES_FORECASTS) else found)


@register.inclusion_tag("admin/includes/open_gaps.html", takes_context=True)
def project_gaps(context: Any, project: Project) -> dict[str, Any]:
    """Where the project differs from its plan; in five queries at most, and one for the record."""
    user = context["request"].user
    if not user.has_perm(SEES_GAPS):
        return {}
    found = open_gaps(project, user, at=timezone.now())
    if found.rows and not reads_across_tenants():
        record_read(Gap, [row.gap.pk for row in found.rows])
    return {"found": found, "project": project}


@register.inclusion_tag("admin/includes/plots.html", takes_context=True)
def prediction_plots(context: Any, prediction: Prediction) -> dict[str, Any]:
    """How the claim moved, and the forecast it came from; in at most three queries."""
    user = context["request"].user
    if not user.has_perm(SEES_FORECASTS):
        return _split([])
    behind = forecast_behind(prediction, user)
    return _split([claim_plot(prediction, user), *([] if behind is None else [behind])])


@register.inclusion_tag("admin/includes/plots.html")
def gap_plots(gap: Gap, answer: GapAnswer) -> dict[str, Any]:
    """Why the promised day slips, for the gap that says so, and what waits for what among its causes; one query."""
    found = list[Shown]()
    if (gap.type, gap.origin) == (GapType.TIMELINE, GapOrigin.DETECTED):
        found.append(gap_slip_plot(list(gap.root_causes.exclude(code="").order_by("rank")), seen_at=gap.last_seen_at))
    if answer.has_waiting_causes:
        found.append(cause_order_plot(answer.order))
    return _split(found)


@register.inclusion_tag("admin/includes/answer_files.html", takes_context=True)
def answer_files(context: Any, answer: str, row_id: Any = None) -> dict[str, Any]:
    """Links to the tables of an answer as files, for whoever may export it; asks the database nothing."""
    request, found = context["request"], PAGE_ANSWERS[answer]
    if not found.may_leave(request):
        return {}
    url = reverse("admin:answer_file", args=[answer] if row_id is None else [answer, row_id])
    kept = {name: request.GET[name] for name in NARROWING if answer == "calibration" and request.GET.get(name)}
    return {
        "about": found.about,
        "whole": f"{url}?{urlencode({**kept, 'format': 'xlsx'})}",
        "tables": [
            (one.name.replace("_", " "), f"{url}?{urlencode({**kept, 'format': 'csv', 'table': one.name})}")
            for one in found.shape
        ],
    }


@register.inclusion_tag("admin/includes/plots.html")
def plots(*shown: Shown) -> dict[str, Any]:
    """Figures that a view has made."""
    return _split(list(shown))


def _split(shown: list[Shown]) -> dict[str, Any]:
    return {
        "figures": [each for each in shown if isinstance(each, Figure)],
        "absences": [each for each in shown if isinstance(each, Absence)],
    }
