"""Past projects in a directory: one file a project, `organisation_project.csv`, plain or gzipped."""

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from predictions.backtesting.tasks import BenchmarkRefused

SPLIT_COLUMN = "split"
TEST_SHARE = 0.25
"""Without a split column the last quarter in time is the test part."""


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """One file. name: without its ending;  rows: by column name, in the order of the file."""

    name: str
    rows: tuple[dict[str, str], ...]

    @property
    def organisation(self) -> str:
        """The part of the name before the first underscore: projects of one organisation are never on both sides."""
        return self.name.split("_")[0].casefold()


def project_files(directory: Path, *, pattern: str = "*.csv*") -> list[ProjectFile]:
    """Every file of a directory that matches, ordered by name.  Raises BenchmarkRefused where there is none."""
    paths = sorted(directory.glob(pattern)) if directory.is_dir() else []
    if not paths:
        raise BenchmarkRefused(f"{directory} holds no file {pattern}.")
    return [ProjectFile(_stem(path), tuple(_rows(path))) for path in paths]


def other_organisations(files: Sequence[ProjectFile], tested: ProjectFile) -> list[ProjectFile]:
    """The files that a test on one project may learn from."""
    return [file for file in files if file.organisation != tested.organisation]


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".csv")


def _rows(path: Path) -> Iterator[dict[str, str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)
