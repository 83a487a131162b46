"""Plots in chromium: readable on a desk and on a phone, in light and in dark, by eye, by ear and by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from django.db import models
from django.urls import reverse

from predictions.enums import OutcomeResult
from projects.models import Project
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.browser.conftest import DESKTOP, PAGE_CHECKS, PHONE, Visitor
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.plotted_projects import caused, claims, plotted_project, settled_record, slipping

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "platform"]),
]

MakeVisitor = Callable[..., Visitor]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def _page_of(row: models.Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def _addresses(world: LookAlike) -> dict[str, int]:
    """Pages with plots, and how many figures each shows."""
    with tenant_context(world.tenant.pk):
        project = plotted_project("A very long name of a project that does not fit beside anything on a phone")
        gap = slipping(project)
        waiting = caused(project)
        rows = claims(project, count=6, result=OutcomeResult.OCCURRED)
        settled_record(project, events=40)
        bare = ProjectFactory.create()
    return {
        _page_of(project): 3,
        _page_of(rows[-1]): 2,
        _page_of(gap): 1,
        _page_of(waiting): 1,
        reverse("admin:trust"): 2,
        reverse("admin:trust") + f"?project={project.pk}&type=DELAY_RISK": 2,
        reverse("admin:trust") + f"?project={bare.pk}": 0,
    }


def test_plots_are_readable_anywhere_and_the_policy_lets_them_through(
    make_visitor: MakeVisitor, ours: LookAlike, theirs: LookAlike
) -> None:
    with tenant_context(theirs.tenant.pk):
        foreign = plotted_project("Somebody else's plan")
    visitor, problems = make_visitor(ours.users[Role.ADMIN]), []

    for address, figures in _addresses(ours).items():
        assert visitor.open(address) == 200
        for unfolded in (False, True):
            if unfolded:
                for summary in visitor.page.locator(".plot-numbers > summary").all():
                    summary.click()
            for size in (DESKTOP, PHONE):
                visitor.page.set_viewport_size(size)
                assert visitor.page.get_by_role("img").and_(visitor.page.locator(".plot-drawing")).count() == figures
                for scheme in SCHEMES:
                    visitor.page.emulate_media(color_scheme=scheme)
                    where = f"{address} {size['width']} {scheme} {unfolded}: "
                    problems += [where + problem for problem in visitor.page.evaluate(PAGE_CHECKS)]
        assert "Somebody else's plan" not in visitor.page.content()
        assert str(foreign.pk) not in visitor.page.content()

    assert problems == []


def test_a_screen_reader_hears_what_a_plot_says_and_finds_its_numbers(
    make_visitor: MakeVisitor, ours: LookAlike
) -> None:
    with tenant_context(ours.tenant.pk):
        project = plotted_project()
    visitor = make_visitor(ours.users[Role.ADMIN])
    visitor.open(_page_of(project))

    picture = visitor.page.get_by_role("img", name="Forecast: work done against the scope 60 of 100 items are done.")
    picture.wait_for()
    figure = visitor.page.get_by_role("figure", name="Why the date slips, in days")
    numbers = figure.get_by_text("The numbers: Why the date slips, in days")
    numbers.focus()
    visitor.page.keyboard.press("Enter")

    assert figure.get_by_role("row", name="Scope was added 12.5 Measured: SCOPE_ADDED.").is_visible()
    assert figure.get_by_role("row", name="In all 10.0").is_visible()


def test_a_person_finds_the_record_from_the_list_and_from_the_project(
    make_visitor: MakeVisitor, ours: LookAlike
) -> None:
    with tenant_context(ours.tenant.pk):
        project: Project = plotted_project()
        settled_record(project, events=20)
    visitor = make_visitor(ours.users[Role.ADMIN])

    visitor.open(_page_of(project))
    visitor.page.get_by_role("link", name="Can it be trusted?").click()
    visitor.page.get_by_role("heading", name="When we said so, how often did it come?").wait_for()
    assert str(project) in visitor.text()

    visitor.open(reverse("admin:predictions_prediction_changelist"))
    visitor.page.get_by_role("link", name="Can it be trusted?").click()
    visitor.page.get_by_role("link", name="Scope creep").click()
    visitor.page.get_by_text("more needed").wait_for()
