"""What goes with a destination that people make or change: its secret, when its address changed, a fresh start."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from integrations.models import Destination


def address_entered(at: datetime) -> dict[str, Any]:
    """What is kept of an address that was entered, beside the address."""
    return {"address_changed_at": at}


def fresh_start() -> dict[str, Any]:
    """What was kept of failures is wiped away when a person switches a destination on, or enters a new address."""
    return {
        "failure_count": 0,
        "failing_since": None,
        "held_until": None,
        "last_error_code": "",
        "disabled_at": None,
        "disabled_because": "",
    }


def values_of_change(destination: Destination, changes: dict[str, Any], *, at: datetime) -> dict[str, Any]:
    """Further values to store with what a person changes.

    destination: as it was;  changes: what the person said, by field
    """
    values = address_entered(at) if "address" in changes else {}
    is_switched_on = changes.get("is_active", False) and not destination.is_active
    return {**values, **fresh_start()} if values or is_switched_on else {}
