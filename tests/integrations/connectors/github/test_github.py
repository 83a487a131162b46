"""GitHub, played by a small server."""

from __future__ import annotations

from tests.integrations.connectors.battery import ConnectorBattery
from tests.integrations.connectors.github.fake import REPOSITORY, TOKEN, FakeGitHub


class TestGitHub(ConnectorBattery):
    tool = "GITHUB"
    settings = {"repositories": [REPOSITORY]}
    credentials = {"token": TOKEN}
    recorded = {
        "items": 4,
        "changes": 6,
        "milestones": 1,
        "milestone_memberships": 1,
        "links": 1,
        "activities": 4,
        "ci_runs": 1,
    }
    read = {"milestones": 1, "issues": 6, "comments": 1, "pull_requests": 2, "ci_runs": 1}
    skipped = {"issues": {"pull_request": 2}}
    item_path = r"/issues$"
    edited = "1001"
    deleted = "1005"

    def make_fake(self) -> FakeGitHub:
        return FakeGitHub()
