"""Links between items of two tools, in whatever order the items and what names them come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from projects.domain.recording import record_observations, resolve_mentions
from projects.domain.same_work import described_elsewhere
from projects.enums import ActivityKind, LinkDirection, StatusCategory
from projects.models import ActivityEvent, Project, WorkItem, WorkItemLink
from projects.observations import ActivityObservation, LinkObservation, ObservationBatch, WorkItemObservation
from tenants.isolation.transaction import tenant_context
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ProjectFactory

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)
PLANNED = "https://plan.example/browse/PROJ-12"


@pytest.fixture
def project(in_tenant: LookAlike) -> Project:
    made: Project = ProjectFactory.create()
    return made


def observed(external_id: str, key: str, **values: Any) -> WorkItemObservation:
    defaults: dict[str, Any] = {"status_category": StatusCategory.TODO, "created_at": MONDAY}
    return WorkItemObservation(external_id=external_id, key=key, **(defaults | values))


def planned(project: Project) -> None:
    record(project, "planner", observed("7", "PROJ-12", url=PLANNED))


def record(project: Project, source: str, *items: WorkItemObservation, at: datetime = MONDAY, **facts: Any) -> int:
    """One reading of a tool, through to its end. Returns the number of links written at the end."""
    record_observations(project=project, source=source, observations=ObservationBatch(items=items, **facts), at=at)
    return resolve_mentions(project=project, at=at)


def links() -> list[tuple[str, str, str, bool]]:
    rows = WorkItemLink.objects.filter(external_id__startswith="mention ").order_by("pk")
    return [
        (link.work_item.key, link.link_type, link.target_key, link.unlinked_at is None)
        for link in rows.select_related("work_item")
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"title": "PROJ-12: paint the fence"},
        {"mentions": ("//plan.example/browse/PROJ-12",)},
        {"title": f"See {PLANNED}?token=x"},
    ],
)
@pytest.mark.parametrize("item_first", [True, False])
def test_item_that_names_another_tools_item_is_linked_in_either_order(
    project: Project, values: dict[str, Any], item_first: bool
) -> None:
    if item_first:
        planned(project)
    record(project, "code", observed("1", "app#1", **values))
    if not item_first:
        planned(project)

    assert links() == [("app#1", "Mentions", "PROJ-12", True)]
    assert WorkItemLink.objects.get(target_key="PROJ-12").direction == LinkDirection.OUTWARD
    assert resolve_mentions(project=project, at=TUESDAY) == 0


def test_link_ends_when_the_item_names_the_other_no_longer_and_comes_back_with_it(project: Project) -> None:
    planned(project)
    named, unnamed = observed("1", "app#1", title="PROJ-12: paint"), observed("1", "app#1", title="Paint")
    record(project, "code", named)

    ended = record(project, "code", unnamed, at=TUESDAY), links()
    again = record(project, "code", named, at=TUESDAY), links()

    assert ended == (1, [("app#1", "Mentions", "PROJ-12", False)])
    assert again == (1, [("app#1", "Mentions", "PROJ-12", True)])


def test_whole_state_of_an_item_ends_its_own_links_and_no_link_between_tools(project: Project) -> None:
    planned(project)
    item = observed("1", "app#1", title="PROJ-12: paint")
    own = LinkObservation(
        external_id="l1", item_id="1", link_type="Blocks", direction=LinkDirection.OUTWARD, target_key="app#2"
    )
    record(project, "code", item, links=(own,), whole_states=frozenset({"1"}))

    written = record(project, "code", item, whole_states=frozenset({"1"}), at=TUESDAY)

    assert (written, links()) == (0, [("app#1", "Mentions", "PROJ-12", True)])
    assert WorkItemLink.objects.get(external_id="l1").unlinked_at == TUESDAY


def test_word_that_is_nobodys_key_links_nothing(project: Project) -> None:
    planned(project)

    assert record(project, "code", observed("1", "app#1", title="UTF-8 and PROJ-99 and PROJ-120")) == 0


def test_address_of_another_site_with_the_same_key_links_nothing(project: Project) -> None:
    planned(project)

    record(project, "code", observed("1", "app#1", mentions=("//evil.example/browse/PROJ-12",)))

    assert links() == []


def test_item_of_the_same_tool_is_left_to_the_tool(project: Project) -> None:
    planned(project)

    assert record(project, "planner", observed("8", "PROJ-13", title="After PROJ-12")) == 0


def test_mark_of_a_copy_is_a_link_of_its_own_kind(project: Project) -> None:
    planned(project)

    record(project, "code", observed("1", "app#1", title="PROJ-12", mentions=("=//plan.example/browse/PROJ-12",)))

    assert links() == [("app#1", "Same work as", "PROJ-12", True)]


TITLE = "Paint the garden fence"


@pytest.mark.parametrize("minutes", [-10, 0, 10])
def test_items_with_one_title_opened_within_minutes_suggest_that_they_are_one(project: Project, minutes: int) -> None:
    record(project, "planner", observed("7", "PROJ-12", title=TITLE))
    opened_at = MONDAY + timedelta(minutes=minutes)

    written = record(project, "code", observed("1", "app#1", title=TITLE.upper(), created_at=opened_at))

    pair = ("PROJ-12", "app#1") if minutes < 0 else ("app#1", "PROJ-12")
    assert (written, links()) == (1, [(pair[0], "Same title as", pair[1], True)])
    assert resolve_mentions(project=project, at=TUESDAY) == 0


@pytest.mark.parametrize(
    "others",
    [
        [("code", "app#1", {"title": TITLE, "created_at": MONDAY + timedelta(minutes=11)})],
        [("planner", "PROJ-13", {"title": TITLE})],
        [("code", "app#1", {"title": TITLE}), ("code", "app#2", {"title": TITLE})],  # which of them?
        [("code", "app#1", {"title": "Paint the garden fence again"})],
    ],
)
def test_titles_that_are_not_telling_suggest_nothing(project: Project, others: list[Any]) -> None:
    record(project, "planner", observed("7", "PROJ-12", title=TITLE))

    for number, (source, key, values) in enumerate(others):
        record(project, source, observed(f"{number}", key, **values))

    assert [link for link in links() if link[3]] == []


def test_short_title_suggests_nothing(project: Project) -> None:
    record(project, "planner", observed("7", "PROJ-12", title="Fix login"))

    assert record(project, "code", observed("1", "app#1", title="Fix login")) == 0


def test_suggestion_ends_with_the_title_and_a_mention_says_more_than_it(project: Project) -> None:
    record(project, "planner", observed("7", "PROJ-12", title=TITLE))
    record(project, "code", observed("1", "app#1", title=TITLE))

    record(project, "code", observed("1", "app#1", title=TITLE, mentions=("PROJ-12",)), at=TUESDAY)
    named = links()
    record(project, "code", observed("1", "app#1", title="Another title"), at=TUESDAY)

    assert named == [("app#1", "Mentions", "PROJ-12", True)]
    assert [is_shown for *_, is_shown in links()] == [False]


def test_items_tell_each_other_where_else_they_are_seen(project: Project) -> None:
    planned(project)
    record(project, "code", observed("1", "app#1", title="PROJ-12: paint"))
    code, plan = WorkItem.objects.get(key="app#1"), WorkItem.objects.get(key="PROJ-12", project=project)

    assert described_elsewhere(code) == ["Mentions PROJ-12 (planner)"]
    assert described_elsewhere(plan) == ["app#1 (code): mentions this"]


def test_item_of_another_project_or_tenant_is_no_target(project: Project, theirs: LookAlike) -> None:
    planned(ProjectFactory.create())
    with tenant_context(theirs.tenant.pk):
        planned(ProjectFactory.create())

    assert record(project, "code", observed("1", "app#1", title="PROJ-12: paint", mentions=(f"//{PLANNED[8:]}",))) == 0


@pytest.mark.parametrize("item_first", [True, False])
def test_review_of_a_change_that_names_an_item_is_about_it(project: Project, item_first: bool) -> None:
    review = ActivityObservation(
        external_id="review 1", kind=ActivityKind.REVIEW, occurred_at=MONDAY, mentions=("UTF-8", "PROJ-12")
    )
    if item_first:
        planned(project)
    record(project, "code", activities=(review,))
    if not item_first:
        planned(project)

    again = record(project, "code", activities=(review,), at=TUESDAY)

    event = ActivityEvent.objects.get(external_id="review 1")
    assert (event.work_item, again) == (WorkItem.objects.get(key="PROJ-12"), 0)


def test_review_is_about_no_item_once_the_change_names_another(project: Project) -> None:
    planned(project)
    review = ActivityObservation(
        external_id="review 1", kind=ActivityKind.REVIEW, occurred_at=MONDAY, mentions=("PROJ-12",)
    )
    record(project, "code", activities=(review,))

    record(project, "code", activities=(ActivityObservation(
        external_id="review 1", kind=ActivityKind.REVIEW, occurred_at=MONDAY, mentions=("PROJ-13",)
    ),))  # fmt: skip

    assert ActivityEvent.objects.get(external_id="review 1").work_item is None


@pytest.mark.parametrize("items", [1, 30])
def test_links_take_seven_statements_however_many_items(
    project: Project, items: int, django_assert_num_queries: Any
) -> None:
    planned(project)
    review = ActivityObservation(
        external_id="review 1", kind=ActivityKind.REVIEW, occurred_at=MONDAY, mentions=("PROJ-12",)
    )
    named = [observed(str(number), f"app#{number}", title="PROJ-12") for number in range(items)]
    batch = ObservationBatch(items=tuple(named), activities=(review,))
    record_observations(project=project, source="code", observations=batch, at=MONDAY)

    with django_assert_num_queries(7):
        assert resolve_mentions(project=project, at=MONDAY) == items + 1
