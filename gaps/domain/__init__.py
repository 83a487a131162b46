"""Writes of the gaps app; doors and the pipeline call these."""
