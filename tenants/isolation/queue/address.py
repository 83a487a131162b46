"""Where a worker finds the queue, and as whom."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from ..roles import credentials, database_roles

_SEARCH_PATH = "-c search_path=queue,pg_temp"
_PURPOSE = "-c stratibreak.context=queue|||"


def queue_address() -> dict[str, Any] | None:
    """Connection parameters of the queue's login, or None where there is none.

    With a single database user it is that one, which says for the length of the session what it is for.
    """
    default: Any = settings.DATABASES["default"]
    if database_roles() is None:
        used = {key: default[key.upper()] for key in ("host", "port", "user", "password") if default[key.upper()]}
        extra = {name: value for name, value in default["OPTIONS"].items() if name != "pool"}
        return {**extra, **used, "dbname": default["NAME"], "options": f"{_SEARCH_PATH} {_PURPOSE}"}
    login = credentials("QUEUE")
    return None if login is None else {**login, "dbname": default["NAME"], "options": _SEARCH_PATH}
