"""Which of Jira's numbered custom fields holds the sprint, the story points and the epic.

Source: https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/ (expand=names,schema), and recorded traffic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from projects.imports.jira_sprints import SPRINT_SCHEMA
from projects.imports.json_access import JsonObject

EPIC_LINK_SCHEMA: Final = "com.pyxis.greenhopper.jira:gh-epic-link"
POINTS_SCHEMA: Final = "com.pyxis.greenhopper.jira:jsw-story-points"
POINTS_NAMES: Final = ("Story Points", "Story point estimate")  # two fields; a company-managed project fills the first


@dataclass(frozen=True, slots=True)
class CustomFields:
    """Names such as customfield_10020, in order of preference; empty where nothing tells."""

    sprint: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    epic_link: tuple[str, ...] = ()

    @classmethod
    def described_by(cls, envelope: JsonObject) -> CustomFields:
        """From the `names` and `schema` members of a page or an issue; whatever is odd about them is passed over."""
        schema, names = envelope.get("schema"), envelope.get("names")
        kinds: dict[str, object] = {}
        if isinstance(schema, dict):
            kinds = {name: kind.get("custom") for name, kind in schema.items() if isinstance(kind, dict)}
        titles = names if isinstance(names, dict) else {}
        points = [name for title in POINTS_NAMES for name in titles if titles[name] == title]
        return cls(
            sprint=_holding(kinds, SPRINT_SCHEMA),
            points=tuple(dict.fromkeys([*points, *_holding(kinds, POINTS_SCHEMA)])),
            epic_link=_holding(kinds, EPIC_LINK_SCHEMA),
        )

    def or_else(self, other: CustomFields) -> CustomFields:
        """These, and the other's for what these do not know."""
        return CustomFields(
            sprint=self.sprint or other.sprint,
            points=self.points or other.points,
            epic_link=self.epic_link or other.epic_link,
        )


def _holding(kinds: dict[str, object], wanted: str) -> tuple[str, ...]:
    return tuple(name for name, kind in kinds.items() if kind == wanted)
