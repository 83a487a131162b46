"""Which items of other tools a text names."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.mentions import LONGEST_MENTION, MOST_MENTIONS, item_address, mentions_in, token_of

ADDRESSES = {
    "https://acme.atlassian.net/browse/PROJ-12": ("//acme.atlassian.net/browse/PROJ-12", "PROJ-12"),
    "https://ACME.example/jira/browse/PROJ-12?focusedId=9#c": ("//acme.example/jira/browse/PROJ-12", "PROJ-12"),
    "https://trello.com/c/Ab12Cd34/7-paint-the-fence": ("//trello.com/c/Ab12Cd34", "Ab12Cd34"),
    "https://app.asana.com/0/111/222/f": ("//app.asana.com/task/222", "222"),
    "https://app.asana.com/1/9/project/111/task/222?focus=true": ("//app.asana.com/task/222", "222"),
    "https://acme.monday.com/boards/5/pulses/77": ("//acme.monday.com/pulses/77", "77"),
    "https://acme.monday.com/boards/5/views/6/pulses/77": ("//acme.monday.com/pulses/77", "77"),
    "https://acme.bitrix24.com/company/personal/user/0/tasks/task/view/4/": (
        "//acme.bitrix24.com/tasks/task/view/4",
        "4",
    ),
    "https://gitlab.com/acme/tools/app/-/issues/3": ("//gitlab.com/acme/tools/app/-/issues/3", "acme/tools/app#3"),
    "https://gitlab.com/acme/app/-/work_items/3": ("//gitlab.com/acme/app/-/issues/3", "acme/app#3"),
    "https://github.com/acme/app/issues/3#issuecomment-1": ("//github.com/acme/app/issues/3", "acme/app#3"),
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_address_of_an_item_has_one_name_for_all_its_spellings(address: str) -> None:
    found = item_address(address)

    assert found is not None
    assert (found.name, found.token) == ADDRESSES[address]
    assert item_address(f"https:{found.name}") == found == item_address(found.name)
    assert token_of(found.name) == found.token


@pytest.mark.parametrize(
    "address",
    [
        "https://acme.example/browse/",
        "https://github.com/acme/app/pull/3",
        "https://evil.example/?x=https://acme.example/browse/PROJ-1",
        "https://trello.com/b/Ab12Cd34",
        "javascript://acme.example",
        "",
    ],
)
def test_other_address_is_none_of_an_item(address: str) -> None:
    assert mentions_in(address, with_keys=False) == ()


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("PROJ-12: paint the fence", ("PROJ-12",)),
        ("feature/PROJ-12-paint-the-fence", ("PROJ-12",)),
        ("[PROJ-12] and (OPS-3), PROJ-12 again", ("PROJ-12", "OPS-3")),
        ("Fixes acme/app#7.", ("acme/app#7",)),
        ("proj-12 XPROJ_1-2x A-1 PROJ-012 -PROJ-5", ()),
        ("#12 and app#12", ()),
    ],
)
def test_keys_of_a_title(text: str, keys: tuple[str, ...]) -> None:
    assert mentions_in(text) == keys


def test_key_within_an_address_is_no_mention_of_its_own_and_its_secret_is_dropped() -> None:
    text = "PROJ-12: fix, see https://acme.example/browse/OPS-3?token=x."

    assert mentions_in(text) == ("//acme.example/browse/OPS-3", "PROJ-12")
    assert mentions_in(text, with_keys=False) == ("//acme.example/browse/OPS-3",)


@pytest.mark.parametrize(
    "text",
    [
        "Words.\n\n---\nIssue is synchronized with this [Jira Task](https://acme.example/browse/PROJ-12) by a robot",
        "Synced from https://acme.example/browse/PROJ-12",
        "(mirrored from <https://acme.example/browse/PROJ-12>)",
    ],
)
def test_mark_of_a_copy_is_told_apart_from_a_mention(text: str) -> None:
    assert mentions_in(text, with_keys=False) == ("=//acme.example/browse/PROJ-12",)
    assert token_of("=//acme.example/browse/PROJ-12") == "PROJ-12"


def test_words_of_a_copy_on_another_line_mark_nothing() -> None:
    text = "This was synced with care.\nSee https://acme.example/browse/PROJ-12"

    assert mentions_in(text, with_keys=False) == ("//acme.example/browse/PROJ-12",)


@given(st.text())
def test_any_text_can_be_read_and_what_is_kept_is_bounded(text: str) -> None:
    found = mentions_in(text * 3)

    assert len(found) == len(set(found)) <= MOST_MENTIONS
    assert all(0 < len(each) <= LONGEST_MENTION and not set(each) & set(" \n\x00") for each in found)


@pytest.mark.parametrize(
    "unit",
    [
        "A",
        "A1_",
        "PROJ-1",
        "a/b",
        "a.b-",
        "a/b#1",
        "https://",
        "https://a/" + "b/" * 40,
        "x/browse/A",
        "/-/issues/",
        "#",
    ],
)
def test_hostile_text_takes_no_longer_than_its_length(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    began = time.process_time()

    mentions_in(text)

    assert time.process_time() - began < 1.0
