"""Which items are bugs, by the name that the tool gives their type.

1. A name is cut into words, without case. One word that means a bug in one of the usual languages makes it one; in
   scripts without spaces, a part of the name does.
2. Any other name is a type, and not a bug. No name, or one that is only a number (tools keep the identifier of a type
   in their change log), is no type.

Assumes that a team reports what is broken under such a type. Do not believe a count of bugs where support tickets or
tasks are used for them: `bug_types` says what was found.

Example: "Bug", "Sub-Bug" and "Fehler" are bugs, "Debugging task" and "Story" are not, "10004" is unknown.
"""

import re
from dataclasses import dataclass

import numpy as np

from projects.enums import TrackedField
from projects.history.columns import Flags
from projects.history.project_history import ProjectHistory

BUG_WORDS: frozenset[str] = frozenset(
    {
        "bug", "bugs", "defect", "defects", "fault", "faults", "regression", "error", "errors",
        "fehler", "fehlerbericht", "defekt", "defekte",
        "bogue", "bogues", "anomalie", "anomalies", "défaut", "défauts",
        "errores", "defecto", "defectos", "fallo", "fallos",
        "difetto", "difetti", "errore", "errori", "anomalia",
        "erro", "erros", "defeito", "defeitos", "falha", "falhas",
        "fout", "fouten", "bugg", "buggar", "fel", "fejl", "feil", "virhe", "vika",
        "błąd", "błędy", "usterka", "chyba", "vada",
        "ошибка", "ошибки", "баг", "баги", "дефект", "помилка",  # noqa: RUF001  # Cyrillic words
        "hata", "hiba", "eroare", "σφάλμα",
    }
)  # fmt: skip
"""What trackers translate "Bug" or "Defect" with, and the plurals: Germanic, Romance, Slavic and other languages."""
BUG_PARTS: tuple[str, ...] = ("バグ", "不具合", "欠陥", "缺陷", "故障", "错误", "錯誤", "버그", "결함", "오류")
"""In scripts that write words without spaces between them."""
NOT_THE_WORD = re.compile(r"[\W\d_]+")


@dataclass(frozen=True, slots=True, eq=False)
class ItemTypes:
    """Per item, shape (items,). known: whether it has a type at all;  bug: whether that is one of a bug"""

    known: Flags
    bug: Flags


def is_bug_type(name: str) -> bool:
    """Whether the name of a type means a bug."""
    plain = name.casefold()
    if any(part in plain for part in BUG_PARTS):
        return True
    return any(word in BUG_WORDS for word in NOT_THE_WORD.split(plain))


def is_type(name: str) -> bool:
    """Whether it is a name at all, and not empty or a bare identifier."""
    return bool(name.strip()) and not name.strip().isdigit()


def item_types(known: ProjectHistory) -> ItemTypes:
    """The types as known at the history's moment."""
    names = known.values_of(TrackedField.ITEM_TYPE.value)
    seen = {name: (is_type(name), is_bug_type(name)) for name in set(names.tolist()) if name}
    flags = np.array([seen.get(name, (False, False)) for name in names.tolist()], dtype=np.bool_).reshape(-1, 2)
    return ItemTypes(flags[:, 0].copy(), flags[:, 1].copy())
