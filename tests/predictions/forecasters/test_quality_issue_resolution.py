"""How a claimed quality issue is decided: by hand on small histories, and against brute force on generated ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.backtesting.simulated_bugs import simulate_buggy_project
from predictions.enums import OutcomeResult
from predictions.forecasters.quality_issue import forecast_quality_issue
from predictions.forecasters.quality_issue_resolution import resolve_quality_issue
from predictions.forecasters.resolution import OBSERVATION_GRACE, Circumstances, Resolution, ResolutionReason
from predictions.forecasters.risk import Claim, IssuedClaim
from projects.enums import IncidentSeverity, Presence
from projects.history import HistoryFact, ProjectHistory, WorkItemFact
from projects.history.delivery_facts import IncidentFact
from tests.project_histories import DAY, NOW, generated_facts, work_item

OCCURRED, NOT_OCCURRED, CENSORED = OutcomeResult.OCCURRED, OutcomeResult.NOT_OCCURRED, OutcomeResult.CENSORED
ISSUED, END = NOW - 28 * DAY, NOW
LATER = END + DAY


def claim(limit: int = 2, *, incidents: bool = False, as_of: datetime = ISSUED, ends_at: datetime = END) -> IssuedClaim:
    made = Claim(description="", ends_at=ends_at, threshold=float(limit), unit="bugs", terms={"incidents": incidents})
    return IssuedClaim(made, as_of, as_of)


def bug(number: int, day: float, item_type: str = "Bug") -> WorkItemFact:
    at = ISSUED + day * DAY
    return replace(work_item(number, created_at=at, recorded_at=at), item_type=item_type)


def incident(
    day: float, severity: IncidentSeverity | None = IncidentSeverity.SEV2, *, found: float = 0
) -> IncidentFact:
    at = ISSUED + day * DAY
    return IncidentFact(UUID(int=70_000 + int(100 * (day + 50))), at, at + found * DAY, severity)


SEEN = work_item(9_999, created_at=LATER, recorded_at=LATER)


def decide(facts: list[HistoryFact], issued: IssuedClaim | None = None, at: datetime = LATER) -> Resolution:
    return resolve_quality_issue(ProjectHistory.from_facts([SEEN, *facts]), issued or claim(), Circumstances(at))


def test_occurs_when_one_bug_more_than_the_limit_has_come_in() -> None:
    resolution = decide([bug(1, 3), bug(2, 9), bug(3, 20), bug(4, 25)])

    assert (resolution.result, resolution.reason) == (OCCURRED, ResolutionReason.LEVEL_REACHED)
    assert resolution.decided_at == ISSUED + 20 * DAY
    assert resolution.evidence[0].value == "3"
    assert resolution.evidence[1].label == "DEMO-3"


def test_near_twin_at_the_limit_does_not_occur() -> None:
    stories = [bug(number, number, "Story") for number in range(5, 15)]
    resolution = decide([bug(1, 3), bug(2, 9), bug(3, -1), bug(4, 28.5), *stories])

    assert (resolution.result, resolution.reason) == (NOT_OCCURRED, ResolutionReason.LEVEL_NOT_REACHED)
    assert resolution.decided_at == END


def test_bug_whose_ticket_was_deleted_came_in_and_type_as_known_now_counts() -> None:
    gone = replace(bug(3, 20), presence=Presence.GONE, presence_changed_at=ISSUED + 21 * DAY)
    renamed = replace(bug(4, 5), item_type="Story", recorded_at=LATER)

    assert decide([bug(1, 3), bug(2, 9), gone]).result == OCCURRED
    assert decide([bug(1, 3), bug(2, 9), renamed]).result == NOT_OCCURRED


@pytest.mark.parametrize(
    ("fact", "incidents", "result"),
    [
        (incident(9), True, OCCURRED),
        (incident(9), False, NOT_OCCURRED),
        (incident(9, IncidentSeverity.SEV3), True, NOT_OCCURRED),
        (incident(9, None), True, NOT_OCCURRED),
        (incident(-1), True, NOT_OCCURRED),
        (incident(28.5), True, NOT_OCCURRED),
        (incident(9, found=15), True, OCCURRED),
    ],
    ids=["severe", "not in the claim", "minor", "unknown severity", "before", "after", "recorded late"],
)
def test_severe_incident_within_the_window_makes_it_occur(
    fact: IncidentFact, incidents: bool, result: OutcomeResult
) -> None:
    assert decide([fact], claim(incidents=incidents)).result == result


def test_first_of_bugs_and_incident_decides() -> None:
    bugs: list[HistoryFact] = [bug(1, 3), bug(2, 9), bug(3, 20)]

    assert decide([*bugs, incident(12)], claim(incidents=True)).decided_at == ISSUED + 12 * DAY
    assert decide([*bugs, incident(24)], claim(incidents=True)).decided_at == ISSUED + 20 * DAY


def test_imported_list_of_bugs_censors_and_one_that_is_not_needed_does_not() -> None:
    batch = [bug(300 + n, 2 + n / 86_400) for n in range(15)]

    alone, beside = decide([*batch]), decide([*batch, bug(1, 3), bug(2, 9), bug(3, 20)])

    assert (alone.result, alone.reason) == (CENSORED, ResolutionReason.CREATED_IN_BULK)
    assert (beside.result, beside.decided_at) == (OCCURRED, ISSUED + 20 * DAY)


def test_waits_until_somebody_looked_and_is_lost_if_nobody_does() -> None:
    history, now = ProjectHistory.from_facts([bug(1, 3)]), Circumstances(LATER)

    assert resolve_quality_issue(history, claim(), now) == Resolution(None, ResolutionReason.NOT_OBSERVED)
    late = Circumstances(END + OBSERVATION_GRACE)
    assert resolve_quality_issue(history, claim(), late).reason == ResolutionReason.NOT_OBSERVED
    looked = Circumstances(LATER, observed_until=LATER)
    assert resolve_quality_issue(history, claim(), looked).result == NOT_OCCURRED
    cancelled = Circumstances(LATER, observed_until=LATER, cancelled_at=END - DAY)
    assert resolve_quality_issue(history, claim(), cancelled).reason == ResolutionReason.CANCELLED
    assert decide([bug(1, 3)], at=END - DAY) == Resolution(None, ResolutionReason.NOT_DUE)


def test_claim_without_its_terms_is_censored() -> None:
    whole = claim()
    for broken in (replace(whole.claim, terms={}), replace(whole.claim, threshold=None)):
        assert decide([], replace(whole, claim=broken)).reason == ResolutionReason.CLAIM_INCOMPLETE


# --- against brute force ---


def brute_force(facts: list[HistoryFact], issued: IssuedClaim, at: datetime) -> datetime | None:
    """Count with the fingers, without batches."""
    end = min(issued.claim.ends_at, at)
    items = {fact.id: fact for fact in facts if isinstance(fact, WorkItemFact)}
    came = sorted(
        item.created_at
        for item in items.values()
        if item.item_type == "Bug" and item.recorded_at <= at and issued.as_of < item.created_at <= end
    )
    assert issued.claim.threshold is not None
    exceeded = came[int(issued.claim.threshold) :][:1]
    newest: dict[UUID, IncidentFact] = {}
    for fact in facts:
        if isinstance(fact, IncidentFact) and (fact.id not in newest or newest[fact.id].recorded_at < fact.recorded_at):
            newest[fact.id] = fact
    severe = [
        fact.opened_at
        for fact in newest.values()
        if fact.severity in (IncidentSeverity.SEV1, IncidentSeverity.SEV2) and issued.as_of < fact.opened_at <= end
    ]
    return min([*exceeded, *(severe if issued.claim.terms["incidents"] else [])], default=None)


@settings(deadline=None, max_examples=150)
@given(facts=generated_facts(), back=st.integers(1, 24 * 100), limit=st.integers(0, 2))
def test_first_moment_equals_brute_force(facts: list[HistoryFact], back: int, limit: int) -> None:
    as_of, at = NOW - timedelta(hours=back), NOW + 70 * DAY
    issued = claim(limit, as_of=as_of, ends_at=as_of + 28 * DAY)

    resolution = resolve_quality_issue(ProjectHistory.from_facts(facts), issued, Circumstances(at, observed_until=at))

    expected = brute_force(facts, issued, at)
    assert resolution.decided_at == (expected or issued.claim.ends_at)
    assert resolution.result == (NOT_OCCURRED if expected is None else OCCURRED)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), week=st.integers(14, 100))
def test_simulated_claims_equal_brute_force(seed: int, week: int) -> None:
    project = simulate_buggy_project(seed)
    history = ProjectHistory.from_facts(project.facts)
    moment = project.begins_at + timedelta(weeks=week, hours=12)
    risk = forecast_quality_issue(history, as_of=moment)
    assert risk.claim is not None
    issued = IssuedClaim(risk.claim, moment, moment)
    now = Circumstances(project.ends_at, observed_until=project.ends_at)

    resolution = resolve_quality_issue(history, issued, now)

    expected = brute_force(list(project.facts), issued, project.ends_at)
    assert resolution.decided_at == (expected or risk.claim.ends_at)
