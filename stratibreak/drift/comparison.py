"""Two catalogues side by side: each difference with the statement that mends it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .catalogue import Catalogue, Part, PartKind, of_any_month

MIGRATE = "manage.py migrate"


@dataclass(frozen=True, slots=True)
class Difference:
    """One part that is not as the migrations make it.

    mend: SQL for the owner, or a command that begins with manage.py;  expected, found: None where there is no such part
    """

    part: Part
    expected: str | None
    found: str | None
    mend: str

    def __str__(self) -> str:
        what = f"{self.part.kind} {self.part.name}".strip() + (f" of {self.part.place}" if self.part.place else "")
        if self.expected is None:
            return f"The {what} is in no migration: {_line(self.found)}."
        if self.found is None:
            return f"The {what} is missing: {_line(self.expected)}."
        return f"The {what} is {_line(self.found)}, not {_line(self.expected)}."


def differences(expected: Catalogue, found: Catalogue, *, database: str) -> list[Difference]:
    """Return what differs, by kind. What goes with a missing or unknown table or function is not told a second time.

    database: name of the one that ``found`` was read from, for the statements that mend its rights
    """
    monthly = dict(of_any_month(part, text) for part, text in expected.items())
    pairs: dict[Part, tuple[str | None, str | None]] = {}
    for part, text in found.items():
        plain, plain_text = of_any_month(part, text)
        wanted = monthly.get(plain)
        if wanted is None or canonical(wanted) != canonical(plain_text):
            pairs[part] = (wanted if plain == part else expected.get(part, wanted), text)
    for part, text in expected.items():
        if part not in found and of_any_month(part, text)[0] == part:
            pairs[part] = (text, None)
    whole = {
        part.place or part.name
        for part, pair in pairs.items()
        if part.kind in (PartKind.RELATION, PartKind.FUNCTION) and None in pair
    }
    return [
        Difference(part, *pair, mend=_MENDS[part.kind](part, *pair).replace("<database>", f'"{database}"'))
        for part, pair in sorted(pairs.items(), key=lambda item: (list(PartKind).index(item[0].kind), item[0]))
        if part.kind in (PartKind.RELATION, PartKind.FUNCTION) or _belongs_to(part) not in whole
    ]


def canonical(text: str) -> str:
    """Return a text without the casts between text types, and the brackets round them, that a dump adds or moves.

    The server prints `(a)::text = ANY ((ARRAY['x'::varchar])::text[])`; read back, it prints the same test with the
    casts inside. Brackets round more than a literal, a name or an array stay: they decide what is meant.
    """
    plain = _TEXT_CAST.sub("", text)
    while (shorter := _IDLE_BRACKETS.sub(r"\1", plain)) != plain:
        plain = shorter
    return plain


_TEXT_CAST = re.compile(r"::(?:character varying|text)(?:\(\d+\))?(?:\[\])?")
# Not after a name: those are a call's, or a list of columns.
_IDLE_BRACKETS = re.compile(r"(?<![\w\"])\(((?:'(?:[^']|'')*'|\w+|ARRAY\[[^\[\]]*\]))\)")


def _belongs_to(part: Part) -> str:
    """Return the table or function that the part goes with."""
    kind, _, name = part.place.partition(" ")
    if kind in ("TABLE", "SEQUENCE", "FUNCTION"):
        return name
    return name.split(" (")[0] if kind == "COLUMN" else part.place


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


# --- the statement that mends, by kind ---


def _relation(part: Part, expected: str | None, found: str | None) -> str:
    if expected is None:
        kind = (found or "").removeprefix("foreign ").split(" ")[0]
        return f"DROP {'MATERIALIZED VIEW' if kind == 'materialized' else kind.upper()} {part.place};"
    return "Restore the table from a backup: its rows are gone, and a migration would make it empty."


def _row_security(part: Part, expected: str | None, found: str | None) -> str:
    return f"ALTER TABLE {part.place} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"


def _column(part: Part, expected: str | None, found: str | None) -> str:
    alter = f"ALTER TABLE {part.place}"
    if expected is None:
        return f"{alter} DROP COLUMN {part.name};"
    if found is None or "GENERATED" in f"{expected}{found}":
        dropped = "" if found is None else f"DROP COLUMN {part.name}, "
        return f"{alter} {dropped}ADD COLUMN {part.name} {expected};"
    kind, has_kind = expected.removesuffix(" NOT NULL"), found.removesuffix(" NOT NULL")
    steps = []
    if kind != has_kind:
        steps.append(f"ALTER COLUMN {part.name} TYPE {kind} USING {part.name}::{kind.split(' COLLATE')[0]}")
    if expected.endswith(" NOT NULL") != found.endswith(" NOT NULL"):
        verb = "SET" if expected.endswith(" NOT NULL") else "DROP"
        steps.append(f"ALTER COLUMN {part.name} {verb} NOT NULL")
    return f"{alter} {', '.join(steps)};"


def _default(part: Part, expected: str | None, found: str | None) -> str:
    action = "DROP DEFAULT" if expected is None else f"SET DEFAULT {expected}"
    return f"ALTER TABLE {part.place} ALTER COLUMN {part.name} {action};"


def _constraint(part: Part, expected: str | None, found: str | None) -> str:
    steps = [] if found is None else [f"DROP CONSTRAINT {part.name}"]
    if expected is not None:
        steps.append(f"ADD CONSTRAINT {part.name} {expected}")
    return f"ALTER TABLE {part.place} {', '.join(steps)};"


def _index(part: Part, expected: str | None, found: str | None) -> str:
    schema = f"{part.place.rpartition('.')[0]}." if "." in part.place else ""
    dropped = "" if found is None else f"DROP INDEX {schema}{part.name};"
    return f"{dropped} {expected};".strip() if expected else dropped


def _policy(part: Part, expected: str | None, found: str | None) -> str:
    return MIGRATE if expected is not None else f"DROP POLICY {part.name} ON {part.place};"


def _trigger(part: Part, expected: str | None, found: str | None) -> str:
    if expected and found and found.startswith(expected):
        return f"ALTER TABLE {part.place} ENABLE TRIGGER {part.name};"
    dropped = "" if found is None else f"DROP TRIGGER {part.name} ON {part.place};"
    return f"{dropped} {expected};".strip() if expected else dropped


def _function(part: Part, expected: str | None, found: str | None) -> str:
    return f"{expected.strip()};" if expected else f"DROP FUNCTION {part.name};"


def _owner(part: Part, expected: str | None, found: str | None) -> str:
    if expected is None:
        return "Drop it, as the statement beside it says."
    return f"ALTER {part.place} OWNER TO {expected};  -- as a superuser"


def _grant(part: Part, expected: str | None, found: str | None) -> str:
    """Grants that a migrate makes are made by it; what nobody should have is taken."""
    grantee = part.name.removesuffix(" (may grant)")
    quoted = grantee if grantee == "PUBLIC" else f'"{grantee}"'
    wanted, have = set(_listed(expected)), set(_listed(found))
    statements = []
    if have - wanted:
        statements.append(f"REVOKE {_privileges(have - wanted, part)} FROM {quoted};")
    if wanted - have:
        statements.append(f"GRANT {_privileges(wanted - have, part)} TO {quoted};")
    return " ".join(statements)


def _listed(text: str | None) -> list[str]:
    return text.split(", ") if text else []


def _privileges(names: set[str], part: Part) -> str:
    """Return "SELECT ON TABLE x", or "SELECT (column) ON x" for a grant on a column."""
    kind, _, rest = part.place.partition(" ")
    if kind == "COLUMN":
        table, _, column = rest.partition(" ")
        return f"{', '.join(f'{name} {column}' for name in sorted(names))} ON {table}"
    target = "DATABASE <database>" if kind == "DATABASE" else part.place
    return f"{', '.join(sorted(names))} ON {target}"


_MENDS: dict[PartKind, Callable[[Part, str | None, str | None], str]] = {
    PartKind.RELATION: _relation,
    PartKind.ROW_SECURITY: _row_security,
    PartKind.COLUMN: _column,
    PartKind.DEFAULT: _default,
    PartKind.CONSTRAINT: _constraint,
    PartKind.INDEX: _index,
    PartKind.POLICY: _policy,
    PartKind.TRIGGER: _trigger,
    PartKind.FUNCTION: _function,
    PartKind.OWNER: _owner,
    PartKind.GRANT: _grant,
}
