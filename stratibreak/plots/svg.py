"""Elements of SVG. Every text and attribute goes through the XML writer, so that none can become markup."""

import math
import re
from xml.etree.ElementTree import Element, SubElement, tostring

_NOT_SHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
"""Characters that XML does not know, and those that turn the direction of the text around them."""
Attribute = str | float | None


def clean(text: str) -> str:
    """The text as one line, without characters that have no shape."""
    return " ".join(_NOT_SHOWN.sub("", text).split())


def add(parent: Element, tag: str, text: str = "", **attributes: Attribute) -> Element:
    """Append an element.  attributes: `css` is the class, x_y is x-y, None is left out

    Raises ValueError for a coordinate that is no number.
    """
    element = SubElement(parent, tag, _written(attributes))
    if text:
        element.text = clean(text)
    return element


def new(tag: str, **attributes: Attribute) -> Element:
    """An element without a parent."""
    return Element(tag, _written(attributes))


def rendered(element: Element) -> str:
    """The element as markup, to stand in an HTML page."""
    return tostring(element, encoding="unicode", short_empty_elements=False)


def _written(attributes: dict[str, Attribute]) -> dict[str, str]:
    return {
        "class" if name == "css" else name if name == "viewBox" else name.replace("_", "-"): _value(value)
        for name, value in attributes.items()
        if value is not None
    }


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return clean(value)
    if not math.isfinite(value):
        raise ValueError(f"{value} is no coordinate")
    return f"{value:.1f}".removesuffix(".0")


def path_of(points: list[tuple[float, float]], *, closed: bool = False) -> str:
    """The `d` of straight lines through points."""
    steps = [f"{'L' if n else 'M'}{_value(x)} {_value(y)}" for n, (x, y) in enumerate(points)]
    return " ".join([*steps, "Z"] if closed else steps)
