"""Trello on a server that plays it: every board of the account."""

from integrations.connectors.trial import Trial

TRIALS = (Trial(name="trello", path="/trello", credentials={"api_key": "tkey", "token": "ttoken"}),)
