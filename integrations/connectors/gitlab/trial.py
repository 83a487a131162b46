"""GitLab on a server that plays it: every project that the account sees."""

from integrations.connectors.trial import Trial

TRIALS = (Trial(name="gitlab", path="/gitlab", credentials={"token": "glpat-replay"}),)
