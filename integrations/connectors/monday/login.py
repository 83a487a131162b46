"""monday.com has no refresh tokens: a token stays until it is regenerated or the app is uninstalled.

https://developer.monday.com/apps/docs/oauth
"""

from __future__ import annotations

from typing import Final

from integrations.connectors.revocation import Revocation

REVOCATION: Final = Revocation(where="the picture of the account, Developers, API token, Regenerate")
