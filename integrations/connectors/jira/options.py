"""What a connection to Jira Cloud and Jira Data Center is told."""

from __future__ import annotations

from integrations.connectors.options import NAMES, RENEWABLE, SECRET_TEXT, WEB_ADDRESS, Option, ToolOptions

OPTIONS = ToolOptions(
    (
        Option(
            name="base_url",
            label="Address",
            schema=WEB_ADDRESS,
            is_required=True,
            help="Such as https://you.atlassian.net.",
        ),
        Option(name="deployment", label="Kind", schema={"enum": ["cloud", "data_center"]}, help="Left out: Cloud."),
        Option(
            name="cloud_id",
            label="Cloud id",
            help="For tokens with scopes, which work through the gateway only; from /_edge/tenant_info of the site.",
        ),
        Option(name="project_keys", label="Projects", schema=NAMES, help="Keys; left out: all that the account sees."),
        Option(
            name="account_email",
            label="Account",
            schema={"type": "string", "format": "email", "maxLength": 254},
            help="The account of the API token (Cloud); left out for a bearer token.",
        ),
        Option(
            name="expires_on",
            label="Token ends on",
            schema={"type": "string", "format": "date"},
            help="Jira does not say; the connection test warns of it.",
        ),
        Option(
            name="api_token",
            label="Token",
            schema=SECRET_TEXT,
            is_secret=True,
            help="API token (Cloud) or personal access token (Data Center).",
        ),
        *RENEWABLE,
    )
)
