"""The secrets that webhooks are signed with: made by us, shown once, replaced without a gap."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from integrations.destinations.registry import sender_of
from integrations.destinations.signing import new_secret
from integrations.models import Destination
from tenants.domain.refusals import Refusal
from tenants.encryption.secret import Secret

BOTH_FOR: Final = timedelta(days=1)
"""How long the secret that was replaced still signs too: until then a receiver changes over when it likes."""


class NothingToSign(Refusal):
    """Messages to this kind of destination are not signed."""


def give_secret(destination: Destination) -> str | None:
    """Put a secret into a destination that is not stored yet, where its kind signs. Returns it, to be shown once."""
    if not sender_of(destination.kind).signs:
        return None
    secret = new_secret()
    destination.signing = Secret.of_json({"current": secret})
    return secret


def replace_secret(*, destination: Destination, at: datetime) -> str:
    """Make a new secret; for a day both sign. Returns it, to be shown once. Raises NothingToSign.

    Of two replacements within a day the older one's secret goes at once: there are never three.
    """
    if not sender_of(destination.kind).signs:
        raise NothingToSign("Messages to this kind of destination are not signed.")
    destination = Destination.objects.select_for_update(of=("self",)).get(pk=destination.pk)
    before = _kept(destination)
    secret = new_secret()
    kept: dict[str, Any] = {"current": secret}
    if before:
        kept |= {"previous": before["current"], "previous_until": (at + BOTH_FOR).isoformat()}
    destination.signing = Secret.of_json(kept)
    destination.save(update_fields=["signing", "updated_at"])
    return secret


def signing_secrets(destination: Destination, *, at: datetime) -> tuple[str, ...]:
    """The secrets that sign at a moment, the newest first. Raises EncryptionError."""
    kept = _kept(destination)
    if not kept:
        return ()
    is_both = "previous" in kept and at < datetime.fromisoformat(kept["previous_until"])
    return (kept["current"], kept["previous"]) if is_both else (kept["current"],)


def _kept(destination: Destination) -> dict[str, Any]:
    if destination.signing is None:
        return {}
    kept: dict[str, Any] = destination.signing.reveal_json()
    return kept
