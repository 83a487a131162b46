"""What somebody asked for and may, and the state of things does not allow."""

from __future__ import annotations


class Refusal(Exception):  # a refusal, not a failure
    """The base of what a domain function raises instead of writing; its text is for whoever asked.

    The API answers 409 and puts the text beside the field; a page of the backoffice shows the text.
    field: what of the request is to be mended; empty where nothing is, and the same can be asked later
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field
