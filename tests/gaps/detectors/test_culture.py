from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from gaps.backtesting.simulated_people_gaps import SEEN_AT, simulate
from gaps.causes.weekly import Weekly
from gaps.detectors.culture import detect_culture
from gaps.detectors.detection import Detection
from gaps.detectors.strain import proxies, proxy_series
from gaps.enums import GapType
from predictions.enums import Severity
from projects.enums import ActivityKind, Readiness, TrackedField
from projects.history import (
    ActivityFact,
    FieldChangeFact,
    HistoryFact,
    ProjectHistory,
    PulseFact,
    WorkCalendar,
    WorkItemFact,
)
from projects.history.readiness import ReasonCode
from tests.gaps.detectors.people_contexts import context_of
from tests.project_histories import NOW, WEEK, item_id, team_facts, work_item


def _of(subject: str, facts: Iterable[HistoryFact], **of: Any) -> Detection:
    return next(one for one in detect_culture(context_of(facts, **of)) if one.subject == subject)


def _pulse(number: int, days_ago: int, mean: float, *, question: str = "clarity", respondents: int = 7) -> PulseFact:
    end = (NOW - timedelta(days=days_ago)).date()
    return PulseFact(UUID(int=number), NOW - timedelta(days=1), question, end, end, mean, respondents)


def _with_pulses(*pulses: PulseFact) -> list[HistoryFact]:
    return [*team_facts([3] * 30, open_items=20), *pulses]


def test_two_low_pulses_pooled_and_shrunk_by_hand() -> None:
    found = _of("pulse", _with_pulses(_pulse(1, 5, 2.1), _pulse(2, 30, 2.1), _pulse(3, 90, 1.0)), at=NOW)

    value = (14 * 2.1 + 4 * 3.5) / 18
    assert found.effect == pytest.approx((3.5 - value) / 0.3)
    assert found.finding is not None
    assert found.finding.severity == Severity.CRITICAL
    assert found.finding.current.value == pytest.approx(value)
    assert [row.field for row in found.finding.evidence] == ["clarity", "clarity"]
    assert [cause.code for cause in found.finding.root_causes] == ["UNEXPLAINED"]


@pytest.mark.parametrize(
    "pulses",
    [
        (_pulse(1, 5, 3.3), _pulse(2, 30, 3.4)),
        (_pulse(1, 5, 2.9, respondents=5),),
        (_pulse(1, 5, 3.9), _pulse(2, 6, 2.9, question="load")),
    ],
    ids=["just below the target", "five answers only", "one of two questions, once"],
)
def test_answers_that_may_be_chance_are_no_gap(pulses: tuple[PulseFact, ...]) -> None:
    found = _of("pulse", _with_pulses(*pulses), at=NOW)

    assert found.finding is None
    assert found.effect is not None


def test_old_pulses_say_nothing_of_today() -> None:
    found = _of("pulse", _with_pulses(_pulse(1, 70, 1.5)), at=NOW)

    assert (found.finding, found.effect, found.readiness.readiness) == (None, None, Readiness.MISCONFIGURED)


def test_strain_is_indicative_at_most_medium_and_needs_two_signs() -> None:
    found = _of("strain", simulate(GapType.CULTURE, 1, planted=True))

    assert found.finding is not None
    assert found.finding.severity in (Severity.LOW, Severity.MEDIUM)
    assert found.finding.title.startswith("Indicative")
    assert len(found.finding.evidence) >= 2
    named = {cause.code for cause in found.finding.root_causes}
    assert not named & {"OVERLOAD", "INTERRUPTS"}  # these are what stands out, not why


def test_one_sign_alone_is_no_gap() -> None:
    """The near-twin: as much is begun at once, but nothing came in at once: everything was known for months."""
    known_for_long = SEEN_AT - 60 * WEEK
    facts = [
        replace(fact, created_at=min(fact.created_at, known_for_long)) if isinstance(fact, WorkItemFact) else fact
        for fact in simulate(GapType.CULTURE, 1, planted=True)
    ]

    known = ProjectHistory.from_facts(facts).as_of(SEEN_AT)

    assert [proxy.name for proxy in proxies(proxy_series(Weekly(known, WorkCalendar(), 29))) if proxy.is_out] == [
        "LOAD"
    ]
    assert _of("strain", facts).finding is None


def test_team_of_four_is_told_nothing_about_its_evenings() -> None:
    facts = [
        fact
        for fact in simulate(GapType.CULTURE, 1, planted=True)
        if not (isinstance(fact, ActivityFact) and fact.contributor_id is not None and fact.contributor_id.int % 2 == 0)
    ]
    people = {fact.contributor_id for fact in facts if isinstance(fact, ActivityFact)} - {None}
    kept = [fact for fact in facts if getattr(fact, "actor_id", None) is None or fact.actor_id in people]  # type: ignore[union-attr]

    weekly = Weekly(ProjectHistory.from_facts(kept).as_of(SEEN_AT), WorkCalendar(), 29)

    assert len(people) == 4
    assert all(np.isnan(series).all() for series in proxy_series(weekly).values())
    assert proxies(proxy_series(weekly)) == ()


def test_pulses_alone_keep_the_type_on_and_strain_off() -> None:
    pulse, strain = detect_culture(context_of(_with_pulses(_pulse(1, 5, 4.0)), at=NOW, target_date=date(2024, 12, 1)))

    assert pulse.readiness.readiness == Readiness.OK
    assert [reason.code for reason in strain.readiness.reasons] == [ReasonCode.NO_ACTIVITY]


def test_open_retro_actions_are_counted_once_they_are_four_weeks_old() -> None:
    facts: list[HistoryFact] = [work_item(1, created_at=NOW - 9 * WEEK), work_item(2, created_at=NOW - 2 * WEEK)]
    facts += [
        FieldChangeFact(item_id(n), TrackedField.LABELS, None, "Retro team", NOW - 9 * WEEK, NOW - 9 * WEEK)
        for n in (1, 2)
    ]
    facts += [
        ActivityFact(
            UUID(int=week * 10 + who), NOW - week * WEEK, NOW, ActivityKind.COMMENT, contributor_id=item_id(who)
        )
        for week in range(8)
        for who in range(5)
    ]

    series = proxy_series(Weekly(ProjectHistory.from_facts(facts).as_of(NOW), WorkCalendar(), 8))["IGNORED_RETRO"]

    assert series.tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
