"""What an administrator does all day, in chromium: plan, correct, look for reasons, move a gap, make a key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse

from gaps.enums import GapStatus
from gaps.models import Evidence, Gap, RootCause
from projects.enums import ProjectStatus
from projects.models import Project
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.browser.conftest import Visitor
from tests.factories.gaps import EvidenceFactory, RootCauseFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import AnalysisRecordFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "platform"]),
]

MakeVisitor = Callable[..., Visitor]
FORECAST = {
    "target_date": "2026-09-18",
    "p_on_time": {"value": 0.262, "low": 0.24, "high": 0.28},
    "quantiles": [
        {"p": 0.5, "value": "2026-10-12"},
        {"p": 0.7, "value": "2026-11-04"},
        {"p": 0.85, "value": "2026-12-14"},
        {"p": 0.95, "value": None},
    ],
    "drivers": [{"code": "NEWCOMERS", "text": "Work came in later", "effect": -0.04, "unit": "probability"}],
}


@pytest.fixture
def visitor(make_visitor: MakeVisitor, ours: LookAlike) -> Visitor:
    """Our administrator, logged in."""
    return make_visitor(ours.users[Role.ADMIN])


def test_a_project_is_made_corrected_and_its_history_names_who_did_it(visitor: Visitor, ours: LookAlike) -> None:
    page = visitor.page
    visitor.open(reverse("admin:projects_project_add"))
    page.get_by_label("Name:", exact=True).fill("Relaunch of the shop")
    page.get_by_label("Start date:").fill("01/09/2026")
    page.get_by_label("End date:").fill("01/08/2026")
    page.get_by_label("Planned budget:").fill("-5")
    page.get_by_role("button", name="Save", exact=True).click()

    assert "Please correct the errors below." in visitor.text()
    assert page.locator(".field-start_date .errorlist, .field-end_date .errorlist").count() >= 1
    assert page.locator(".field-planned_budget .errorlist").count() == 1
    assert visitor.problems() == []
    page.get_by_label("End date:").fill("01/12/2026")
    page.get_by_label("Planned budget:").fill("90000")
    page.get_by_role("button", name="Save and continue editing").click()
    page.wait_for_url("**/change/")
    page.get_by_label("Description:").fill("The new shop")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_text("You may edit it again below.").wait_for()
    page.get_by_role("link", name="History").click()
    page.get_by_role("heading", name="History of").wait_for()

    told = page.locator("#change-history").inner_text()
    assert ours.users[Role.ADMIN].email in told
    assert "Description" in told
    assert "The new shop" in told


def test_a_taken_name_is_a_conflict_named_at_the_form(visitor: Visitor, ours: LookAlike) -> None:
    visitor.open(reverse("admin:projects_project_add"))
    visitor.page.get_by_label("Name:", exact=True).fill(str(ours.rows[Project]))
    visitor.page.get_by_role("button", name="Save", exact=True).click()

    assert "Please correct the error below." in visitor.text()
    assert visitor.page.url.endswith("/add/")


def test_completing_offers_our_rows_alone(visitor: Visitor, ours: LookAlike, theirs: LookAlike) -> None:
    page = visitor.page
    visitor.open(reverse("admin:projects_goal_add"))

    page.locator(".field-project .select2-selection").click()
    with page.expect_response(lambda response: "autocomplete" in response.url and "term=P" in response.url) as answered:
        page.locator(".select2-search__field").fill(str(ours.rows[Project]))
    page.locator(".select2-results__option--highlighted").wait_for()
    offered = {row["id"] for row in answered.value.json()["results"]}

    assert offered == {str(ours.rows[Project].pk)}
    assert str(theirs.rows[Project]) == str(ours.rows[Project])  # the look-alike would have been found as well
    page.keyboard.press("Enter")
    page.get_by_label("Title:").fill("Chosen by typing")
    page.locator(".field-project .select2-selection__rendered").wait_for()
    assert page.locator("[name=project]").input_value() in offered


def test_a_gap_says_why_on_which_facts_and_moves_with_a_note_alone(visitor: Visitor, ours: LookAlike) -> None:
    gap = ours.rows[Gap]
    with tenant_context(ours.tenant.pk):
        RootCauseFactory.create(gap=gap, rank=1, description="Nine items came in late.", contribution_days=22.615234375)
        EvidenceFactory.create(gap=gap, object_key="SHOP-7", field="created_at", value="2026-02-26T08:47:28+00:00")
        facts = Evidence.objects.filter(gap=gap).count()
        causes = RootCause.objects.filter(gap=gap).count()
    page = visitor.page
    visitor.open(reverse("admin:gaps_gap_change", args=[gap.pk]))
    answer = page.get_by_role("region", name="What differs from the plan?")

    assert answer.locator("ol li").count() == causes
    assert "Nine items came in late. 23 days later" in answer.inner_text()
    assert "30 Apr 2026" in answer.inner_text()
    answer.get_by_text(f"Rests on {facts} fact").click()
    assert "SHOP-7: created 26 Feb 2026" in answer.inner_text()
    assert visitor.problems() == []

    page.get_by_label("Move").select_option(label="Resolved")
    page.get_by_role("button", name="Save and continue editing").click()
    assert "Say why: the history keeps it." in visitor.text()
    page.get_by_label("Note").fill("The scope was cut.")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_text("You may edit it again below.").wait_for()
    with tenant_context(ours.tenant.pk):
        assert Gap.objects.get(pk=gap.pk).status == GapStatus.RESOLVED


def test_a_forecast_stands_above_the_project_and_on_the_first_page_in_words(visitor: Visitor, ours: LookAlike) -> None:
    project = ours.rows[Project]
    with tenant_context(ours.tenant.pk):
        AnalysisRecordFactory.create(project=project, kind="FORECAST", results=FORECAST, readiness="OK")
    page = visitor.page
    visitor.open(reverse("admin:projects_project_change", args=[project.pk]))
    answer = page.get_by_role("region", name="When will it be done?").inner_text()

    assert "At risk 26 % sure to be done by 18 September 2026; 85 % asked for" in " ".join(answer.split())
    assert "14 Dec 2026" in answer
    assert "more than ten years away" in answer
    assert visitor.problems() == []
    visitor.open(reverse("admin:index"))
    row = page.get_by_role("row", name=str(project)).first.inner_text()
    assert "At risk" in row
    assert "14 Dec 2026" in row


def test_what_cannot_be_known_is_not_shown_as_good_and_names_the_next_step(visitor: Visitor, ours: LookAlike) -> None:
    with tenant_context(ours.tenant.pk):
        Project.objects.update(status=ProjectStatus.COMPLETED)  # the first page has room for ten that run
        project = Project.objects.create(name="Nothing recorded yet")
    page = visitor.page
    visitor.open(reverse("admin:projects_project_change", args=[project.pk]))
    page.get_by_role("button", name="Analyse now").click()
    page.get_by_text("The project was analysed just now.").wait_for()
    answer = page.get_by_role("region", name="When will it be done?")

    assert "Not known No forecast" in " ".join(answer.inner_text().split())
    assert "To get further: Connect the tool the work is planned in" in answer.inner_text()
    assert "on-course" not in (answer.get_attribute("class") or "")
    visitor.open(reverse("admin:index"))
    assert "Not known" in page.get_by_role("row", name="Nothing recorded yet").inner_text()


def test_a_key_is_shown_once(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open(reverse("admin:tenants_apikey_add"))
    page.get_by_label("Name").fill("Nightly export")
    page.locator(".field-user .select2-selection").click()
    page.locator(".select2-results__option--highlighted").click()
    page.get_by_role("button", name="Save", exact=True).click()
    shown = visitor.text()
    secret = page.locator(".shown-once").inner_text()

    assert "Copy the key now, it is not shown again" in shown
    assert secret.startswith("sbk_")
    assert visitor.problems() == []
    page.get_by_role("link", name="I have copied it, go on").click()
    assert secret not in page.content()
    page.get_by_role("link", name="Nightly export").click()
    assert secret not in page.content()
    visitor.open(reverse("admin:tenants_apikey_changelist"))
    assert secret not in page.content()
