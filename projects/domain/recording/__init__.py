"""Turning observations into rows: in bulk, once, whoever observed them.

`record_observations` is the only writer of the record of the work beside people. The modules below each know one noun.
"""

from projects.domain.recording.links import resolve_links
from projects.domain.recording.observations import RecordingResult, record_observations
from projects.domain.recording.pseudonyms import Pseudonyms, load_pseudonyms

__all__ = ["Pseudonyms", "RecordingResult", "load_pseudonyms", "record_observations", "resolve_links"]
