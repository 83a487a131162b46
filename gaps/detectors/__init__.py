"""One detector per gap type: pure functions from a history to a finding, or to nothing."""

from gaps.detectors.finding import Finding
from gaps.detectors.timeline import detect_timeline_gap

__all__ = ["Finding", "detect_timeline_gap"]
