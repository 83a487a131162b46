"""How Atlassian renews tokens of an app (OAuth 2.0, 3LO)."""

from __future__ import annotations

from typing import Final

from integrations.connectors.oauth import Consent, Login
from integrations.connectors.revocation import Revocation

LOGIN: Final = Login(
    address="https://auth.atlassian.com",
    path="/oauth/token",
    is_json=True,
    consent=Consent(
        path="/authorize",
        scopes=(
            "read:jira-work",
            "read:jira-user",
            "read:board-scope:jira-software",
            "read:sprint:jira-software",
            "offline_access",
        ),
        params={"audience": "api.atlassian.com", "prompt": "consent"},
    ),
)
"""Access tokens of an hour; each refresh token is good for one use, and ends after 90 days without one. One that is
refused is a 403 with `invalid_grant`.

https://developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens/
"""

REVOCATION: Final = Revocation(
    where="id.atlassian.com, Connected apps or API tokens; on a server of your own the profile, Personal access tokens"
)
"""Atlassian offers apps no way to end a token."""
