"""One person with accounts in two tools: how it becomes known, what it changes, and how it is taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from predictions.domain.team_size import count_people
from projects.domain.people import AccountsNotLinked, link_accounts, set_apart, user_changed
from projects.domain.queries.history import load_history
from projects.domain.recording import RecordingResult, record_observations
from projects.enums import StatusCategory, TrackedField
from projects.history.two_clocks import key_of
from projects.models import Contributor, Project, PseudonymKey
from projects.observations import (
    AccountObservation,
    FieldChangeObservation,
    ObservationBatch,
    WorkItemObservation,
)
from tenants.encryption.secret import Secret
from tenants.isolation.context import current_context
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ActivityEventFactory, CapacityCalendarFactory, ContributorFactory, ProjectFactory

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)
ADDRESS = "Ann.Known@Example.test"
Record = Callable[..., RecordingResult]


@pytest.fixture
def project(in_tenant: LookAlike) -> Project:
    made: Project = ProjectFactory.create()
    return made


def seen(project: Project, source: str, account: str, email: str = "", **facts: Any) -> RecordingResult:
    """An item that the account carries, in a tool that may tell the account's address."""
    item = WorkItemObservation(
        external_id="1", key=f"{source}-1", status_category=StatusCategory.IN_PROGRESS, created_at=MONDAY,
        assignee_ids=(account,),
    )  # fmt: skip
    told = (AccountObservation(account_id=account, email=email),) if email else ()
    return record_observations(
        project=project, source=source, observations=ObservationBatch(items=(item,), accounts=told, **facts), at=MONDAY
    )


def contributor(source: str) -> Contributor:
    found: Contributor = Contributor.objects.get(source=source)
    return found


def test_one_address_in_two_tools_makes_one_person_whichever_comes_first(project: Project) -> None:
    seen(project, "tool-a", "acc-1", ADDRESS)
    seen(project, "tool-b", "U77", ADDRESS.upper())

    first, second = contributor("tool-a"), contributor("tool-b")

    assert first.person == second.person == first.pk
    assert first.email_digest == second.email_digest != ""
    assert first.external_id_digest != second.external_id_digest


def test_second_reading_writes_nothing(project: Project) -> None:
    seen(project, "tool-a", "acc-1", ADDRESS)
    linked = seen(project, "tool-b", "U77", ADDRESS)

    again = [seen(project, source, account, ADDRESS) for source, account in (("tool-a", "acc-1"), ("tool-b", "U77"))]

    assert linked.facts == 3  # an address, and two accounts that have a person now
    assert [(each.facts, each.unchanged) for each in again] == [(0, 1), (0, 1)]


def test_address_of_somebody_who_did_nothing_makes_no_account(project: Project) -> None:
    told = (AccountObservation(account_id="nobody", email=ADDRESS),)

    result = record_observations(
        project=project, source="tool-a", observations=ObservationBatch(accounts=told), at=MONDAY
    )

    assert (result.facts, Contributor.objects.filter(source="tool-a").exists()) == (0, False)


@pytest.mark.parametrize("email", ["", "none", "12+ann@users.noreply.github.com", "x" * 250 + "@example.test"])
def test_what_is_no_address_links_nobody(project: Project, email: str) -> None:
    seen(project, "tool-a", "acc-1", email)
    seen(project, "tool-b", "U77", email)

    assert {contributor(source).person for source in ("tool-a", "tool-b")} == {None}


def test_changed_address_takes_the_link_back(project: Project) -> None:
    seen(project, "tool-a", "acc-1", ADDRESS)
    seen(project, "tool-b", "U77", ADDRESS)

    seen(project, "tool-b", "U77", "somebody.else@example.test")

    assert {contributor(source).person for source in ("tool-a", "tool-b")} == {None}


def test_no_address_is_kept_anywhere_nor_shown_by_an_observation(project: Project) -> None:
    seen(project, "tool-a", "acc-1", ADDRESS)
    rows = [*Contributor.objects.filter(source="tool-a").values(), *AuditEntry.objects.values()]

    assert ADDRESS.lower() not in str(rows).lower()
    assert "Known" not in repr(AccountObservation(account_id="1", email=ADDRESS))


