"""What waits for what among the causes of a gap, and what to deal with first."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from gaps.models import Gap, RootCause
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.api.conftest import ApiClient
from tests.factories.gaps import GapFactory, RootCauseFactory
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db


def _caused(one: LookAlike) -> tuple[Gap, dict[str, RootCause]]:
    """A gap of which the largest part waits for a small one."""
    shares = {"LONG_DAYS": 0.5, "PEOPLE_LEFT": 0.2, "OVERLOAD": 0.1, "REWORK": 0.0, "EASES": -0.1, "UNEXPLAINED": 0.3}
    waits = {"LONG_DAYS": ["OVERLOAD", "NOT_THERE", "LONG_DAYS"], "OVERLOAD": ["EASES"]}
    with tenant_context(one.tenant.pk):
        gap = GapFactory.create()
        causes = {
            code: RootCauseFactory.create(
                gap=gap,
                rank=rank,
                code=code,
                description=code,
                contribution_share=share,
                depends_on=waits.get(code, []),
            )
            for rank, (code, share) in enumerate(shares.items(), start=1)
        }
    return gap, causes


def test_the_order_opens_the_largest_part_first_and_leaves_out_what_nobody_can_deal_with(
    ours: LookAlike, theirs: LookAlike, admin: ApiClient
) -> None:
    _caused(theirs)
    gap, causes = _caused(ours)

    told: dict[str, Any] = admin.get(f"/api/v1/gaps/{gap.pk}/cause-map").json()

    assert told["order"] == [str(causes[code].pk) for code in ("OVERLOAD", "LONG_DAYS", "PEOPLE_LEFT")]
    assert [row["code"] for row in told["causes"]] == list(causes)
    assert [row["waits_for"] for row in told["causes"]] == [[str(causes["OVERLOAD"].pk)], [], [], [], [], []]


def test_a_gap_of_another_tenant_has_no_map(theirs: LookAlike, admin: ApiClient) -> None:
    gap, _ = _caused(theirs)

    assert admin.get(f"/api/v1/gaps/{gap.pk}/cause-map").status_code == 404


def test_causes_without_codes_and_circles_of_codes_are_in_the_order_once(ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        gap = GapFactory.create()
        rows = [
            RootCauseFactory.create(gap=gap, rank=rank, code=code, depends_on=waits)
            for rank, (code, waits) in enumerate([("A", ["B"]), ("B", ["A"]), ("", ["A"]), ("", [])], start=1)
        ]

    told = admin.get(f"/api/v1/gaps/{gap.pk}/cause-map").json()

    assert sorted(told["order"]) == sorted(str(row.pk) for row in rows)


@pytest.mark.parametrize("depends_on", ["OVERLOAD", [""], ["A", "A"], [1], {"A": 1}, ["A" * 65], ["A"] * 21])
def test_what_is_no_list_of_codes_is_refused(depends_on: Any, ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        gap = GapFactory.create()
    body = {"gap": str(gap.pk), "rank": 1, "description": "Why", "category": "TACTICAL", "depends_on": depends_on}

    answer = admin.send("POST", "/api/v1/root-causes", body)

    assert answer.status_code == 400
    assert {error["pointer"] for error in answer.json()["errors"]} == {"#/depends_on"}


def test_what_a_cause_waits_for_is_in_its_list_and_its_exports(ours: LookAlike, admin: ApiClient) -> None:
    gap, _ = _caused(ours)

    listed = admin.get(f"/api/v1/root-causes?gap={gap.pk}").json()["results"]
    exported = admin.get(f"/api/v1/root-causes/export?gap={gap.pk}").getvalue().decode("utf-8-sig")

    assert {row["code"]: row["depends_on"] for row in listed}["OVERLOAD"] == ["EASES"]
    rows = {row["code"]: row["depends_on"] for row in csv.DictReader(io.StringIO(exported, newline=""))}
    assert json.loads(rows["OVERLOAD"]) == ["EASES"]
    assert json.loads(rows["PEOPLE_LEFT"]) == []


def test_more_causes_than_anybody_would_order_get_an_order_as_well(ours: LookAlike, admin: ApiClient) -> None:
    with tenant_context(ours.tenant.pk):
        gap = GapFactory.create()
        rows = [
            RootCauseFactory.create(gap=gap, rank=rank, code=f"C{rank}", depends_on=[f"C{rank + 1}"])
            for rank in range(1, 121)
        ]

    order = admin.get(f"/api/v1/gaps/{gap.pk}/cause-map").json()["order"]

    assert sorted(order) == sorted(str(row.pk) for row in rows)
    assert order[:50] == [str(row.pk) for row in reversed(rows[:50])]


def test_a_stakeholder_of_another_project_sees_no_map(ours: LookAlike, as_role: Any) -> None:
    gap, _ = _caused(ours)

    assert as_role(Role.STAKEHOLDER).get(f"/api/v1/gaps/{gap.pk}/cause-map").status_code in {403, 404}
