"""A claim goes into the ledger and comes back from it as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from predictions.domain.claims import event_key, event_of, issued_claim, key_before
from predictions.enums import PredictionType
from predictions.forecasters.risk import Claim, Subject
from predictions.models import Prediction
from predictions.schemas import EVENT
from tenants.validators import JsonSchema
from tests.project_histories import DAY, NOW

PROJECT = UUID(int=7)
_text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30)
_subjects = st.one_of(
    st.just(Subject()),
    st.builds(Subject, st.sampled_from(["milestone", "iteration", "work_item"]), st.uuids().map(str), _text),
)
_claims = st.builds(
    Claim,
    subject=_subjects,
    description=_text,
    ends_at=st.datetimes(datetime(2024, 8, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
    target_date=st.none() | st.dates(date(2024, 8, 1), date(2030, 1, 1)),
    scope_items=st.just(12),
    scope_hash=st.just("a" * 64),
    threshold=st.none() | st.floats(0, 1e9),
    unit=st.just(""),
    terms=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), st.none() | st.booleans() | st.integers(-9, 9) | _text
    ),
)


def _prediction(claim: Claim) -> Prediction:
    event = event_of(claim, project_id=PROJECT, as_of=NOW)
    JsonSchema(EVENT)(event)
    return Prediction(event=event, predicted_for=claim.ends_at, as_of=NOW, issued_at=NOW + DAY)


@given(_claims)
def test_claim_comes_back_as_it_was_made(claim: Claim) -> None:
    issued = issued_claim(_prediction(claim))

    assert issued.claim == claim
    assert (issued.as_of, issued.issued_at) == (NOW, NOW + DAY)


def test_what_is_longer_than_a_row_holds_is_cut() -> None:
    claim = Claim(subject=Subject("work_item", "x" * 36, "K" * 255), description="d" * 900, ends_at=NOW)

    event = event_of(claim, project_id=PROJECT, as_of=NOW)

    JsonSchema(EVENT)(event)
    assert (len(event["claim"]), len(event["subject"]["key"])) == (500, 200)


def _key(kind: PredictionType, as_of: datetime = NOW, **terms: object) -> str:
    claim = Claim(description="It happens.", ends_at=as_of + 28 * DAY)
    return event_key(kind, _with(claim, terms), project_id=PROJECT, as_of=as_of)


def _with(claim: Claim, terms: dict[str, object]) -> Claim:
    return Claim(**{**{name: getattr(claim, name) for name in ("description", "ends_at")}, **terms})


def test_event_is_named_by_type_subject_and_target_and_by_nothing_else() -> None:
    day = date(2024, 8, 1)
    over = datetime(2024, 8, 2, tzinfo=UTC)
    first = _key(PredictionType.DELAY_RISK, target_date=day, ends_at=over)

    assert first == _key(PredictionType.DELAY_RISK, NOW + DAY, target_date=day, scope_items=9, ends_at=over)
    assert first != _key(PredictionType.DELAY_RISK, target_date=day + DAY, ends_at=over + DAY)
    assert first != _key(PredictionType.DELAY_RISK, target_date=day, subject=Subject("work_item", "1"))
    assert first != _key(PredictionType.SCOPE_CREEP, target_date=day)


def test_budget_is_one_event_however_its_horizon_moves() -> None:
    first = _key(PredictionType.BUDGET_OVERRUN, threshold=48_000.0, unit="EUR")

    assert first == _key(PredictionType.BUDGET_OVERRUN, NOW + 90 * DAY, threshold=48_000.0, unit="EUR")
    assert first != _key(PredictionType.BUDGET_OVERRUN, threshold=50_000.0, unit="EUR")


def test_window_that_moves_with_the_clock_is_another_event_once_it_is_past() -> None:
    keys = [_key(PredictionType.QUALITY_ISSUE, NOW + days * DAY) for days in range(56)]

    assert len(dict.fromkeys(keys)) in {2, 3}
    assert keys[0] != keys[28] != keys[55]
    claim = Claim(description="It happens.", ends_at=NOW + 56 * DAY)
    before = key_before(PredictionType.QUALITY_ISSUE, claim, project_id=PROJECT, as_of=NOW + 28 * DAY)
    assert before == keys[0]
    until_target = [
        event_key(
            PredictionType.RESOURCE_SHORTAGE,
            Claim(description="It happens.", ends_at=as_of + 42 * DAY, target_date=date(2024, 12, 31)),
            project_id=PROJECT,
            as_of=as_of,
        )
        for as_of in (NOW, NOW + 50 * DAY)
    ]
    assert until_target[0] != until_target[1]
    assert key_before(PredictionType.BUDGET_OVERRUN, claim, project_id=PROJECT, as_of=NOW) is None