def test_look_alike_with_the_same_address_has_another_digest_and_is_not_linked(
    project: Project, theirs: LookAlike
) -> None:
    seen(project, "tool-a", "acc-1", ADDRESS)
    with tenant_context(theirs.tenant.pk):
        key = PseudonymKey.objects.get()
        key.key = Secret(b"\x01" * 32)
        key.save()
        seen(ProjectFactory.create(), "tool-b", "U77", ADDRESS)
        foreign = contributor("tool-b")

    assert foreign.email_digest not in ("", contributor("tool-a").email_digest)
    assert (foreign.person, contributor("tool-a").person) == (None, None)


def test_person_linked_by_hand_and_parted_again(in_tenant: LookAlike) -> None:
    first, second, third = ContributorFactory.create_batch(3)

    link_accounts(first, second)
    link_accounts(second, third)
    together = set(Contributor.objects.filter(pk__in=[first.pk, second.pk, third.pk]).values_list("person", flat=True))
    set_apart(second)
    parted = {each.pk: each.person for each in Contributor.objects.filter(pk__in=[first.pk, second.pk, third.pk])}

    assert together == {first.pk}
    assert parted == {first.pk: first.pk, second.pk: None, third.pk: first.pk}
    assert AuditEntry.objects.filter(resource_id=str(second.pk)).exists()


def test_account_set_apart_stays_so_until_it_is_linked_by_hand(project: Project) -> None:
    seen(project, "tool-a", "acc-1", ADDRESS)
    seen(project, "tool-b", "U77", ADDRESS)

    set_apart(contributor("tool-b"))
    seen(project, "tool-b", "U77", ADDRESS)
    alone = contributor("tool-a").person, contributor("tool-b").person
    link_accounts(contributor("tool-a"), contributor("tool-b"))

    assert alone == (None, None)
    assert contributor("tool-a").person == contributor("tool-b").person is not None


def test_one_account_cannot_be_linked_to_itself(in_tenant: LookAlike) -> None:
    account = ContributorFactory.create()

    with pytest.raises(AccountsNotLinked):
        link_accounts(account, account)


def test_accounts_of_one_user_are_one_person(in_tenant: LookAlike) -> None:
    user = next(iter(in_tenant.users.values()))
    first, second = ContributorFactory.create(user=user), ContributorFactory.create(user=user)

    user_changed()

    assert set(Contributor.objects.filter(pk__in=[first.pk, second.pk]).values_list("person", flat=True)) == {first.pk}


def test_history_and_team_size_count_one_person_once(project: Project) -> None:
    changes = (
        FieldChangeObservation(
            external_id="1", item_id="1", field=TrackedField.ASSIGNEE, to_id="U77", changed_at=MONDAY, actor_id="U77"
        ),
    )
    seen(project, "tool-a", "acc-1")
    seen(project, "tool-b", "U77", changes=changes)
    first, second = contributor("tool-a"), contributor("tool-b")
    CapacityCalendarFactory.create(project=project, contributor=first)
    CapacityCalendarFactory.create(project=project, contributor=second)
    ActivityEventFactory.create(project=project, work_item=None, contributor=second, occurred_at=MONDAY)
    later = datetime.now(UTC) + timedelta(minutes=1)

    def counted() -> tuple[int, int, int, int | None]:
        now = load_history(project.pk).as_of(later)
        hours = now.capacity.daily_hours(TUESDAY.date(), TUESDAY.date())
        assignees = {key for key in now.assignees.tolist() if key}
        actors = set(now.activity.contributor.tolist())
        return len(assignees), len(actors), int(hours.sum()), count_people(project, as_of=TUESDAY)

    apart = counted()
    link_accounts(first, second)
    together = counted()
    set_apart(second)

    assert apart == (2, 1, 16, 2)
    assert together == (1, 1, 8, 1)
    assert counted() == apart
    assert load_history(project.pk).as_of(later).assignees.tolist() != [key_of(first.pk)] * 2


def test_history_without_linked_accounts_is_what_it_was(project: Project) -> None:
    seen(project, "tool-a", "acc-1")
    later = datetime.now(UTC) + timedelta(minutes=1)
    before = load_history(project.pk).as_of(later).assignees.tolist()
    with tenant_context(current_context().tenant_id):  # type: ignore[union-attr,arg-type]
        link_accounts(*ContributorFactory.create_batch(2))  # of nobody in this project

    assert load_history(project.pk).as_of(later).assignees.tolist() == before
