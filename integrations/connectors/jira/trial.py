"""Jira on a server that plays it: the site, the gateway for tokens with scopes, and Data Center."""

from integrations.connectors.trial import Trial

_SITE = "https://jira.example"

TRIALS = (
    Trial(
        name="jira",
        path="/jira",
        settings={"base_url": _SITE, "account_email": "bot@example.com"},
        credentials={"api_token": "jira-token"},
    ),
    Trial(
        name="jira_gateway",
        path="/jira",
        settings={"base_url": _SITE, "cloud_id": "replay-cloud-id"},
        credentials={"api_token": "jira-oauth"},
    ),
    Trial(
        name="jira_data_center",
        path="/jiradc",
        settings={"base_url": _SITE, "deployment": "data_center"},
        credentials={"api_token": "dc-pat"},
    ),
)
