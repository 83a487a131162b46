"""Doors at which a password or a token is tried: they are answered outside every tenant, whoever stands there.

A signed-in person's request is one transaction of their tenant, which an error or a refusal rolls back. Here nothing
surrounds the view: a try is counted whatever is answered, and what is entered (a session, another tenant by an
invitation) never shares a transaction with the tenant somebody came from. Tries refuse to be counted inside a
transaction (`tenants.domain.login_attempts`), so a door missing here fails loudly instead of losing its count.
"""

from __future__ import annotations

from django.http import HttpRequest

DOORS = frozenset({"/admin/login/", "/api/v1/session", "/api/v1/invitation-acceptances", "/invitation/"})


def is_strangers_door(request: HttpRequest) -> bool:
    """Whether a request goes to a door that is answered before any tenant is entered."""
    return request.path_info in DOORS
