"""What the demo's fixtures and the commands that use them agree on."""

from __future__ import annotations

from datetime import UTC, datetime

DEMO_AS_OF = datetime(2026, 6, 30, 18, tzinfo=UTC)
"""The evening on which the demo's record ends. Analyses of the demo look from here: from any later moment the record
would be stale, and moving its dates with the calendar would give other numbers every day."""
DEMO_TENANTS = ("Demo Organisation A", "Demo Organisation B")
