"""How many imports one organisation has running at once: places, of which a request takes one until it ends.

A web request reads its file before it answers, and a large one takes minutes: an organisation that sends many at once
would otherwise keep every thread of the installation busy. Whoever finds no place is told so at once, and sends the
same again.
"""

from __future__ import annotations

from typing import Final

from django.db import DEFAULT_DB_ALIAS, connections

from tenants.domain.refusals import Refusal
from tenants.isolation.context import require_tenant_id

IMPORTS_AT_ONCE: Final = 2
RETRY_AFTER_S: Final = 10
"""A file of the usual size is read in less."""


class ImportsUnderWay(Refusal):
    """Every place of the organisation is taken."""


def take_import_place() -> None:
    """Take a place of the current organisation until the transaction ends, however it does.

    Raises ImportsUnderWay.
    """
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        for place in range(IMPORTS_AT_ONCE):
            name = f"stratibreak import {require_tenant_id()} {place}"
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
            if cursor.fetchone() == (True,):
                return
    raise ImportsUnderWay(
        f"Your organisation has {IMPORTS_AT_ONCE} imports running. Nothing of this file was read; send it again soon."
    )
