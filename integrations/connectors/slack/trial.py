"""Slack on a server that plays it: the channels that the app is in, and one that is named and not listed."""

from integrations.connectors.trial import Trial

_CREDENTIALS = {"token": "xoxb-replay"}

TRIALS = (
    Trial(name="slack", path="/slack", credentials=_CREDENTIALS),
    Trial(name="slack_named", path="/slack", settings={"channel_ids": ["C000"]}, credentials=_CREDENTIALS),
)
