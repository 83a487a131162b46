"""What happens to gaps is put in with the analysis that finds it, told once, and never in the way of the analysis."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import pytest

from gaps.domain.lifecycle import resolve_gap
from gaps.models import Gap, GapTransition
from integrations.models import Delivery, Destination, OutgoingMessage
from projects.models import AnalysisRecord, Project
from stratibreak.pipeline import RefreshOutcome, refresh_project
from tenants.enums import Role
from tenants.isolation.queue import own_jobs
from tenants.isolation.transaction import tenant_context
from tests.factories.integrations import DestinationFactory
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory
from tests.owner_rows import owner_connection
from tests.project_histories import NOW
from tests.recorded_team import record_team

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(ours: LookAlike) -> Project:
    """A project that is late."""
    with tenant_context(ours.tenant.pk):
        found = ProjectFactory.create(name="Billing", start_date=date(2023, 9, 1), end_date=date(2024, 9, 25))
        record_team(found, [5] * 40, open_items=120)
    return found


@pytest.fixture
def destination(ours: LookAlike) -> Destination:
    with tenant_context(ours.tenant.pk):
        made: Destination = DestinationFactory.create(is_active=True, project=None)
        return made


def refresh(one: LookAlike, project: Project, *, later: timedelta = timedelta()) -> RefreshOutcome:
    with tenant_context(one.tenant.pk):
        return refresh_project(project=project, as_of=NOW + later, at=NOW + later).outcome


def told(one: LookAlike, project: Project) -> list[OutgoingMessage]:
    with tenant_context(one.tenant.pk):
        return list(OutgoingMessage.objects.filter(project=project, type__startswith="gap.").order_by("id"))


def test_gap_that_is_found_is_told_once(ours: LookAlike, project: Project, destination: Destination) -> None:
    refresh(ours, project)
    refresh(ours, project, later=timedelta(minutes=1))

    [message] = told(ours, project)
    with tenant_context(ours.tenant.pk):
        gap = Gap.objects.get(project=project)
        opening = GapTransition.objects.get(gap=gap)
        assert own_jobs(subject=destination.pk)
        assert Delivery.objects.filter(message=message, destination=destination).count() == 1
    assert (message.type, message.key, message.occurred_at) == ("gap.opened", str(opening.pk), NOW)
    assert message.data == {
        "gap": str(gap.pk),
        "project": str(project.pk),
        "change": "OPENED",
        "gap_type": gap.type,
        "gap_category": gap.category,
        "status": "OPEN",
        "severity": gap.severity,
        "severity_before": "",
        "effect_in_tolerances": opening.to_effect,
        "by_person": False,
        "link": f"https://stratibreak.example/api/v1/gaps/{gap.pk}",
    }
    assert gap.title not in str(message.data)


def test_what_a_person_did_is_told_by_the_next_analysis(
    ours: LookAlike, project: Project, destination: Destination
) -> None:
    refresh(ours, project)
    with tenant_context(ours.tenant.pk):
        gap = Gap.objects.get(project=project)
        resolve_gap(
            gap=gap, by=ours.users[Role.PROJECT_MANAGER], at=NOW + timedelta(hours=1), note="We moved the date."
        )

    refresh(ours, project, later=timedelta(hours=2))

    resolved = [message for message in told(ours, project) if message.type == "gap.resolved"]
    assert [message.data["by_person"] for message in resolved] == [True]
    assert "moved the date" not in str(resolved[0].data)


def test_organisation_without_destinations_keeps_no_messages(ours: LookAlike, project: Project) -> None:
    with tenant_context(ours.tenant.pk):
        Destination.objects.all()._raw_delete("default")

    refresh(ours, project)

    assert told(ours, project) == []


def test_news_stay_in_their_organisation(
    ours: LookAlike, theirs: LookAlike, project: Project, destination: Destination
) -> None:
    with tenant_context(theirs.tenant.pk):
        DestinationFactory.create(is_active=True, project=None)
        before = Delivery.objects.count()

    refresh(ours, project)

    with tenant_context(theirs.tenant.pk):
        assert Delivery.objects.count() == before


@contextmanager
def broken(table: str) -> Iterator[None]:
    """A table without one of its columns, as after a release that went wrong."""
    with owner_connection() as owner:
        owner.execute(f'ALTER TABLE "{table}" RENAME COLUMN tenant_id TO gone')
        try:
            yield
        finally:
            owner.execute(f'ALTER TABLE "{table}" RENAME COLUMN gone TO tenant_id')


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["integrations_destination", "integrations_outgoingmessage", "integrations_delivery"])
def test_analysis_is_kept_although_nothing_can_be_told(
    table: str, ours: LookAlike, project: Project, destination: Destination, caplog: pytest.LogCaptureFixture
) -> None:
    with broken(table), caplog.at_level(logging.ERROR):
        assert refresh(ours, project) == RefreshOutcome.DONE

    assert "could not be put in" in caplog.text
    with tenant_context(ours.tenant.pk):
        assert Gap.objects.filter(project=project).exists()
        assert AnalysisRecord.objects.filter(project=project).exists()
    assert told(ours, project) == []
