"""What became of a claimed delay, at whichever level it was made."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

import numpy as np

from predictions.forecasters.resolution import (
    Circumstances,
    Resolution,
    ResolutionReason,
    Resolver,
    judge_at_end,
    resolve_delay,
)
from predictions.forecasters.risk import IssuedClaim
from projects.history.columns import Flags
from projects.history.project_history import ProjectHistory


def resolve_delay_risk(history: ProjectHistory, issued: IssuedClaim, now: Circumstances) -> Resolution:
    """Decide a claim of delay by the rule of its level.  Raises KeyError for a level without a rule."""
    return LEVELS[issued.claim.subject.type](history, issued, now)


def resolve_item_delay(history: ProjectHistory, issued: IssuedClaim, now: Circumstances) -> Resolution:
    """Where one item stood when its due day was over; an item that was done and reopened by then is late.

    history: unrestricted, or restricted to `now.at`
    """
    if now.at < issued.claim.ends_at:
        return Resolution(None, ResolutionReason.NOT_DUE)
    known = history.as_of(now.at)
    scope = _item(known, issued.claim.subject.id)
    return judge_at_end(known, scope, issued, now)


def _item(known: ProjectHistory, item_id: str) -> Flags | None:
    wanted = np.frombuffer(UUID(item_id).bytes, dtype=np.uint8)
    is_it: Flags = (known.items.id_bytes == wanted).all(axis=1)
    return is_it if bool(is_it.any()) else None


LEVELS: Mapping[str, Resolver] = MappingProxyType({"project": resolve_delay, "work_item": resolve_item_delay})
