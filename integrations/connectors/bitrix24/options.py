"""What a connection to Bitrix24 is told."""

from __future__ import annotations

from integrations.connectors.options import NAMES, RENEWABLE, SECRET_TEXT, WEB_ADDRESS, Option, ToolOptions

OPTIONS = ToolOptions(
    (
        Option(
            name="base_url",
            label="Address",
            schema=WEB_ADDRESS,
            is_required=True,
            help="Such as https://you.bitrix24.com.",
        ),
        Option(
            name="group_ids",
            label="Groups",
            schema=NAMES,
            help="Numbers of projects and workgroups, 0 for tasks without one; left out: all that the account sees.",
        ),
        Option(
            name="user_id",
            label="User of the webhook",
            schema={"type": "string", "pattern": "^[0-9]{1,10}$"},
            help="The number in the webhook's address, between /rest/ and its code.",
        ),
        Option(
            name="webhook_code",
            label="Code of the webhook",
            schema=SECRET_TEXT,
            is_secret=True,
            help="The last part of an inbound webhook's address. It needs the permissions Tasks and Workgroups.",
        ),
        *RENEWABLE,
    )
)
