"""Write the shipped priors anew."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from predictions import priors
from predictions.backtesting.prior_building import build_item_delay_prior
from predictions.priors import effort, iterations, throughput

PRIORS: Mapping[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "effort": (effort.FILE_NAME, effort.built_prior),
    "item-delay": ("item_delay.json", build_item_delay_prior),
    "iterations": (iterations.FILE_NAME, iterations.built_prior),
    "throughput": (throughput.FILE_NAME, throughput.built_prior),
}


class Command(BaseCommand):
    """The files are part of the source: whoever builds them reviews and commits what changed.

    Everything is simulated and seeded; no database and no real project is touched.
    """

    help = "Fit the priors that ship, from simulated projects, into predictions/priors/."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help=f"all unless named: {', '.join(PRIORS)}")
        parser.add_argument("--check", action="store_true", help="write nothing; fail where a file would change")

    def handle(self, *args: Any, **options: Any) -> None:
        for name in options["names"] or PRIORS:
            if name not in PRIORS:
                raise CommandError(f"There is no prior {name!r}; there are {', '.join(PRIORS)}.")
            file_name, build = PRIORS[name]
            path = Path(priors.__path__[0]) / file_name
            text = json.dumps(build(), separators=(",", ":")).replace('},"', '},\n"') + "\n"
            is_same = path.exists() and path.read_text(encoding="utf-8") == text
            if options["check"] and not is_same:
                raise CommandError(f"{file_name} differs from what the code builds: run build_prior {name}.")
            if not is_same:
                path.write_text(text, encoding="utf-8")
            self.stdout.write(f"{file_name}: {'as it was' if is_same else 'written'}")
