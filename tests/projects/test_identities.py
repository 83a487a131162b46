"""Which accounts are one person's, by what speaks for it."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from projects.identities import AccountSigns, people_of


def account(number: int, source: str = "jira", **signs: object) -> AccountSigns:
    return AccountSigns(UUID(int=number), source, **signs)  # type: ignore[arg-type]


def groups(*accounts: AccountSigns) -> dict[int, int]:
    return {each.int: person.int for each, person in people_of(accounts).items()}


def test_one_address_in_two_sources_is_one_person() -> None:
    assert groups(account(1, email_digest="a"), account(2, "slack", email_digest="a"), account(3, "asana")) == {
        1: 1,
        2: 1,
    }


def test_address_of_two_accounts_of_one_source_is_a_shared_mailbox() -> None:
    shared = [account(1, email_digest="a"), account(2, email_digest="a"), account(3, "slack", email_digest="a")]

    assert groups(*shared) == {}


def test_what_is_linked_to_one_is_linked_to_all() -> None:
    first, second, third, fourth = (
        account(1, email_digest="a"),
        account(2, "asana", email_digest="a", user_id=UUID(int=90)),
        account(3, "slack", user_id=UUID(int=90), linked_by_hand=UUID(int=91)),
        account(4, linked_by_hand=UUID(int=91)),
    )

    assert groups(fourth, second, first, third) == {1: 1, 2: 1, 3: 1, 4: 1}


def test_account_that_stands_apart_is_linked_to_none() -> None:
    assert groups(account(1, email_digest="a"), account(2, "slack", email_digest="a", is_apart=True)) == {}


def test_account_without_a_sign_is_nobody_elses() -> None:
    assert groups(account(1), account(2, "slack")) == {}


SIGNS = st.lists(
    st.builds(
        account,
        st.integers(1, 30),
        st.sampled_from(("jira", "slack", "asana")),
        email_digest=st.sampled_from(("", "a", "b", "c")),
        user_id=st.sampled_from((None, UUID(int=90), UUID(int=91))),
        linked_by_hand=st.sampled_from((None, UUID(int=80), UUID(int=81))),
        is_apart=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda each: each.id,
)


@given(st.data())
def test_order_does_not_matter_and_everyone_knows_their_first_account(data: st.DataObject) -> None:
    accounts = data.draw(SIGNS)
    people = people_of(accounts)

    assert people == people_of(data.draw(st.permutations(accounts)))
    assert all(person <= each and people[person] == person for each, person in people.items())


def test_many_accounts_in_a_chain_are_grouped_without_recursion() -> None:
    def link(number: int) -> AccountSigns:
        source, user_id = "jira" if number % 2 else "slack", UUID(int=10**6 + (number + 1) // 2)
        return account(number, source, email_digest=f"{number // 2}", user_id=user_id)

    assert set(groups(*map(link, range(2, 20_000))).values()) == {2}
