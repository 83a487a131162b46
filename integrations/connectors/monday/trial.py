"""monday.com on a server that plays it: every board that the account sees."""

from integrations.connectors.trial import Trial

TRIALS = (Trial(name="monday", path="/monday", credentials={"api_token": "monday-token"}),)
