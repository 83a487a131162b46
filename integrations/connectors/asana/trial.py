"""Asana on a server that plays it: every project of every workspace."""

from integrations.connectors.trial import Trial

TRIALS = (Trial(name="asana", path="/asana", credentials={"token": "asana-pat"}),)
