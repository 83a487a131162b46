"""What became of a claimed quality issue: did more bugs come in than the limit, or was there a severe incident?

1. Bugs are the items created in (t0, end] whose type, as known when somebody asks, means a bug (item_types). One more
   than the limit of the claim makes it occur, at that moment. Deleting the ticket of a bug afterwards changes nothing.
2. Bugs created in one go with many other items are an import: if only they exceed the limit, it is censored.
3. An incident of severity 1 or 2, as known when somebody asks, opened in (t0, end] makes it occur at its opening, if
   the claim was about incidents.
4. The first of the two decides, or the end (arrival_resolution).

Example: limit 20; the 21st bug since Monday comes on the 20th day: occurred, then. An outage on the 9th day: then.
"""

from datetime import datetime

import numpy as np

from predictions.forecasters.answers import MAX_EVIDENCE_ITEMS, EvidenceFact, newest_items
from predictions.forecasters.arrival_resolution import decide_level, incomplete
from predictions.forecasters.bug_arrivals import every_bug
from predictions.forecasters.resolution import Circumstances, Resolution
from predictions.forecasters.risk import IssuedClaim
from predictions.forecasters.severe_incidents import incident_fact, severe_incidents
from projects.history.columns import Flags
from projects.history.instants import from_us, to_us
from projects.history.project_history import ProjectHistory
from projects.history.scope import created_in_bulk


def resolve_quality_issue(history: ProjectHistory, issued: IssuedClaim, now: Circumstances) -> Resolution:
    """Decide a claim of a quality issue by what is known at `now.at`.  Raises ValueError for naive instants.

    history: unrestricted, or restricted to `now.at`
    """
    claim = issued.claim
    if claim.threshold is None or not isinstance(claim.terms.get("incidents"), bool):
        return incomplete(claim.ends_at)
    known = history.as_of(now.at)
    begin_us, end_us = to_us(issued.as_of), min(to_us(claim.ends_at), known.known_at_us)
    limit, bugs = int(claim.threshold), every_bug(known)
    bug_at = _exceeded_at(known, bugs & ~created_in_bulk(known), begin_us, end_us, limit)
    with_imports_at = _exceeded_at(known, bugs, begin_us, end_us, limit)
    incident_at = _incident_at(known, begin_us, end_us) if claim.terms["incidents"] else None
    reached = [at for at in (bug_at, incident_at) if at is not None]
    return decide_level(
        known,
        claim.ends_at,
        now,
        reached_at=min(reached, default=None),
        reached_in_bulk_at=with_imports_at,
        evidence=_evidence(known, bugs, begin_us, to_us(min(reached)) if reached else end_us),
    )


def _exceeded_at(known: ProjectHistory, bugs: Flags, begin_us: int, end_us: int, limit: int) -> datetime | None:
    created_us = known.items.created_us[bugs]
    came = np.sort(created_us[(created_us > begin_us) & (created_us <= end_us)])
    return from_us(int(came[limit])) if len(came) > limit else None


def _incident_at(known: ProjectHistory, begin_us: int, end_us: int) -> datetime | None:
    opened_us = known.incidents.opened_us[severe_incidents(known)]
    inside = opened_us[(opened_us > begin_us) & (opened_us <= end_us)]
    return from_us(int(inside.min())) if inside.size else None


def _evidence(known: ProjectHistory, bugs: Flags, begin_us: int, until_us: int) -> tuple[EvidenceFact, ...]:
    created_us, opened_us, until = known.items.created_us, known.incidents.opened_us, from_us(until_us)
    came = bugs & (created_us > begin_us) & (created_us <= until_us)
    severe = severe_incidents(known) & (opened_us > begin_us) & (opened_us <= until_us)
    return (
        EvidenceFact("project", "", "Bugs since issue", "bugs", str(int(came.sum())), until),
        *newest_items(known, came),
        *(incident_fact(known, row, "Incident") for row in np.flatnonzero(severe)[:MAX_EVIDENCE_ITEMS].tolist()),
    )
