"""GitHub on a server that plays it: every repository that the account sees."""

from integrations.connectors.trial import Trial

TRIALS = (Trial(name="github", path="/github", credentials={"token": "ghp_replay"}),)
