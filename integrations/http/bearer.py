"""What a request shows to be let in: the same at all times, or renewed while a run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Bearer(Protocol):
    """Asked by the door before each request, so that a long run follows a token that is renewed in the middle of it."""

    def headers(self) -> Mapping[str, str]:
        """What the next request carries. Raises ToolError where a token is needed and is not given."""

    def token(self) -> str:
        """The same by itself, for tools that want it in a body. Raises as `headers`."""

    def renew(self) -> bool:
        """After a 401: whether the next request carries something else, so that it is worth to be made.

        Raises ToolError where something else was asked for and is not given.
        """

    def accepted(self) -> None:
        """The tool has answered a request that carried the headers."""


@dataclass(frozen=True, slots=True)
class EnteredToken:
    """A token that somebody has entered, which nothing but a person replaces."""

    text: str = field(repr=False)
    scheme: str = "Bearer"

    def headers(self) -> Mapping[str, str]:
        return {"authorization": f"{self.scheme} {self.text}"}

    def token(self) -> str:
        return self.text

    def renew(self) -> bool:
        return False

    def accepted(self) -> None:
        """Nothing waits for it."""
