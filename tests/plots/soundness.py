"""What every figure must be, whatever it draws: well-formed, inside its frame, inert, and told in words and numbers."""

import re
from xml.etree.ElementTree import Element, fromstring

from stratibreak.plots.figure import CHARACTER_WIDTH, Figure

HOSTILE = "</svg></desc><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\"'\x00\x1f\u202e]]>"
TAGS = {"svg", "title", "desc", "line", "path", "circle", "rect", "text"}
ATTRIBUTES = {
    "class", "viewBox", "width", "height", "role", "aria-labelledby", "aria-hidden", "font-size", "id", "x", "y", "x1",
    "x2", "y1", "y2", "cx", "cy", "r", "d", "text-anchor",
}  # fmt: skip
STROKE = 3.0
"""Half of a thick line, and the tips of signs, may stand over the edge of what they mark."""


def assert_sound(figure: Figure) -> None:
    """Check all that is promised of any figure."""
    assert [name for name, _ in figure.drawings] == ["wide", "narrow"]
    ids: list[str] = []
    for _, markup in figure.drawings:
        svg = fromstring(markup)  # noqa: S314  # our own drawing
        ids += [found for element in svg.iter() if (found := element.get("id"))]
        _assert_named(svg, figure)
        _assert_inert(svg)
        _assert_inside(svg)
    assert len(ids) == len(set(ids)) == 4
    for entry in figure.legend:
        _assert_inert(fromstring(entry.sample))  # noqa: S314  # our own drawing
    assert figure.table.rows
    assert {len(row) for row in figure.table.rows} == {len(figure.table.columns)}
    assert figure.summary.endswith(".")


def _assert_named(svg: Element, figure: Figure) -> None:
    assert svg.get("role") == "img"
    title, desc = (svg.find(tag) for tag in ("title", "desc"))
    assert title is not None
    assert desc is not None
    assert svg.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert title.text == figure.title
    assert desc.text


def _assert_inert(svg: Element) -> None:
    for element in svg.iter():
        assert element.tag in TAGS
        assert set(element.attrib) <= ATTRIBUTES


def _assert_inside(svg: Element) -> None:
    width, height = float(svg.get("width", "")), float(svg.get("height", ""))
    assert svg.get("viewBox") == f"0 0 {width:g} {height:g}"
    font_px = float(svg.get("font-size", ""))
    assert font_px >= 12
    for element in svg.iter():
        for x, y in _points(element):
            assert -STROKE <= x <= width + STROKE, (element.tag, element.attrib)
            assert -STROKE <= y <= height + STROKE, (element.tag, element.attrib)
        if element.tag == "text":
            room = len(element.text or "") * font_px * CHARACTER_WIDTH
            x = float(element.get("x", ""))
            begin = {"start": x, "middle": x - room / 2, "end": x - room}[element.get("text-anchor", "")]
            assert begin >= -STROKE, (element.text, element.attrib)
            assert begin + room <= width + STROKE, (element.text, element.attrib)


def _points(element: Element) -> list[tuple[float, float]]:
    def number(name: str) -> float:
        return float(element.get(name, ""))

    match element.tag:
        case "line":
            return [(number("x1"), number("y1")), (number("x2"), number("y2"))]
        case "circle":
            return [(number("cx"), number("cy"))]
        case "text":
            return [(number("x"), number("y"))]
        case "rect":
            x, y = number("x"), number("y")
            return [(x, y), (x + number("width"), y + number("height"))]
        case "path":
            numbers = [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", element.get("d", ""))]
            return list(zip(numbers[::2], numbers[1::2], strict=True))
    return []
