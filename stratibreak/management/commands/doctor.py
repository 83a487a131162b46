"""Say what is on, what is off, and how to mend it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from stratibreak.diagnosis import diagnose


class Command(BaseCommand):
    """Ends with status 1 when something is wrong; what is merely off is no problem."""

    help = "Examine the installation: what is on, what is off, how to mend it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document on stdout instead of lines")

        parser.add_argument("--quick", action="store_true", help="do not compare the schema with the migrations")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = diagnose(is_quick=options["quick"])
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings]))
        else:
            for finding in findings:
                sign = "PROBLEM" if finding.is_problem else "ok"
                is_off = finding.state in {"off", "on"}
                mend = f"\n          mend: {finding.mend}" if finding.mend and (finding.is_problem or is_off) else ""
                self.stdout.write(f"{sign:<8}{finding.subject}: {finding.state}{mend}")
        if any(finding.is_problem for finding in findings):
            sys.exit(1)
