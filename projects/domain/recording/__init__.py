"""Turning observations into rows: in bulk, once, whoever observed them.

`record_observations` is the only writer of the record of the work beside people. The modules below each know one noun.
"""

from projects.domain.recording.links import resolve_links
from projects.domain.recording.mentions import resolve_mentions
from projects.domain.recording.observations import RecordingResult, record_observations
from projects.domain.recording.presence import (
    PresenceChanges,
    record_census,
    record_lost_containers,
    recorded_containers,
    unrecorded_items,
)
from projects.domain.recording.pseudonyms import Pseudonyms, load_pseudonyms
from projects.domain.recording.refusals import RefusedFact, is_refusal, record_in_parts

__all__ = [
    "PresenceChanges",
    "Pseudonyms",
    "RecordingResult",
    "RefusedFact",
    "is_refusal",
    "load_pseudonyms",
    "record_census",
    "record_in_parts",
    "record_lost_containers",
    "record_observations",
    "recorded_containers",
    "resolve_links",
    "resolve_mentions",
    "unrecorded_items",
]
