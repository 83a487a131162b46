"""One forecaster per file: pure functions from a history to a distribution or a probability, or to an abstention."""
