"""What never enters the audit trail: values of secret fields, and secrets inside JSON values.

That a secret changed is kept; no part of it is. (auditlog's own mask keeps the second half of the text.)
"""

from __future__ import annotations

import re
from typing import Any

from django.db import models

WITHHELD = "withheld"

_SECRET_NAME = re.compile(
    r"passw(or)?d|passphrase|secret|token|credential|ciphertext|wrapped|pepper|digest|hash(ed)?$|^hash(_|$)"
    r"|api_?key|private_?key|data_?key|signing_?key|authorization|cookie|session_?(id|key)|webhook_?url|^otp|recovery_code",
    re.IGNORECASE,
)
_URL_WITH_LOGIN = re.compile(r"(?<=://)[^/\s@]+@")


def withhold(value: object) -> str:
    """Stand in for a secret value, whatever it is: the ``mask_callable`` that auditlog calls."""
    return WITHHELD


def is_secret_name(name: str) -> bool:
    """Whether a field or JSON key is a secret by its name: a false alarm hides one value, a miss shows one for good."""
    return _SECRET_NAME.search(name) is not None


def is_secret_field(field: models.Field[Any, Any]) -> bool:
    """Whether a field's value must never be kept.

    A field class says so with ``audit_secret = True``; binary columns and telling names are secret without saying.
    """
    declared: bool | None = getattr(field, "audit_secret", None)
    if declared is not None:
        return declared
    return isinstance(field, models.BinaryField) or is_secret_name(field.name)


def without_secrets(value: Any) -> Any:
    """Return a JSON value with the values of secret keys withheld, and logins cut out of URLs."""
    if isinstance(value, dict):
        return {
            str(key): WITHHELD if is_secret_name(str(key)) else without_secrets(inner) for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_secrets(inner) for inner in value]
    if isinstance(value, str):
        return _URL_WITH_LOGIN.sub(f"{WITHHELD}@", value)
    return value
