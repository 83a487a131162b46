"""Seal the audit trail, and hand out the heads to keep elsewhere."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from tenants.audit.seal_keys import SealKeysMisconfigured, seal_keys
from tenants.domain.audit_sealing import heads, seal_trail, trail_tenants
from tenants.isolation.owner import OwnerCommand


class Command(OwnerCommand):
    """Run every few minutes: seals what finished transactions wrote. Writers are not held up."""

    help = "Seal the audit trail. With --heads FILE, write the last seal of each organisation, to keep elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--heads", type=Path, metavar="FILE", help="a new file, or - for the standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path | None = options["heads"]
        to_stdout = str(file) == "-"
        if file and not to_stdout and file.exists():
            raise CommandError(f"{file} exists already and is kept: heads are compared with it later.")
        try:
            sealed = list(seal_trail(seal_keys()))
        except SealKeysMisconfigured as error:
            raise CommandError(str(error)) from error
        said = self.stderr if to_stdout else self.stdout
        said.write(
            f"{sum(each.entries for each in sealed):,} entries of {sum(1 for each in sealed if each.seals)} "
            f"organisations sealed; {sum(each.waiting for each in sealed):,} wait for open transactions."
        )
        if file:
            text = json.dumps([asdict(head) for head in heads(trail_tenants())], default=str, indent=1)
            if to_stdout:
                self.stdout.write(text)
            else:
                file.write_text(text + "\n")
