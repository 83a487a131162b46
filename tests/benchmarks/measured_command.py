"""A management command as a process of its own, on the database of the test, and what it took."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping

from django.conf import settings
from django.db import connection

# Not getrusage: its peak includes the test process this one was forked from.
_RUN = (
    "import sys, time; from django.core.management import execute_from_command_line as run; "
    "run(['manage.py', *sys.argv[1:]]); "
    "status = open('/proc/self/status').read(); print('peak', int(status.split('VmHWM:')[1].split()[0]) // 1024, "
    "'processor', time.process_time())"
)


def run_command(*arguments: str, environment: Mapping[str, str] | None = None) -> tuple[str, int, float]:
    """What the command said, its peak in MB, and its seconds of the processor.

    Raises CalledProcessError where it fails.
    """
    own = {"DATABASE_URL": _database_url(), "DJANGO_SETTINGS_MODULE": "stratibreak.settings"}
    finished = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", _RUN, *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ | own | dict(environment or {}),
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.fullmatch(r"(?s)(.*)peak (\d+) processor ([\d.]+)\n", finished.stdout)
    assert found is not None, finished.stdout
    return found[1], int(found[2]), float(found[3])


def _database_url() -> str:
    return re.sub(
        r"(postgres(?:ql)?://[^/?]*)/[^?]*", rf"\1/{connection.settings_dict['NAME']}", os.environ["DATABASE_URL"]
    )
