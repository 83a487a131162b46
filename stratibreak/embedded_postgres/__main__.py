"""``python -m stratibreak.embedded_postgres start|stop|status|remove``: the development server without Django."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import EmbeddedPostgresError, ensure_running, remove_data, status, stop

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Carry out one action and return the exit status; ``status`` is 0 only while the server answers."""
    parser = argparse.ArgumentParser(prog="stratibreak.embedded_postgres", description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "status", "remove"])
    action = parser.parse_args(arguments).action
    try:
        if action == "start":
            return _say(ensure_running(ROOT).login)
        if action == "stop":
            return _say("Stopped." if stop(ROOT) else "It was not running.")
        if action == "remove":
            remove_data(ROOT)
            return _say("Removed the development data.")
        found = status(ROOT)
    except EmbeddedPostgresError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    _say(f"PostgreSQL {found.data_major or '-'} {'runs' if found.running else 'does not run'}. Data: {found.data}")
    return 0 if found.running else 1


def _say(line: str) -> int:
    sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
