"""Whose decision, and whose absence: the causes of a slip in the roles of people, never by name.

1. Beside each item that was added to the plan stands the role of whoever put it in.
2. Beside a rate below plan stands how many of their usual hours each role had off since the plan began, by the capacity
   calendars. The hours of a role that only one person has are told with those of the other such roles, as "other
   roles": one person's days off are nobody's evidence. Where only one person is left there, nothing is told of them.
3. An account that no user of ours belongs to has no role here, and it is said so.

Example: two team leaders with 320 usual hours each were off for 24 and 40 of them: "64 of 640 hours (10 %)".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from gaps.detectors.evidence import project_fact
from gaps.detectors.finding import Finding, RootCauseFinding
from predictions.attribution.factors import SlipFactor
from predictions.forecasters.answers import EvidenceFact
from projects.history.capacity import CapacityCalendars

NO_ROLE = "an account without a role here"
OTHER_ROLES = "other roles"
LEAST_PEOPLE = 2
PUT_IN_BY, ABSENCE = "put in by", "absence"


@dataclass(frozen=True, slots=True)
class Roles:
    """of_account: contributor -> role, of those that have one;  put_in_by: item -> contributor who made it"""

    of_account: Mapping[UUID, str] = field(default_factory=dict)
    put_in_by: Mapping[str, UUID] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HoursOff:
    """role: of how many people;  off_h: of their usual hours"""

    role: str
    people: int
    off_h: float
    usual_h: float


def added_items(finding: Finding) -> list[str]:
    """Identifiers of the items that a finding names as added."""
    return [
        fact.object_id
        for cause in finding.root_causes
        if cause.code == SlipFactor.SCOPE_ADDED
        for fact in cause.evidence_for
        if fact.object_type == "work_item"
    ]


def with_roles(finding: Finding, roles: Roles, hours_off: Iterable[HoursOff]) -> Finding:
    """The same finding, its causes with the evidence of roles."""
    absences = [_absence(each, finding) for each in hours_off]
    causes = (_with_roles(cause, roles, absences) for cause in finding.root_causes)
    return replace(finding, root_causes=tuple(causes))


def hours_off_by_role(
    calendars: CapacityCalendars, of_account: Mapping[UUID, str], first: date, last: date
) -> list[HoursOff]:
    """What each role had off between two days, both included, the most first; roles with nothing off are left out."""
    given, usual = calendars.hours_by_contributor(first, last)
    accounts = dict.fromkeys(fact.contributor_id for fact in calendars.facts if fact.contributor_id is not None)
    by_role: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for account, given_h, usual_h in zip(accounts, given.sum(axis=1), usual.sum(axis=1), strict=True):
        if usual_h > 0:
            by_role[of_account.get(account, NO_ROLE)].append((max(float(usual_h - given_h), 0.0), float(usual_h)))
    found = [_hours(role, hours) for role, hours in _without_lone_people(by_role).items()]
    return sorted((each for each in found if each.off_h > 0), key=lambda each: (-each.off_h, each.role))


def _without_lone_people(by_role: Mapping[str, list[tuple[float, float]]]) -> dict[str, list[tuple[float, float]]]:
    told = {role: hours for role, hours in by_role.items() if len(hours) >= LEAST_PEOPLE}
    lone = [each for role, hours in by_role.items() if role not in told for each in hours]
    return {**told, OTHER_ROLES: lone} if len(lone) >= LEAST_PEOPLE else told


def _hours(role: str, hours: list[tuple[float, float]]) -> HoursOff:
    return HoursOff(role, len(hours), sum(off for off, _ in hours), sum(usual for _, usual in hours))


def _absence(each: HoursOff, finding: Finding) -> EvidenceFact:
    value = f"{each.off_h:,.0f} of {each.usual_h:,.0f} hours ({each.off_h / each.usual_h:.0%})"
    return project_fact(f"Off since the plan began: {each.role} ({each.people} people)", ABSENCE, value, finding.as_of)


def _with_roles(cause: RootCauseFinding, roles: Roles, absences: list[EvidenceFact]) -> RootCauseFinding:
    if cause.code == SlipFactor.RATE_BELOW_PLAN:
        return replace(cause, evidence_for=(*cause.evidence_for, *absences))
    if cause.code != SlipFactor.SCOPE_ADDED:
        return cause
    told: list[EvidenceFact] = []
    for fact in cause.evidence_for:
        told.append(fact)
        if account := roles.put_in_by.get(fact.object_id):
            role = roles.of_account.get(account, NO_ROLE)
            told.append(replace(fact, field=PUT_IN_BY, value=role))
    return replace(cause, evidence_for=tuple(told))
