"""What stands on a page for one plot: a sentence, two drawings, a legend and the numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from stratibreak.plots.svg import add, clean, new, rendered

CHARACTER_WIDTH = 0.65
"""Of the font size: what a character of the usual fonts takes on average, rather more than less."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The size of a drawing in CSS pixels: it is shown as it is, and shrinks only on the narrowest phones."""

    name: str
    width: float
    height: float
    font_px: float

    @property
    def is_narrow(self) -> bool:
        """Whether it is the one for phones."""
        return self.name == "narrow"

    def text_px(self, text: str) -> float:
        """About how wide a text is."""
        return len(text) * self.font_px * CHARACTER_WIDTH


WIDE, NARROW = Layout("wide", 760.0, 400.0, 13.0), Layout("narrow", 326.0, 380.0, 13.0)


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A sign of the drawing and what it means.  sample: a small drawing, itself hidden from screen readers"""

    label: str
    sample: str


@dataclass(frozen=True, slots=True)
class DataTable:
    """The numbers behind a figure; the first column heads its row."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """One plot of a page.  key: unique on the page, a name for ids;  drawings: by the name of their layout"""

    key: str
    title: str
    summary: str
    drawings: tuple[tuple[str, str], ...]
    legend: tuple[LegendEntry, ...]
    table: DataTable
    notes: tuple[str, ...] = ()


def drawings(
    key: str, title: str, summary: str, draw: Callable[[Element, Layout], None], layouts: tuple[Layout, Layout]
) -> tuple[tuple[str, str], ...]:
    """Draw once for wide pages and once for phones, each with its name and what it says for those who do not see it."""
    return tuple((layout.name, _drawing(f"{key}-{layout.name}", title, summary, draw, layout)) for layout in layouts)


def _drawing(name: str, title: str, summary: str, draw: Callable[[Element, Layout], None], layout: Layout) -> str:
    svg = new(
        "svg",
        css=f"plot-drawing plot-{layout.name}",
        viewBox=f"0 0 {layout.width:g} {layout.height:g}",
        width=layout.width,
        height=layout.height,
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        font_size=layout.font_px,
    )
    add(svg, "title", title, id=f"{name}-title")
    add(svg, "desc", summary, id=f"{name}-desc")
    draw(svg, layout)
    return rendered(svg)


SAMPLE_WIDTH, SAMPLE_HEIGHT = 30.0, 16.0


def legend_entry(label: str, draw: Callable[[Element], object]) -> LegendEntry:
    """An entry whose sample is drawn into a box of SAMPLE_WIDTH by SAMPLE_HEIGHT."""
    svg = new(
        "svg",
        css="plot-sample",
        viewBox=f"0 0 {SAMPLE_WIDTH:g} {SAMPLE_HEIGHT:g}",
        width=SAMPLE_WIDTH,
        height=SAMPLE_HEIGHT,
        aria_hidden="true",
    )
    draw(svg)
    return LegendEntry(clean(label), rendered(svg))


def line_entry(label: str, css: str) -> LegendEntry:
    """An entry for a line."""
    middle = SAMPLE_HEIGHT / 2
    return legend_entry(label, lambda svg: add(svg, "line", x1=1, y1=middle, x2=SAMPLE_WIDTH - 1, y2=middle, css=css))


def area_entry(label: str, css: str) -> LegendEntry:
    """An entry for an area or a bar."""
    return legend_entry(
        label, lambda svg: add(svg, "rect", x=2, y=2, width=SAMPLE_WIDTH - 4, height=SAMPLE_HEIGHT - 4, css=css)
    )
