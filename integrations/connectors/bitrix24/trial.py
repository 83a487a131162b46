"""Bitrix24 on a server that plays it: by a webhook, and by the token of an application."""

from integrations.connectors.trial import Trial

_SITE = "https://bitrix24.example"

TRIALS = (
    Trial(
        name="bitrix24",
        path="/bitrix24",
        settings={"base_url": _SITE, "user_id": "1"},
        credentials={"webhook_code": "b24secret"},
    ),
    Trial(
        name="bitrix24_application",
        path="/bitrix24",
        settings={"base_url": _SITE},
        credentials={"access_token": "b24oauth"},
    ),
)
