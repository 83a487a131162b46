"""What a connection to GitHub and GitHub Enterprise Server is told."""

from __future__ import annotations

from integrations.connectors.options import RENEWABLE, SECRET_TEXT, WEB_ADDRESS, Option, ToolOptions, list_of

OPTIONS = ToolOptions(
    (
        Option(
            name="repositories",
            label="Repositories",
            schema=list_of({"type": "string", "pattern": r"^[\w.-]{1,100}/[\w.-]{1,100}$"}) | {"minItems": 1},
            help="owner/name of each; left out: all that the token sees.",
        ),
        Option(
            name="base_url",
            label="Address",
            schema=WEB_ADDRESS,
            help="Of the REST interface, such as https://github.example/api/v3; left out: https://api.github.com.",
        ),
        Option(
            name="api_version",
            label="API version",
            help="X-GitHub-Api-Version; left out: 2026-03-10, on a server of your own 2022-11-28.",
        ),
        Option(
            name="token",
            label="Token",
            schema=SECRET_TEXT,
            is_secret=True,
            help="Fine-grained: read Issues, Metadata, Pull requests, Actions and Deployments. Classic: repo.",
        ),
        *RENEWABLE,
    )
)
