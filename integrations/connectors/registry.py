"""Finds connectors by their folders: a folder beside this module is a tool, and its name is the tool's type.

`<folder>/options.py` has OPTIONS, and is all that is needed to check what people enter. `<folder>/client.py` has
CONNECTOR, `<folder>/login.py` REVOCATION and, where tokens renew themselves, LOGIN, `<folder>/webhooks.py` SCHEME, and
`<folder>/trial.py` TRIALS. They are imported when asked for, so that a form costs no HTTP client.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integrations.connectors.options import ToolOptions
from integrations.connectors.trial import Trial

if TYPE_CHECKING:
    from integrations.connectors.base import Connector
    from integrations.connectors.oauth import Login
    from integrations.connectors.revocation import Revocation
    from integrations.connectors.webhooks import WebhookScheme

_HERE = Path(__file__).parent


@cache
def known_types() -> tuple[str, ...]:
    """Every tool that has options, in alphabetical order."""
    return tuple(sorted(path.parent.name.upper() for path in _HERE.glob("*/options.py")))


@cache
def readable_types() -> tuple[str, ...]:
    """Every tool that can be read by now."""
    return tuple(name for name in known_types() if find_spec(f"{__package__}.{name.lower()}.client"))


def options_of(tool: str) -> ToolOptions:
    """Raises KeyError for a tool without a folder."""
    if tool not in known_types():
        raise KeyError(tool)
    options: ToolOptions = import_module(f"{__package__}.{tool.lower()}.options").OPTIONS
    return options


def connector_of(tool: str) -> Connector[Any]:
    """Raises KeyError for a tool that cannot be read."""
    if tool not in readable_types():
        raise KeyError(tool)
    connector: Connector[Any] = import_module(f"{__package__}.{tool.lower()}.client").CONNECTOR
    return connector


def revocation_of(tool: str) -> Revocation | None:
    """How credentials of the tool are ended, None where it does not say."""
    revocation: Revocation | None = _said_of_login(tool, "REVOCATION")
    return revocation


def login_of(tool: str) -> Login | None:
    """Where the tool renews tokens, None where it does not."""
    login: Login | None = _said_of_login(tool, "LOGIN")
    return login


def _said_of_login(tool: str, name: str) -> Any:
    """What the tool's `login.py` has under a name, None where it has not, or there is none."""
    module = f"{__package__}.{tool.lower()}.login"
    is_there = tool in known_types() and find_spec(module) is not None
    return getattr(import_module(module), name, None) if is_there else None


def trials_of(tool: str) -> tuple[Trial, ...]:
    """How the connector is tried; () for one that has no trials."""
    if not find_spec(f"{__package__}.{tool.lower()}.trial"):
        return ()
    trials: tuple[Trial, ...] = import_module(f"{__package__}.{tool.lower()}.trial").TRIALS
    return trials


@cache
def hinting_types() -> tuple[str, ...]:
    """Every tool that can send webhooks."""
    return tuple(name for name in known_types() if find_spec(f"{__package__}.{name.lower()}.webhooks"))


def scheme_of(tool: str) -> WebhookScheme:
    """Raises KeyError for a tool that sends no webhooks."""
    if tool not in hinting_types():
        raise KeyError(tool)
    scheme: WebhookScheme = import_module(f"{__package__}.{tool.lower()}.webhooks").SCHEME
    return scheme
