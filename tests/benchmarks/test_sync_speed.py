"""A first sync from a local server into the database: items a second of our own time, and memory.

The long form holds the clock to it, less what the server took; the short one, for busy machines, the processor alone.

BENCH_SYNC_ISSUES: issues of the tool, each with five changes (default 6,000; the promise is made for 29,000)
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from django.conf import settings

from integrations.enums import IntegrationStatus
from integrations.models import Integration
from projects.models import FieldChange, Project, WorkItem
from tenants.encryption.secret import Secret
from tenants.isolation.transaction import tenant_context
from tests.benchmarks.measured_command import run_command
from tests.factories.look_alike import LookAlike
from tests.integrations.connectors.jira.fake import EMAIL, TOKEN

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db(transaction=True)]

IS_LONG_FORM = "BENCH_SYNC_ISSUES" in os.environ
ISSUES = int(os.environ.get("BENCH_SYNC_ISSUES", "6000"))
CHANGES_EACH = 5
LEAST_ITEMS_PER_S = 2_000
MOST_MEMORY_MB = 200
MOST_GROWTH = 1.25
"""Of memory, from a third of the issues to all of them."""


@dataclass(frozen=True)
class Tool:
    """base_url: of the server"""

    process: subprocess.Popen[str]
    base_url: str

    def spent_s(self) -> float:
        """Seconds that it has worked on answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@contextmanager
def large_tool(issues: int) -> Iterator[Tool]:
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "tests.benchmarks.large_jira", str(issues)],
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield Tool(process, process.stdout.readline().strip())
        assert process.stdin is not None
        process.stdin.close()


def connect(one: LookAlike) -> Integration:
    with tenant_context(one.tenant.pk):
        integration = Integration(
            project=Project.objects.create(name="Large"),
            name="Large",
            type="JIRA",
            status=IntegrationStatus.ACTIVE,
            config={"base_url": "https://large.example", "account_email": EMAIL},
            credentials=Secret.of_json({"api_token": TOKEN}),
        )
        integration.save()
    return integration


@dataclass(frozen=True)
class FirstSync:
    """sync_s: of the whole run;  tool_s: of it, of the tool;  processor_s, peak_mb: of the command"""

    sync_s: float
    tool_s: float
    processor_s: float
    peak_mb: int


def first_sync(one: LookAlike, issues: int) -> FirstSync:
    """Everything of a tool with so many issues, by the command that operators use."""
    integration = connect(one)
    with large_tool(issues) as tool:
        environment = {"INTEGRATION_NETWORKS": "127.0.0.0/8", "INTEGRATION_GATEWAYS": f"JIRA={tool.base_url}"}
        command = ("sync", "--integration", str(integration.pk))
        said, peak_mb, processor_s = run_command(*command, environment=environment)
        tool_s = tool.spent_s()
    found = re.search(r"requests in ([\d.,]+) s", said)
    assert found, said
    with tenant_context(one.tenant.pk):
        items = WorkItem.objects.filter(project=integration.project)
        assert items.count() == issues
        assert FieldChange.objects.filter(work_item__in=items).count() == CHANGES_EACH * issues
    return FirstSync(float(found[1].replace(",", "")), tool_s, processor_s, peak_mb)


def test_first_sync_takes_two_thousand_items_a_second_in_flat_memory(
    ours: LookAlike, theirs: LookAlike, capsys: pytest.CaptureFixture[str]
) -> None:
    small, whole = first_sync(theirs, ISSUES // 3), first_sync(ours, ISSUES)

    rate = ISSUES / (whole.sync_s - whole.tool_s)
    processor_rate = (ISSUES - ISSUES // 3) / (whole.processor_s - small.processor_s)
    with capsys.disabled():
        sys.stdout.write(
            f"\nfirst sync of {ISSUES:,} items with {CHANGES_EACH * ISSUES:,} changes: {whole.sync_s:.2f} s, of it "
            f"{whole.tool_s:.2f} s the tool's, {rate:,.0f} items a second of the rest, {processor_rate:,.0f} a second "
            f"of the processor; {whole.peak_mb} MB, for a third of the items {small.peak_mb} MB\n"
        )
    assert processor_rate >= LEAST_ITEMS_PER_S
    if IS_LONG_FORM:
        assert rate >= LEAST_ITEMS_PER_S
    assert whole.peak_mb < MOST_MEMORY_MB
    assert whole.peak_mb <= MOST_GROWTH * small.peak_mb
