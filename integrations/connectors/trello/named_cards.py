"""Which cards the actions of a board name that no list shows, and that are worth a request of their own. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from integrations.connectors.trello.mapping import LEAVING
from integrations.connectors.trello.payloads import Action, parse_action
from projects.imports.errors import FieldRefused
from projects.imports.json_access import JsonObject

_CARD_ID: Final = re.compile(r"[0-9a-f]{24}")


class NamedCards:
    """The cards that one reading of a board's actions meets, newest action first.

    listed: ids of the cards that lists have shown in this run, as far as it remembers
    unlisted: those that earlier readings have found beside the lists
    unrecorded: of ids, those that no item is recorded under
    since: what is not newer was dealt with by the reading before; None: nothing was
    asked: those that this reading has asked for, before a kill too
    """

    def __init__(
        self,
        *,
        listed: Collection[str],
        unlisted: Collection[str],
        unrecorded: Callable[[Collection[str]], Collection[str]],
        since: datetime | None,
        asked: Iterable[str],
    ) -> None:
        self._listed = listed
        self._unlisted = unlisted
        self._unrecorded = unrecorded
        self._since = since
        self.asked = list(asked)
        self._met = set(self.asked)

    def take(self, sent: Sequence[JsonObject]) -> tuple[list[str], list[str]]:
        """Of a page of actions: the cards to ask for, each once; and those known beside the lists that have left.

        1. The newest action of a card decides. One that the reading before has seen was dealt with then.
        2. A card that a list shows needs no request, nor has one that was deleted or moved to another board.
        3. Of the others those are asked for that no item is recorded under, and those known beside the lists, for
           something has happened to them.
        """
        doubtful: list[str] = []
        left: list[str] = []
        for action in self._newest_of_each(sent):
            if self._since is not None and action.at <= self._since:
                continue
            if action.kind in LEAVING:
                left += [action.card] if action.card in self._unlisted else []
            elif action.card not in self._listed:
                doubtful.append(action.card)
        new = self._unrecorded([card for card in doubtful if card not in self._unlisted])
        return [card for card in doubtful if card in self._unlisted or card in new], left

    def _newest_of_each(self, sent: Sequence[JsonObject]) -> Iterable[Action]:
        """The first action of each card that was not met before."""
        for each in sent:
            try:
                action = parse_action(each)
            except FieldRefused:  # the history names it
                continue
            if action.card not in self._met and _CARD_ID.fullmatch(action.card):
                self._met.add(action.card)
                yield action
