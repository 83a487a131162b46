"""What are my options? Compared on the trials of the forecast, of one tenant, by whoever may read the forecast."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from projects.enums import AnalysisKind, Presence, StatusCategory
from projects.models import AnalysisRecord, Project, WorkItem
from tenants.audit.enums import AuditAction
from tenants.enums import ApiScope, Role
from tenants.isolation.transaction import tenant_context
from tenants.models import AuditEntry
from tests.api.analysed import TARGET, analysed_project, done_id, open_ids
from tests.api.conftest import ApiClient
from tests.api.test_matrix import enter_project
from tests.factories.look_alike import LookAlike
from tests.factories.projects import ContributorFactory, IterationFactory, IterationMembershipFactory, ProjectFactory
from tests.project_histories import NOW

pytestmark = pytest.mark.django_db

DROP, DEFER, ADD, WIP, MOVE = "DROP", "DEFER", "ADD_CAPACITY", "LIMIT_WIP", "MOVE_DATE"


@pytest.fixture
def project(ours: LookAlike) -> Project:
    return analysed_project(ours)


def address(project: Project) -> str:
    return f"/api/v1/projects/{project.pk}/what-if"


def ask(client: ApiClient, project: Project, *options: list[dict[str, Any]], **more: Any) -> Any:
    """The answer to options, each given by its steps."""
    return client.send("POST", address(project), {"scenarios": [{"steps": steps} for steps in options], **more})


def options_of(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.content
    options: list[dict[str, Any]] = answer.json()["options"]
    return options


def day_of(option: dict[str, Any], probability: float = 0.85) -> str:
    return str(next(each["value"] for each in option["quantiles"] if each["p"] == probability))


# --- what is answered ---


def test_doing_nothing_is_first_and_is_the_forecast_exactly(project: Project, admin: ApiClient) -> None:
    forecast = admin.fetch(f"/api/v1/projects/{project.pk}/forecast").json()

    answer = admin.send("POST", address(project)).json()

    [nothing] = answer["options"]
    assert nothing["name"] == "Do nothing"
    assert nothing["quantiles"] == forecast["result"]["quantiles"]
    assert nothing["p_on_time"] == forecast["result"]["p_on_time"]
    assert (nothing["target_date"], nothing["days_saved_p85"]) == (TARGET.isoformat(), 0.0)
    assert (answer["as_of"], answer["readiness"]) == (forecast["as_of"], forecast["readiness"])
    assert answer["evidence"] == forecast["result"]["evidence"]
    assert answer["model"]["id"] == "what-if.common-paths"


def test_every_kind_of_step_is_answered_beside_the_others(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    ids = open_ids(ours, project)

    nothing, dropped, deferred, added, limited, moved, both = options_of(
        ask(
            admin,
            project,
            [{"kind": DROP, "items": ids[:20]}],
            [{"kind": DEFER, "items": ids[:20]}],
            [{"kind": ADD, "share": 0.25, "ramp_up_days": 14}],
            [{"kind": WIP, "limit": 1}],
            [{"kind": MOVE, "target_date": "2024-12-18"}],
            [{"kind": DROP, "count": 10}, {"kind": ADD, "people": 1, "team_size": 4}],
        )
    )

    before = nothing["p_on_time"]["value"]
    assert dropped["p_on_time"]["value"] > before
    assert dropped["days_saved_p85"] > 0
    assert (dropped["promised_items"], dropped["evidence_count"]) == (40, 20)
    assert [row["object_id"] for row in dropped["evidence"]] == ids[:20]
    assert deferred["quantiles"] == dropped["quantiles"]
    assert deferred["quantiles_of_everything"] == nothing["quantiles"]
    assert added["days_saved_p85"] > 0
    assert limited["quantiles"] == nothing["quantiles"]
    assert limited["cycle_time"]["then_days"] < limited["cycle_time"]["now_days"]
    assert moved["quantiles"] == nothing["quantiles"]
    assert moved["p_on_time"]["value"] > before
    assert both["days_saved_p85"] > 0
    for option in (dropped, deferred, added, moved, both):
        change = option["change_of_p_on_time"]
        assert change["low"] <= change["value"] <= change["high"]
        assert change["value"] == pytest.approx(option["p_on_time"]["value"] - before)
        assert option["assumptions"] or option is moved


def test_dropping_more_is_never_later(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    ids = open_ids(ours, project)

    options = options_of(ask(admin, project, *([{"kind": DROP, "items": ids[:n]}] for n in (1, 5, 20, 40, 59))))

    days = [day_of(option) for option in options]
    chances = [option["p_on_time"]["value"] for option in options]
    assert days == sorted(days, reverse=True)
    assert chances == sorted(chances)


def test_option_that_leaves_nothing_and_one_without_a_team_have_no_number(project: Project, admin: ApiClient) -> None:
    _, nothing_left, unknown_team = options_of(
        ask(admin, project, [{"kind": DROP, "count": 60}], [{"kind": ADD, "people": 2}])
    )

    assert [row["code"] for row in nothing_left["readiness_reasons"]] == ["NOTHING_LEFT"]
    assert [row["code"] for row in unknown_team["readiness_reasons"]] == ["TEAM_SIZE_UNKNOWN"]
    for option in (nothing_left, unknown_team):
        assert option["readiness"] in ("MISCONFIGURED", "INSUFFICIENT")
        assert (option["quantiles"], option["p_on_time"], option["days_saved_p85"]) == ([], None, None)


def test_team_is_counted_from_who_stands_on_the_items(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        people = ContributorFactory.create_batch(5)
        recent = WorkItem.objects.filter(project=project, resolved_at__gt=NOW - timedelta(weeks=12)).order_by("pk")
        for number, item in enumerate(recent):
            WorkItem.objects.filter(pk=item.pk).update(assignee=people[number % 5])

    _, as_people, as_share = options_of(
        ask(admin, project, [{"kind": ADD, "people": 1}], [{"kind": ADD, "share": 0.2}])
    )

    assert as_people["quantiles"] == as_share["quantiles"]
    assert as_people["assumptions"][0] == "With 1 more people than the 5 there are, capacity grows by 20%."


def test_target_that_has_passed_can_be_moved(ours: LookAlike, admin: ApiClient) -> None:
    late = analysed_project(ours, end_date=NOW.date() - timedelta(days=7))

    nothing, moved = options_of(ask(admin, late, [{"kind": MOVE, "target_date": "2024-12-18"}]))

    assert (nothing["readiness"], nothing["quantiles"]) == ("MISCONFIGURED", [])
    assert moved["readiness"] == "OK"
    assert 0 < moved["p_on_time"]["value"] < 1
    assert moved["change_of_p_on_time"] is None


def test_without_an_analysis_and_without_facts_it_abstains(ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        never = ProjectFactory.create(name="Never analysed")
    empty = analysed_project(ours, name="Empty", open_items=0)

    for project, code in ((never, "NOT_YET_RUN"), (empty, "NOTHING_REMAINING")):
        answer = ask(admin, project, [{"kind": MOVE, "target_date": "2025-01-01"}]).json()
        assert [row["code"] for row in answer["readiness_reasons"]] == [code]
        assert answer["readiness"] in ("INSUFFICIENT", "MISCONFIGURED")
        assert [(each["quantiles"], each["p_on_time"]) for each in answer["options"]] == [([], None)] * 2
        assert answer["model"] is None


@pytest.mark.parametrize("results", ["without a basis", "of another model"])
def test_forecast_that_cannot_be_played_again_gives_no_numbers(
    results: str, project: Project, ours: LookAlike, admin: ApiClient
) -> None:
    with tenant_context(ours.tenant.pk):
        record = AnalysisRecord.objects.get(project=project, kind=AnalysisKind.FORECAST)
        kept = dict(record.results)
        if results == "without a basis":
            del kept["basis"]
        else:
            kept["p_on_time"] = {**kept["p_on_time"], "value": kept["p_on_time"]["value"] + 1e-9}
        AnalysisRecord.objects.create(
            **{
                name: getattr(record, name)
                for name in ("kind", "as_of", "readiness", "inputs_hash", "model_id", "duration_ms")
            },
            project=project,
            model_version="0",
            results=kept,
        )

    answer = ask(admin, project).json()

    assert (answer["readiness"], answer["options"][0]["quantiles"]) == ("STALE", [])
    assert [row["code"] for row in answer["readiness_reasons"]] == ["FORECAST_OUTDATED"]


def test_record_that_moved_on_since_the_forecast_is_said(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    first = open_ids(ours, project)[0]
    with tenant_context(ours.tenant.pk):
        WorkItem.objects.filter(pk=first).update(status_category=StatusCategory.DONE)

    answer = ask(admin, project).json()

    assert answer["readiness"] == "LIMITED"
    assert answer["readiness_reasons"][-1] == {
        "code": "RECORD_MOVED_ON",
        "message": "The forecast counted 60 open items; the record holds 59 now.",
        "unlock": "Run an analysis.",
    }


# --- the smallest cut ---


def cut_of(client: ApiClient, project: Project, **asked: Any) -> dict[str, Any]:
    answer = client.send("POST", address(project), {"minimal_cut": {"before": "2024-09-11", **asked}})
    assert answer.status_code == 200, answer.content
    cut: dict[str, Any] = answer.json()["minimal_cut"]
    return cut


def test_cut_is_just_enough_and_one_item_less_is_not(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    cut = cut_of(admin, project)

    ids = [row["object_id"] for row in cut["cut"]]
    assert len(ids) == len(set(ids)) == cut["cut_count"] == cut["needed_items"]
    assert set(ids) <= set(open_ids(ours, project))
    _, with_cut, with_less = options_of(
        ask(admin, project, [{"kind": DROP, "items": ids}], [{"kind": DROP, "items": ids[1:]}])
    )
    assert day_of(with_cut) == cut["p85_after"] <= "2024-09-11" < cut["p85_with_one_item_less"] == day_of(with_less)


def test_cut_takes_the_lowest_priority_first_and_keeps_what_must_stay(
    project: Project, ours: LookAlike, admin: ApiClient
) -> None:
    ids = open_ids(ours, project)
    with tenant_context(ours.tenant.pk):
        WorkItem.objects.filter(pk__in=ids).update(priority="Highest")
        WorkItem.objects.filter(pk__in=ids[:4]).update(priority="low")
        WorkItem.objects.filter(pk=ids[4]).update(priority="Trivial")
        WorkItem.objects.filter(pk__in=ids[5:10]).update(priority="whatever this means")

    plain = [row["object_id"] for row in cut_of(admin, project)["cut"]]
    kept = [row["object_id"] for row in cut_of(admin, project, keep=[ids[4], ids[0]])["cut"]]
    young = cut_of(admin, project, order="YOUNGEST")

    assert plain[0] == ids[4]
    assert set(plain[1:5]) == set(ids[:4])
    assert set(plain[5:10]) == set(ids[5:10])
    assert not {ids[4], ids[0]} & set(kept)
    assert young["rule"] == "The youngest first."


def test_cut_of_parents_and_iterations_takes_the_fewest(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    ids = open_ids(ours, project)
    with tenant_context(ours.tenant.pk):
        for key, group in (("EPIC-1", ids[:2]), ("EPIC-2", ids[2:45]), ("EPIC-3", ids[45:55])):
            WorkItem.objects.filter(pk__in=group).update(parent_key=key)
        sprints = [IterationFactory.create(project=project, name=name) for name in ("Soon", "Later")]
        for number, item in enumerate(ids[:50]):
            IterationMembershipFactory.create(
                iteration=sprints[number % 5 != 0], work_item=WorkItem.objects.get(pk=item), left_at=None
            )

    parents, iterations = cut_of(admin, project, by="PARENT"), cut_of(admin, project, by="ITERATION")

    assert [(row["object_key"], row["items"]) for row in parents["cut"]] == [("EPIC-2", 43)]
    assert [(row["object_key"], row["items"]) for row in iterations["cut"]] == [("Later", 40)]
    assert iterations["cut"][0]["object_id"] == str(sprints[1].pk)
    kept = cut_of(admin, project, by="PARENT", keep=[ids[10]])
    assert (kept["cut_count"], kept["readiness_reasons"][0]["code"]) == (None, "NO_CUT_SUFFICES")


def test_no_cut_reaches_yesterday(project: Project, admin: ApiClient) -> None:
    cut = cut_of(admin, project, before="2024-07-01")

    assert (cut["needed_items"], cut["cut_count"], cut["cut"], cut["readiness"]) == (None, None, [], "LIMITED")


def test_nothing_is_cut_for_a_day_that_is_safe(project: Project, admin: ApiClient) -> None:
    cut = cut_of(admin, project, before="2033-01-03")

    assert (cut["needed_items"], cut["cut_count"], cut["cut"], cut["readiness"]) == (0, 0, [], "OK")


# --- what is refused ---


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], "#"),
        ({"scenarios": {}}, "#/scenarios"),
        ({"scenarios": [{"steps": []}]}, "#/scenarios/0/steps"),
        ({"scenarios": [{}]}, "#/scenarios/0/steps"),
        ({"scenarios": [{"steps": [{}]}]}, "#/scenarios/0/steps/0/kind"),
        ({"scenarios": [{"steps": [{"kind": "FIRE"}]}]}, "#/scenarios/0/steps/0/kind"),
        ({"scenarios": [{"steps": [{"kind": DROP}]}]}, "#/scenarios/0/steps/0/items"),
        ({"scenarios": [{"steps": [{"kind": DROP, "items": ["x"]}]}]}, "#/scenarios/0/steps/0/items/0"),
        ({"scenarios": [{"steps": [{"kind": DROP, "items": ["\u0000"]}]}]}, "#/scenarios"),
        ({"scenarios": [{"steps": [{"kind": DROP, "items": []}]}]}, "#/scenarios/0/steps/0/items"),
        ({"scenarios": [{"steps": [{"kind": DROP, "count": 3, "limit": 3}]}]}, "#/scenarios/0/steps/0/limit"),
        ({"scenarios": [{"steps": [{"kind": DROP, "count": 0}]}]}, "#/scenarios/0/steps/0/count"),
        ({"scenarios": [{"steps": [{"kind": DROP, "count": True}]}]}, "#/scenarios/0/steps/0/count"),
        ({"scenarios": [{"steps": [{"kind": DROP, "count": 10**30}]}]}, "#/scenarios/0/steps/0/count"),
        ({"scenarios": [{"steps": [{"kind": ADD}]}]}, "#/scenarios/0/steps/0/share"),
        ({"scenarios": [{"steps": [{"kind": ADD, "share": -0.1}]}]}, "#/scenarios/0/steps/0/share"),
        ({"scenarios": [{"steps": [{"kind": ADD, "share": 1e300}]}]}, "#/scenarios/0/steps/0/share"),
        ({"scenarios": [{"steps": [{"kind": ADD, "share": "NaN"}]}]}, "#/scenarios/0/steps/0/share"),
        ({"scenarios": [{"steps": [{"kind": ADD, "share": 0.1, "people": 1}]}]}, "#/scenarios/0/steps/0/share"),
        (
            {"scenarios": [{"steps": [{"kind": ADD, "share": 0.1, "start_date": "9999-12-31"}]}]},
            "#/scenarios/0/steps/0/start_date",
        ),
        ({"scenarios": [{"steps": [{"kind": WIP, "limit": 0}]}]}, "#/scenarios/0/steps/0/limit"),
        (
            {"scenarios": [{"steps": [{"kind": MOVE, "target_date": "9999-12-31"}]}]},
            "#/scenarios/0/steps/0/target_date",
        ),
        ({"scenarios": [{"steps": [{"kind": MOVE, "target_date": "soon"}]}]}, "#/scenarios/0/steps/0/target_date"),
        ({"scenarios": [{"steps": [{"kind": WIP, "limit": 1}] * 2}]}, "#/scenarios/0/steps"),
        ({"scenarios": [{"steps": [{"kind": WIP, "limit": 1}], "name": "x" * 101}]}, "#/scenarios/0/name"),
        ({"scenarios": [{"steps": [{"kind": WIP, "limit": 1}], "name": "\ud800"}]}, "#/scenarios"),
        ({"scenarios": [{"steps": [{"kind": WIP, "limit": 1}], "nmae": "x"}]}, "#/scenarios/0/nmae"),
        ({"scenarios": [{"steps": [{"kind": WIP, "limit": 1}]}] * 11}, "#/scenarios"),
        ({"scenario": []}, "#/scenario"),
        ({"minimal_cut": {}}, "#/minimal_cut/before"),
        ({"minimal_cut": {"before": "2024-01-01", "by": "PERSON"}}, "#/minimal_cut/by"),
    ],
)
def test_question_that_makes_no_sense_is_refused_where_it_stands(
    body: Any, place: str, ours: LookAlike, admin: ApiClient
) -> None:
    answer = admin.send("POST", address(ours.rows[Project]), body)  # type: ignore[arg-type]  # a row of that model

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [error["pointer"] for error in answer.json()["errors"]] == [place]


def test_more_ids_than_are_looked_up_at_once_are_refused(ours: LookAlike, admin: ApiClient) -> None:
    many = [{"kind": DROP, "items": [str(uuid4()) for _ in range(1_000)]}]

    answer = ask(admin, ours.rows[Project], many, many, many, many)  # type: ignore[arg-type]  # a row of that model

    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/scenarios"]


@pytest.mark.parametrize("content", [b"{", b"\x00", b"\xff\xfe", b'{"scenarios": [' + b"[" * 10_000])
def test_body_that_is_no_json_is_a_400(content: bytes, ours: LookAlike, admin: ApiClient) -> None:
    answer = admin.send("POST", address(ours.rows[Project]), content)  # type: ignore[arg-type]  # a row of that model

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_foreign_unknown_finished_and_lost_items_answer_alike(
    project: Project, ours: LookAlike, theirs: LookAlike, admin: ApiClient
) -> None:
    foreign, other = analysed_project(theirs), analysed_project(ours, name="Other")
    ids = open_ids(ours, project)
    with tenant_context(ours.tenant.pk):
        WorkItem.objects.filter(pk=ids[-1]).update(presence=Presence.GONE)
    wrong = [
        str(uuid4()),
        open_ids(theirs, foreign)[0],
        open_ids(ours, other)[0],
        done_id(ours, project),
        ids[-1],
    ]

    answers = [ask(admin, project, [{"kind": DROP, "items": [ids[0], id_]}]) for id_ in wrong]
    kept = [
        admin.send("POST", address(project), {"minimal_cut": {"before": "2024-09-11", "keep": [id_]}}) for id_ in wrong
    ]

    bodies = [{**answer.json(), "instance": ""} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert (answers[0].status_code, bodies[0]["errors"][0]["pointer"]) == (400, "#/scenarios/0/steps/0/items/1")
    bodies = [{**answer.json(), "instance": ""} for answer in kept]
    assert all(body == bodies[0] for body in bodies)
    assert (kept[0].status_code, bodies[0]["errors"][0]["pointer"]) == (400, "#/minimal_cut/keep/0")


def test_item_named_twice_is_refused(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    first = open_ids(ours, project)[0]

    answer = ask(admin, project, [{"kind": DROP, "items": [first]}, {"kind": DEFER, "items": [first]}])

    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/scenarios/0/steps/1/items/0"]


# --- who may ask ---


def test_whoever_may_read_the_forecast_may_ask_and_nobody_else(
    project: Project, ours: LookAlike, theirs: LookAlike, as_role: Callable[[Role], ApiClient]
) -> None:
    foreign = analysed_project(theirs)
    before = {role: ask(as_role(role), project).status_code for role in Role}

    enter_project(ours, project.pk)

    assert before == {role: 404 if role in (Role.TEAM_LEADER, Role.STAKEHOLDER) else 200 for role in Role}
    assert {ask(as_role(role), project).status_code for role in Role} == {200}
    assert {ask(as_role(role), foreign).status_code for role in Role} == {404}
    assert ask(ApiClient(), project).status_code == 401


def test_key_that_may_read_may_ask_and_one_that_may_only_import_may_not(
    project: Project, key_of: Callable[..., ApiClient]
) -> None:
    assert ask(key_of(Role.ANALYST, ApiScope.READ), project).status_code == 200
    assert ask(key_of(Role.ADMIN, ApiScope.IMPORT), project).status_code == 403


def test_session_without_its_csrf_token_may_not_ask(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    strict = ApiClient(enforce_csrf_checks=True)
    strict.cookies = admin.cookies

    assert ask(strict, project).status_code == 403


def test_asking_changes_nothing_but_the_trail(project: Project, ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        before = list(AnalysisRecord.objects.order_by("pk").values()), WorkItem.objects.count()

    ask(admin, project, [{"kind": DROP, "items": open_ids(ours, project)[:3]}])

    with tenant_context(ours.tenant.pk):
        assert (list(AnalysisRecord.objects.order_by("pk").values()), WorkItem.objects.count()) == before
        entry = AuditEntry.objects.order_by("-timestamp", "-id").first()
    assert entry is not None
    assert entry.action == AuditAction.ACCESS_PREDICTION


def test_same_question_with_one_key_gets_the_kept_answer(project: Project, admin: ApiClient) -> None:
    first, again = (
        admin.send("POST", address(project), {"scenarios": []}, headers={"Idempotency-Key": '"once"'}) for _ in range(2)
    )

    assert again["Idempotency-Replayed"] == "true"
    assert again.content == first.content


@pytest.mark.parametrize("count", [1, 3])
def test_asking_costs_a_fixed_number_of_queries(
    count: int, project: Project, ours: LookAlike, admin: ApiClient, django_assert_num_queries: Any
) -> None:
    ids = open_ids(ours, project)[:count]
    body = {
        "scenarios": [{"steps": [{"kind": DROP, "items": [id_]}]} for id_ in ids],
        "minimal_cut": {"before": "2024-09-11", "keep": ids},
    }

    with django_assert_num_queries(15):
        answer = admin.send("POST", address(project), body)

    assert len(json.loads(answer.content)["options"]) == count + 1


def test_items_of_another_tenant_have_no_part_in_ours(project: Project, theirs: LookAlike, admin: ApiClient) -> None:
    before = ask(admin, project, [{"kind": DROP, "count": 5}]).json()

    analysed_project(theirs, open_items=500)

    assert ask(admin, project, [{"kind": DROP, "count": 5}]).json() == before
