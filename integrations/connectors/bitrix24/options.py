"""What a connection to Bitrix24 is told."""

from __future__ import annotations

from integrations.connectors.options import NAMES, WEB_ADDRESS, Option, ToolOptions

OPTIONS = ToolOptions(
    (
        Option(
            name="base_url",
            label="Address",
            schema=WEB_ADDRESS,
            is_required=True,
            help="Such as https://you.bitrix24.com.",
        ),
        Option(name="group_ids", label="Groups", schema=NAMES, help="Left out: all that the account sees."),
    )
)
