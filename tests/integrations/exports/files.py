"""What each tool would give for a file, made of the same records that it is played with."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import xlsxwriter

from tests.integrations.connectors.asana.fake import HOUSE as ASANA_PROJECT
from tests.integrations.connectors.asana.fake import SECTIONS, FakeAsana
from tests.integrations.connectors.bitrix24.fake import FakeBitrix24
from tests.integrations.connectors.github.fake import REPOSITORY, FakeGitHub
from tests.integrations.connectors.gitlab.fake import PROJECT, FakeGitLab
from tests.integrations.connectors.jira.fake import FakeJira
from tests.integrations.connectors.monday.fake import FakeMonday
from tests.integrations.connectors.slack.fake import FakeSlack
from tests.integrations.connectors.trello.fake import BEDS, HOUSE, LISTS, FakeTrello

BITRIX_STATUSES = {"2": "Pending", "5": "Completed"}


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def document(content: Any) -> bytes:
    return json.dumps(content).encode()


def workbook(rows: Iterable[Sequence[Any]]) -> bytes:
    """Datetimes become cells with a date's format."""
    packed = io.BytesIO()
    with xlsxwriter.Workbook(packed) as book:
        sheet, as_date = book.add_worksheet(), book.add_format({"num_format": "d mmm yyyy hh:mm"})
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, datetime):
                    sheet.write_datetime(number, column, value, as_date)
                elif value not in (None, ""):
                    sheet.write(number, column, value)
    return packed.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in files.items():
            written.writestr(name, content)
    return packed.getvalue()


# --- one for each tool ---


def trello_board(fake: FakeTrello) -> bytes:
    board = {
        "id": HOUSE,
        "name": "House",
        "actions": [each for each in fake.actions if each["data"]["board"]["id"] == HOUSE][::-1],
        "cards": [card for card in fake.cards.values() if card["idBoard"] == HOUSE],
        "lists": [{"id": list_id, "name": name} for list_id, name in LISTS.items() if list_id != BEDS],
        "customFields": [{"id": "f1", "name": "Story points", "type": "number"}],
    }
    return document(board)


def trello_cards(fake: FakeTrello) -> bytes:
    header = ("Card ID", "Card Name", "Card URL", "Labels", "Due Date", "Last Activity Date", "List ID", "List Name")
    rows = [
        (
            *(card["id"], card["name"], f"https://trello.com/c/{card['shortLink']}/1-x", "", card["due"] or ""),
            *(card["dateLastActivity"], card["idList"], LISTS[card["idList"]]),
            *(card["idBoard"], "House", str(card["closed"]).lower(), str(card["dueComplete"]).lower()),
        )
        for card in fake.cards.values()
        if card["idBoard"] == HOUSE
    ]
    return table((*header, "Board ID", "Board Name", "Archived", "Due Complete"), rows)


def asana_project(fake: FakeAsana) -> bytes:
    left_out = ("dependencies", "dependents", "created_by", "permalink_url", "actual_time_minutes")
    tasks = [
        {name: value for name, value in task.items() if name not in left_out}
        for task in fake.tasks.values()
        if any(place["gid"] == ASANA_PROJECT for place in task["projects"])
    ]
    return document({"data": tasks})


def asana_table(fake: FakeAsana) -> bytes:
    header = ("Task ID", "Created At", "Completed At", "Last Modified", "Name", "Section/Column", "Assignee Email")
    rows = []
    for task in fake.tasks.values():
        sections = [each["section"] for each in task["memberships"] if each["project"]["gid"] == ASANA_PROJECT]
        if sections:
            place = SECTIONS[sections[0]["gid"]] if sections[0] else ""
            moments = (task["created_at"][:10], (task["completed_at"] or "")[:10], task["modified_at"][:10])
            rows.append((task["gid"], *moments, task["name"], place, "dev@acme.example", task["due_on"] or ""))
    return table((*header, "Due Date"), rows)


def github_rest(fake: FakeGitHub) -> bytes:
    place = {"repository_url": f"https://api.github.example/repos/{REPOSITORY}"}
    return document([{**issue, **place} for issue in fake.issues.values()])


def github_cli(fake: FakeGitHub) -> bytes:
    return document(
        [
            {
                "number": issue["number"],
                "title": issue["title"],
                "state": issue["state"].upper(),
                "stateReason": (issue["state_reason"] or "").upper(),
                "createdAt": issue["created_at"],
                "updatedAt": issue["updated_at"],
                "closedAt": issue["closed_at"],
                "url": issue["html_url"],
                "author": {"id": "x", "login": issue["user"]["login"]},
                "assignees": [{"login": each["login"]} for each in issue["assignees"]],
                "labels": [{"name": each["name"]} for each in issue["labels"]],
                "milestone": {"number": 1, "title": "v1"} if issue["milestone"] else None,
            }
            for issue in fake.issues.values()
            if "pull_request" not in issue
        ]
    )


def github_archive(fake: FakeGitHub) -> bytes:
    site = "https://github.example"
    return document(
        [
            {
                "type": "issue",
                "url": issue["html_url"],
                "repository": f"{site}/{REPOSITORY}",
                "user": f"{site}/{issue['user']['login']}",
                "title": issue["title"],
                "assignees": [f"{site}/{each['login']}" for each in issue["assignees"]],
                "labels": [f"{site}/{REPOSITORY}/labels/{each['name']}" for each in issue["labels"]],
                "created_at": issue["created_at"],
                "updated_at": issue["updated_at"],
                "closed_at": issue["closed_at"],
            }
            for issue in fake.issues.values()
            if "pull_request" not in issue
        ]
    )


