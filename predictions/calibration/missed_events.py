"""Whether a claim covered an event that a person reports: the rule by which such a report is settled.

1. A claim covers an event if it is of the same type and about the same project as a whole, was issued before the event
   and its time was not over when the event happened: the local day counts as a whole, because people report days.
2. Of several the newest one speaks, as it did when the event happened.
3. While that claim is open, its outcome decides. Once it occurred, the ledger counts the event, as a hit or as a miss,
   and the report adds nothing. If it did not occur or cannot be judged, record and person differ: a person decides.
4. What no claim covered is a miss once a person vouches for it.

Example: on the 10th a budget is crossed. A claim of the 1st, for the end of the month, covers it. A claim of the 11th
does not: it came after the event.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from predictions.enums import MissedEventStatus, OutcomeResult

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CoveringClaim:
    """A claim that may have been about a reported event.  result: None while it is open"""

    id: str
    issued_at: datetime
    predicted_for: datetime
    result: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a report comes to by the claims.  claim_id: of the claim that speaks, None where none does"""

    status: MissedEventStatus
    claim_id: str | None


def find_cover(occurred_at: datetime, claims: Iterable[CoveringClaim]) -> Finding:
    """Settle a report by the claims of its project and type, as far as they tell."""
    covering = [claim for claim in claims if claim.issued_at < occurred_at and claim.predicted_for > occurred_at - DAY]
    if not covering:
        return Finding(MissedEventStatus.REPORTED, None)
    claim = max(covering, key=lambda each: (each.issued_at, each.id))
    status = {
        None: MissedEventStatus.LINKED,
        OutcomeResult.OCCURRED.value: MissedEventStatus.COVERED,
    }.get(claim.result, MissedEventStatus.REPORTED)
    return Finding(status, claim.id)
