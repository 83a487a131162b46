"""What a connection to Microsoft Teams is told."""

from __future__ import annotations

from dataclasses import replace

from integrations.connectors.options import (
    ACCESS_TOKEN_OPTION,
    EXPIRES_AT_OPTION,
    NAMES,
    REFRESH_TOKEN_OPTION,
    SECRET_TEXT,
    Option,
    ToolOptions,
)

OPTIONS = ToolOptions(
    (
        Option(name="directory_id", label="Directory", help="Directory (tenant) ID of the app registration."),
        Option(name="client_id", label="Application", help="Application (client) ID of the app registration."),
        Option(name="team_ids", label="Teams", schema=NAMES, help="Left out: all that are shown."),
        Option(
            name="channel_ids",
            label="Channels",
            schema=NAMES,
            help="Such as 19:…@thread.tacv2, or with the team before it, team/19:…; left out: all of the teams.",
        ),
        Option(
            name="chat_ids",
            label="Group chats",
            schema=NAMES,
            help="Such as 19:…@thread.v2; left out: none.",
        ),
        Option(
            name="client_secret",
            label="Client secret",
            schema=SECRET_TEXT,
            is_secret=True,
            help="Of the app registration; with ChannelMessage.Read.All, Channel.ReadBasic.All, Team.ReadBasic.All.",
        ),
        replace(REFRESH_TOKEN_OPTION, help="To read with the rights of a person instead of those of the app."),
        replace(ACCESS_TOKEN_OPTION, help="By itself to try something out: then it ends within the hour."),
        EXPIRES_AT_OPTION,
    )
)
