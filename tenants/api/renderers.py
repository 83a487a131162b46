"""Answers as JSON, through the one encoder of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer

from tenants.api.encoding import encode


class CompactJSONRenderer(BaseRenderer):
    """UTF-8 JSON without blanks. DRF's own renderer reads indentation from the Accept header and spells less."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else encode(data)