def gitlab_rest(fake: FakeGitLab) -> bytes:
    return document(list(fake.issues.values()))


def gitlab_table(fake: FakeGitLab) -> bytes:
    header = ("Title", "Description", "Issue ID", "URL", "State", "Author Username", "Due Date", "Created At (UTC)")
    rows = [
        (
            *(issue["title"], "Words", issue["iid"], issue["web_url"]),
            *("Closed" if issue["state"] == "closed" else "Open", issue["author"]["username"], issue["due_date"] or ""),
            *(_plain(issue["created_at"]), _plain(issue["updated_at"]), _plain(issue["closed_at"])),
            (issue["milestone"] or {}).get("title", ""),
        )
        for issue in fake.issues.values()
    ]
    return table((*header, "Updated At (UTC)", "Closed At (UTC)", "Milestone"), rows)


def gitlab_lines(fake: FakeGitLab) -> bytes:
    """As newer exports have it: without the issue's own number."""
    lines = [
        {
            "title": issue["title"],
            "author_id": issue["author"]["id"],
            "created_at": issue["created_at"],
            "updated_at": issue["updated_at"],
            "closed_at": issue["closed_at"],
            "iid": issue["iid"],
            "state": issue["state"],
            "issue_type": issue["issue_type"],
            "due_date": issue["due_date"],
            "time_estimate": 0,
            "notes": [{"project_id": PROJECT, "note": "Words that must not be kept"}],
            "label_links": [],
            "issue_assignees": [{"user_id": each["id"]} for each in issue["assignees"]],
        }
        for issue in fake.issues.values()
    ]
    return b"".join(document(line) + b"\n" for line in lines)


def jira_table(fake: FakeJira) -> bytes:
    header = ("Summary", "Issue key", "Issue id", "Issue Type", "Status", "Project key", "Priority", "Created")
    rows = []
    for issue in fake.issues.values():
        fields = issue["fields"]
        versions = [*(each["name"] for each in fields["fixVersions"]), "", ""][:2]
        moments = (_spoken(fields[name]) for name in ("created", "updated", "resolutiondate"))
        rows.append(
            (
                *(fields["summary"], issue["key"], issue["id"], "Story", fields["status"]["name"], "ROCK", "High"),
                *moments,
                *versions,
                _spoken(fields["duedate"]),
            )
        )
    return table((*header, "Updated", "Resolved", "Fix versions", "Fix versions", "Due date"), rows)


def monday_board(fake: FakeMonday) -> bytes:
    items = [item for item in fake.items.values() if item["state"] == "active"]
    header = ("Name", "Status", "Due date", "Creation log", "Last updated", "Item ID (auto generated)")
    rows: list[Sequence[Any]] = [("Rocket",), ("Now",), header]
    for item in items:
        cells = {cell["id"]: cell["text"] for cell in item["column_values"]}
        created = datetime.fromisoformat(item["created_at"])
        rows.append(
            (
                *(item["name"], cells.get("status", ""), cells.get("date4", "")),
                f"Ann Example {created:%b} {created.day}, {created:%Y %I:%M %p}",
                datetime.fromisoformat(item["updated_at"]).replace(tzinfo=None),
                int(item["id"]),
            )
        )
    return workbook([*rows, ("", "", "", "", "", 4)])


def bitrix_page(fake: FakeBitrix24) -> bytes:
    header = ("ID", "Task", "Status", "Created on", "Modified on", "Closed on", "Deadline", "Planned duration")
    rows = [
        (
            *(task["id"], task["title"], BITRIX_STATUSES[task["status"]]),
            *(_dotted(task[name]) for name in ("createdDate", "changedDate", "closedDate", "deadline")),
            "02:30:00" if task["timeEstimate"] != "0" else "",
        )
        for task in fake.tasks.values()
        if task["createdDate"]
    ]
    cells = [f"<tr>{''.join(f'<th>{name}</th>' for name in header)}</tr>"]
    cells += [f"<tr>{''.join(f'<td>{value}</td>' for value in row)}</tr>" for row in rows]
    return f'<meta charset="UTF-8"/>\n<table border="1">\n{chr(10).join(cells)}\n</table>'.encode()


def slack_workspace(fake: FakeSlack) -> bytes:
    channels = [each for each in fake.channels if not each.get("is_im")]
    files = {
        "users.json": document(fake.users),
        "channels.json": document(channels),
        "dms.json": document([{"id": "D4DIRECT", "members": ["U1", "U2"]}]),
        "D4DIRECT/2026-05-05.json": document(fake.messages["C1TALK"]),
    }
    threads = [each for replies in fake.replies.values() for each in replies[1:]]
    for channel in channels:
        if channel["is_member"]:
            told = fake.messages[channel["id"]] + (threads if channel["id"] == "C1TALK" else [])
            files[f"{channel['name']}/2026-05-05.json"] = document(told)
    return archive(files)


def _plain(moment: str | None) -> str:
    return "" if moment is None else moment[:19].replace("T", " ")


def _spoken(moment: str | None) -> str:
    """As Jira writes it in English: 12/Mar/24 3:14 PM. Days come with midnight."""
    if moment is None:
        return ""
    at = datetime.fromisoformat(moment)
    return f"{at:%d/%b/%y} {at:%I}:{at:%M %p}"


def _dotted(moment: str | None) -> str:
    return "" if moment is None else datetime.fromisoformat(moment).strftime("%d.%m.%Y %H:%M:%S")
