"""One page for a sponsor: everything said has a source, and nobody is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaps.answers.sponsor import (
    ActionFacts,
    CauseFacts,
    ForecastFacts,
    GoalFacts,
    NameFilter,
    SponsorFacts,
    chance_by,
    sponsor_page,
)
from gaps.answers.sponsor_pdf import sponsor_pdf

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
GOAL = GoalFacts(
    id=UUID(int=1),
    title="Invoices leave by themselves",
    project="Billing",
    due_date=date(2026, 8, 1),
    target={"kind": "NUMBER", "value": 95, "unit": "percent", "direction": "AT_LEAST"},
    current={"kind": "NUMBER", "value": 60, "unit": "percent"},
    is_achieved=False,
)
FORECAST = ForecastFacts(
    id=UUID(int=2),
    as_of=NOW,
    readiness="OK",
    target_date=date(2026, 8, 30),
    p_on_time=0.42,
    remaining_items=40,
    dates=((0.5, date(2026, 7, 20)), (0.7, date(2026, 8, 10)), (0.85, date(2026, 9, 18)), (0.95, None)),
)
CAUSES = tuple(
    CauseFacts(UUID(int=10 + n), "TIMELINE", f"Cause {n}", days=float(n), share=0.1 * n, weight=0.1 * n)
    for n in range(1, 6)
)
ACTIONS = (
    ActionFacts(UUID(int=30), "Leave out 20% of the open work", date(2026, 8, 3), is_agreed=False, weight=4.0),
    ActionFacts(UUID(int=31), "Already agreed", None, is_agreed=True, weight=9.0),
)


def test_page_says_where_it_stands_where_it_is_heading_why_and_what_to_decide() -> None:
    page = sponsor_page(SponsorFacts(GOAL, FORECAST, CAUSES, ACTIONS))

    assert [said.text for said in page.now] == [
        "Reached so far: 60 percent, of 95 percent intended.",
        "40 items are still open in the project.",
    ]
    assert [said.text for said in page.likely] == [
        "With 85 % certainty the open work is done by 18 Sep 2026. Promised is 30 Aug 2026.",
        "The promised date holds with a chance of 42 %.",
        "By 1 Aug 2026, the day of this goal, it is done with a chance between 50 % and 70 %.",
    ]
    assert [said.text for said in page.reasons] == [
        "Cause 5: 5 days later.",
        "Cause 4: 4 days later.",
        "Cause 3: 3 days later.",
    ]
    assert [said.text for said in page.decisions] == ["Leave out 20% of the open work? Decide by 3 Aug 2026."]


def test_every_sentence_names_a_source_that_was_given() -> None:
    page = sponsor_page(SponsorFacts(GOAL, FORECAST, CAUSES, ACTIONS))

    given_ids = {GOAL.id, FORECAST.id, *(cause.id for cause in CAUSES), *(action.id for action in ACTIONS)}
    said = [sentence for _, sentences, _ in page.parts() for sentence in sentences]
    assert said
    assert {sentence.source_id for sentence in said} <= given_ids
    assert {sentence.source_type for sentence in said} == {
        "goal", "analysis_record", "root_cause", "corrective_action",
    }  # fmt: skip


def test_without_an_analysis_nothing_is_promised() -> None:
    page = sponsor_page(SponsorFacts(GOAL, None))

    assert (page.readiness, page.likely, page.reasons, page.decisions) == ("INSUFFICIENT", (), (), ())
    assert page.unknown == ("Nothing was analysed yet.",)


def test_a_forecast_that_abstains_says_what_is_missing_and_no_date() -> None:
    silent = ForecastFacts(UUID(int=2), NOW, "INSUFFICIENT", missing=("Too few items were finished.",))

    page = sponsor_page(SponsorFacts(GOAL, silent))

    assert page.likely == ()
    assert page.unknown == ("Too few items were finished.",)


@pytest.mark.parametrize(
    ("on", "chances"),
    [
        (date(2026, 7, 1), (0.0, 0.5)),
        (date(2026, 7, 20), (0.5, 0.7)),
        (date(2026, 8, 11), (0.7, 0.85)),
        (date(2030, 1, 1), (0.85, 0.95)),
    ],
)
def test_chance_by_a_day_lies_between_the_quantiles_around_it(on: date, chances: tuple[float, float]) -> None:
    assert chance_by(on, FORECAST.dates) == chances


def test_people_are_left_out_word_by_word() -> None:
    hide = NameFilter(["Ann-Marie O'Neill", "Jo", "Грета Гарбо"])

    assert hide("ANN-MARIE o'neill, Jo and Грета decide; Johanna stays") == (
        "[somebody], [somebody] and [somebody] decide; Johanna stays"
    )
    assert hide("Announced") == "Announced"


def test_a_name_of_two_letters_takes_no_word_of_the_language() -> None:
    assert NameFilter(["Bo An", "Li"])("Ask Bo An, Li or an agent: bo is no name, Lithium neither") == (
        "Ask [somebody], [somebody] or an agent: bo is no name, Lithium neither"
    )


def test_small_words_within_a_name_are_no_names() -> None:
    hide = NameFilter(["Head of the Sales Office", "Ada van Dam", "greta garbo"])

    assert hide("Leave out 20% of the open work, van or not") == "Leave out 20% of the open work, van or not"
    assert hide("Ask Ada, Dam, Ada van Dam or Garbo") == "Ask [somebody], [somebody], [somebody] or [somebody]"


def test_names_are_found_in_scripts_without_spaces_and_however_letters_are_composed() -> None:
    decomposed, composed = "Jose\u0301", "Jos\u00e9"

    assert NameFilter(["李明"])("请李明决定") == "请[somebody]决定"
    assert NameFilter([composed])(f"Ask {decomposed}") == "Ask [somebody]"
    assert NameFilter([decomposed])(f"Ask {composed}") == "Ask [somebody]"


def test_our_own_words_stay_where_a_person_is_called_like_one_of_them() -> None:
    page = sponsor_page(SponsorFacts(GOAL, FORECAST, CAUSES, ACTIONS, names=["May Project", "Sep Certainty"]))

    said = [sentence.text for _, sentences, _ in page.parts() for sentence in sentences]
    assert "40 items are still open in the project." in said
    assert not [text for text in said if "[somebody]" in text]


def test_what_would_help_with_two_gaps_is_one_decision() -> None:
    for_two_gaps = [
        ActionFacts(UUID(int=40), "Leave out 20% of the open work", date(2026, 8, 3), is_agreed=False, weight=4.0),
        ActionFacts(UUID(int=41), "Leave out 20% of the open work", None, is_agreed=False, weight=3.0),
        ActionFacts(UUID(int=42), "Add a person", None, is_agreed=False, weight=2.0),
    ]

    page = sponsor_page(SponsorFacts(GOAL, FORECAST, CAUSES, for_two_gaps))

    assert [said.text for said in page.decisions] == [
        "Leave out 20% of the open work? Decide by 3 Aug 2026.",
        "Add a person?",
    ]


@given(st.lists(st.text(min_size=0, max_size=12), max_size=6), st.text(max_size=60))
def test_whatever_the_names_are_no_text_breaks_the_filter(names: list[str], text: str) -> None:
    hide = NameFilter(names)

    assert isinstance(hide(text), str)
    assert hide("") == ""


def test_names_do_not_reach_the_page_by_any_text() -> None:
    goal = replace(GOAL, title="What Garbo wants", project="Garbo's project")
    action = ActionFacts(UUID(int=30), "Ask Garbo", None, is_agreed=False)

    page = sponsor_page(SponsorFacts(goal, FORECAST, CAUSES, (action,), names=["Greta Garbo"]))

    assert "garbo" not in str(page).lower()


def test_pdf_is_one_sheet_that_holds_any_letter_and_is_the_same_again() -> None:
    goal = replace(GOAL, title="Счета уходят сами — 発票 \U0001f600 <b>&")
    page = sponsor_page(SponsorFacts(goal, FORECAST, CAUSES, ACTIONS))

    sheet = sponsor_pdf(page, as_of="as of 1 Jun 2026", made_at=NOW)

    assert sheet.startswith(b"%PDF-")
    assert sheet.count(b"/Type /Page\n") == 1
    assert sheet == sponsor_pdf(page, as_of="as of 1 Jun 2026", made_at=NOW)
