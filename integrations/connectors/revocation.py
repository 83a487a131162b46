"""Ending credentials in the tool that gave them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from integrations.connectors.base import Network
from integrations.connectors.oauth import Login
from integrations.connectors.options import Account


@dataclass(frozen=True, slots=True)
class Revocation:
    """where: in the tool's pages a person ends credentials of ours
    ask: has the tool end them; whether it says that it did, False where it cannot be asked for such ones. It raises
        ToolError. None where the tool offers nothing of the kind
    login: set where the tool ends a pair by its access token, so that one that has ended is renewed before
    """

    where: str
    ask: Callable[[Account, Network], bool] | None = None
    login: Login | None = None
