"""A newcomer's first minutes in chromium: a project by its name, a file brought into it, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.urls import reverse

from projects.models import Project
from tenants.enums import Role
from tenants.isolation.transaction import tenant_context
from tests.browser.conftest import Visitor
from tests.browser.test_connection_page import said
from tests.factories.look_alike import LookAlike
from tests.integrations.connectors.trello.fake import FakeTrello
from tests.integrations.exports.files import trello_board

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, databases=["default", "platform"]),
]


def test_file_is_brought_into_a_new_project_and_told_of(
    make_visitor: Callable[..., Visitor], ours: LookAlike, tmp_path: Path
) -> None:
    with tenant_context(ours.tenant.pk):
        project = Project.objects.create(name="First steps")
    visitor = make_visitor(ours.users[Role.ADMIN])
    page = visitor.page
    visitor.open(reverse("admin:projects_project_change", args=[project.pk]))
    assert "A worker analyses the project next" in visitor.text()
    assert visitor.problems() == []

    board = tmp_path / "board.txt"
    board.write_bytes(trello_board(FakeTrello()))
    page.get_by_label("File", exact=True).set_input_files(board)
    page.get_by_role("button", name="Import the file").click()
    said(visitor, "Read as: Board of Trello with its actions (JSON). 6 items are new")
    said(visitor, "A worker analyses the project next")
    assert visitor.problems() == []

    page.get_by_role("link", name="connect a tool").click()
    page.wait_for_load_state()
    assert page.get_by_label("Project").first.input_value() == str(project.pk)
    assert visitor.problems() == []
