from __future__ import annotations

from typing import ClassVar

from django.db import models

from projects.constraints import natural_key, not_blank, source_form
from projects.models.sourced_fact import SourcedFact
from tenants.audit.enums import AuditMode
from tenants.isolation.models import TenantForeignKey
from tenants.value_constraints import range_check

LONGEST_ENTRY_S = 100 * 365 * 86_400
"""A century: no entry is longer, and what is was never meant to be one."""


class TimeEntry(SourcedFact):
    """Time that somebody has written down as worked on an item: who, when and how long, never what they said of it.

    Syncs write it, from tools that keep such entries one by one. Always holds: the sum of an item's entries that are
    not removed need not be its `spent_s`, which is the tool's own; a correction may be negative; an entry that the
    tool shows no longer has the moment at which that was found, and comes back if it is shown again.
    """

    audit_mode: ClassVar[AuditMode] = AuditMode.BULK

    project = TenantForeignKey("projects.Project", containing=True, related_name="time_entries")
    # It says something about an item and goes with it.
    work_item = TenantForeignKey("projects.WorkItem", containing=True, related_name="time_entries")
    contributor = TenantForeignKey("projects.Contributor", null=True, blank=True, related_name="time_entries")
    worked_on_date = models.DateField("worked on", help_text="The day in UTC, where the tool tells an instant.")
    started_at = models.DateTimeField(null=True, blank=True, help_text="Empty where the tool knows the day only.")
    duration_s = models.BigIntegerField("duration (seconds)", help_text="Negative for a correction.")
    removed_at = models.DateTimeField(null=True, blank=True, help_text="When the tool was found to show it no longer.")

    class Meta(SourcedFact.Meta):
        verbose_name = "time entry"
        verbose_name_plural = "time entries"
        ordering = ["-id"]
        constraints = [
            natural_key(),
            source_form(),
            not_blank("external_id"),
            range_check("duration_s", low=-LONGEST_ENTRY_S, high=LONGEST_ENTRY_S),
        ]
        indexes = [models.Index(fields=["tenant", "project", "worked_on_date"], name="time_entry_project_day_idx")]

    def __str__(self) -> str:
        return f"{self.duration_s / 3600:.2f} h on {self.worked_on_date}"
