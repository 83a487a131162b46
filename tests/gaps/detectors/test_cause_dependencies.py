"""What the detectors say of causes that wait for others: they are of the same detector, and never in a circle."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from gaps.causes.candidates import JudgedCause
from gaps.causes.order import LinkedCause, order_of_causes
from gaps.detectors import communication, critical_work, culture, process, quality, resource, skill, technology
from gaps.detectors.ranked_causes import CauseText, ranked_causes
from gaps.detectors.timeline import AFTER

TOLD: Mapping[str, Mapping[str, CauseText]] = {
    "communication": communication.CAUSES,
    "critical work": critical_work.CAUSES,
    "culture": culture.CAUSES,
    "process": process.TEXTS,
    "quality": quality.TEXTS,
    "resource": resource.CAUSES,
    "skill": skill.CAUSES,
    "technology": technology.TEXTS,
}
WAITS: Mapping[str, Mapping[str, Sequence[str]]] = {
    **{name: {code: text.after for code, text in texts.items()} for name, texts in TOLD.items()},
    "timeline": {code: AFTER.get(code, ()) for code in {*AFTER, *(one for many in AFTER.values() for one in many)}},
}
AT = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.mark.parametrize("name", WAITS)
def test_causes_wait_for_causes_of_their_detector_and_never_for_each_other(name: str) -> None:
    waits = WAITS[name]

    order = order_of_causes([LinkedCause(code, 1.0, tuple(after)) for code, after in waits.items()])

    place = {code: number for number, code in enumerate(order)}
    assert all(place[before] < place[code] for code, after in waits.items() for before in after)


def test_only_causes_that_are_named_are_waited_for() -> None:
    tested = [
        JudgedCause("LONG_DAYS", 2.0, 1.0, 3.0, 0.01, is_named=True),
        JudgedCause("OVERLOAD", 1.0, 0.5, 2.0, 0.01, is_named=True),
        JudgedCause("PEOPLE_LEFT", 0.1, 0.0, 0.2, 0.6),
    ]

    causes = ranked_causes(tested, culture.CAUSES, effect=4.0, at=AT, whole=4.0)

    assert {cause.code: cause.depends_on for cause in causes} == {
        "LONG_DAYS": ("OVERLOAD",),
        "OVERLOAD": (),
        "UNEXPLAINED": (),
    }
