"""Microsoft Teams on a server that plays it: one channel and one group chat, which are named."""

from integrations.connectors.trial import Trial

_TEAM = "59709978-aaf4-45d8-baf2-b9816b125911"

TRIALS = (
    Trial(
        name="teams",
        path="/teams",
        settings={
            "channel_ids": [f"{_TEAM}/19:ee7f6ccd8ac84c0ebf828c0f88a7c3b6@thread.tacv2"],
            "chat_ids": ["19:858062e21bfc4b319cbf095abf0f8a80@thread.v2"],
        },
        credentials={"access_token": "graph-token"},
    ),
)
