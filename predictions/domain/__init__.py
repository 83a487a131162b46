"""Writes of the predictions app; doors and the pipeline call these."""
