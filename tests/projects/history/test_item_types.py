import pytest

from projects.history import ProjectHistory, WorkItemFact
from projects.history.item_types import is_bug_type, is_type, item_types
from tests.project_histories import DAY, NOW, item_id


@pytest.mark.parametrize(
    "name",
    ["Bug", "bug", "Sub-Bug", "Production Bug", "Defect", "Fehler", "Défaut", "Bogue", "Błąd", "Ошибка", "Hata",
     "バグ", "软件缺陷", "버그", "Erro", "Fallo", "bug_report", "Bugs 2"],
)  # fmt: skip
def test_bugs_in_any_usual_language(name: str) -> None:
    assert is_bug_type(name)
    assert is_type(name)


@pytest.mark.parametrize("name", ["Story", "Debugging task", "Task", "Epic", "Incident", "Bugfix", "10004", ""])
def test_other_types_are_no_bugs(name: str) -> None:
    assert not is_bug_type(name)


@pytest.mark.parametrize("name", ["", "  ", "10004"])
def test_bare_identifier_or_nothing_is_no_type(name: str) -> None:
    assert not is_type(name)


def test_type_is_unknown_before_it_was_observed() -> None:
    created_at, seen_at = NOW - 9 * DAY, NOW - 3 * DAY
    names = ("Bug", "Story", "10004", "")
    facts = [WorkItemFact(item_id(n), f"D-{n}", created_at, seen_at, item_type=name) for n, name in enumerate(names)]
    history = ProjectHistory.from_facts(facts)

    now, before = item_types(history.as_of(NOW)), item_types(history.as_of(NOW - 5 * DAY))

    assert now.known.tolist() == [True, True, False, False]
    assert now.bug.tolist() == [True, False, False, False]
    assert not before.known.any()
    assert item_types(ProjectHistory.from_facts([]).as_of(NOW)).bug.shape == (0,)
