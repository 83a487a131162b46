"""A sponsor's page on one sheet of paper."""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from gaps.answers.sponsor import SponsorPage

FAMILY, FONTS = "Open Sans", files("ttf_opensans") / "ttf"
MARGIN_MM, WIDTH_MM = 20.0, 170.0
TITLE_PT, HEADING_PT, TEXT_PT, QUIET_PT = 18.0, 12.0, 11.0, 9.0
LINE_MM = 6.0
INK, QUIET, MARK = (28, 28, 28), (85, 85, 85), (38, 75, 93)
BULLET = "•"


def sponsor_pdf(page: SponsorPage, *, as_of: str, made_at: datetime) -> bytes:
    """The page as PDF, A4.  as_of: in words;  made_at: aware, kept in the file: the same page gives the same bytes"""
    sheet = FPDF(format="A4")
    sheet.set_creation_date(made_at)
    sheet.set_title(page.goal)
    sheet.set_lang("en")
    sheet.set_margin(MARGIN_MM)
    sheet.add_font(FAMILY, "", str(FONTS / "OpenSans-Regular.ttf"))
    sheet.add_font(FAMILY, "B", str(FONTS / "OpenSans-Bold.ttf"))
    sheet.add_page()
    _write(sheet, f"{page.project} · {as_of}", QUIET_PT, QUIET)
    _write(sheet, page.goal, TITLE_PT, INK, bold=True)
    for heading, sentences, otherwise in page.parts():
        _write_part(sheet, heading, [said.text for said in sentences], otherwise)
    if page.unknown:
        _write_part(sheet, "What limits this", list(page.unknown), "")
    return bytes(sheet.output())


def _write_part(sheet: FPDF, heading: str, texts: list[str], otherwise: str) -> None:
    sheet.ln(LINE_MM / 2)
    _write(sheet, heading, HEADING_PT, MARK, bold=True)
    for text in texts:
        _write(sheet, f"{BULLET} {text}", TEXT_PT, INK)
    if not texts:
        _write(sheet, otherwise, TEXT_PT, QUIET)


def _write(sheet: FPDF, text: str, size_pt: float, colour: tuple[int, int, int], *, bold: bool = False) -> None:
    sheet.set_font(FAMILY, "B" if bold else "", size_pt)
    sheet.set_text_color(*colour)
    height = LINE_MM * size_pt / TEXT_PT
    sheet.multi_cell(WIDTH_MM, height, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
