"""Show what in an organisation's audit trail deserves a look."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tenants.domain.suspicious_activity import SHOWN_FOR, suspicious_activity
from tenants.isolation.transaction import tenant_context
from tenants.management.tenant_argument import add_tenant_argument, find_tenant

MOST_DAYS = 365


class Command(BaseCommand):
    """Reads one organisation, in its own context; the rules are in ``tenants.domain.suspicious_activity``."""

    help = "List refused attempts in a burst, lockouts, logins from new user agents and exports above the usual."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_tenant_argument(parser)
        parser.add_argument("--days", type=int, default=SHOWN_FOR.days, help="how far back to look (default 7)")
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["days"] <= MOST_DAYS:
            raise CommandError(f"--days is a number from 1 to {MOST_DAYS}.")
        tenant, now = find_tenant(options["tenant"]), timezone.now()
        with tenant_context(tenant.pk, reason="manage.py suspicious_activity"):
            found = suspicious_activity(at=now, since=now - timedelta(days=options["days"]))
        if options["json"]:
            self.stdout.write(json.dumps([asdict(each) for each in found], default=str))
            return
        for each in found:
            who = each.actor_id or each.ip_address or "unknown"
            self.stdout.write(f"{each.last_at:%Y-%m-%d %H:%M}Z  {each.kind.label}: {each.count} by {who}")
        if not found:
            self.stdout.write("Nothing that deserves a look.")
