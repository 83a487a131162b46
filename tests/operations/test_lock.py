"""The lock: whole versions with hashes, in step with what is declared, and no word on where files come from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[2]
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text())
LOCKS = ("requirements.txt", "requirements-dev.txt")


def _locked(lock: str) -> dict[str, str]:
    """Return the version of each package; every entry spans lines that end in a backslash."""
    entries = (PROJECT / lock).read_text().replace("\\\n", " ").splitlines()
    requirements = [Requirement(entry.split("--hash")[0]) for entry in entries]
    return {canonicalize_name(found.name): str(found.specifier).removeprefix("==") for found in requirements}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_has_one_version_and_hashes(lock: str) -> None:
    entries = (PROJECT / lock).read_text().replace("\\\n", " ").splitlines()

    loose = [entry for entry in entries if not re.match(r"[a-z0-9-]+==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", entry)]

    assert loose == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_index(lock: str) -> None:
    text = (PROJECT / lock).read_text()

    assert re.findall(r"https?:|file:|--(?:index|extra-index|find-links|trusted-host)", text) == []


@pytest.mark.parametrize(
    ("lock", "declared"),
    [
        ("requirements.txt", DECLARED["project"]["dependencies"]),
        ("requirements-dev.txt", DECLARED["project"]["dependencies"] + DECLARED["dependency-groups"]["dev"]),
    ],
)
def test_lock_is_in_step_with_the_declaration(lock: str, declared: list[str]) -> None:
    locked = _locked(lock)

    stale = [
        text
        for text in declared
        for wanted in [Requirement(text)]
        if not wanted.specifier.contains(locked.get(canonicalize_name(wanted.name), "0"))
    ]

    assert stale == []


def test_both_locks_agree() -> None:
    runtime, development = (_locked(lock) for lock in LOCKS)

    assert {name: development.get(name) for name in runtime} == runtime
