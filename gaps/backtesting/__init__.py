"""Projects that never existed, with a gap planted or none, to judge detectors by. Pure: a seed in, facts out."""
