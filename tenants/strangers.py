"""Doors at which a password or a token is tried: they are answered outside every tenant, whoever stands there.

A signed-in person's request is one transaction of their tenant, which an error or a refusal rolls back. Here nothing
surrounds the view: a try is counted whatever is answered, and what is entered (a session, another tenant by an
invitation) never shares a transaction with the tenant somebody came from. Tries refuse to be counted inside a
transaction (`tenants.domain.login_attempts`), so a door missing here fails loudly instead of losing its count.
"""

from __future__ import annotations

from django.http import HttpRequest

HOOKS_PATH = "/hooks/"
"""Where tools knock: they have no session and no cookie, and are known by the address they knock at."""
DOORS = frozenset({"/admin/login/", "/api/v1/session", "/api/v1/invitation-acceptances", "/invitation/"})


def is_strangers_door(request: HttpRequest) -> bool:
    """Whether a request goes to a door that is answered before any tenant is entered."""
    return request.path_info in DOORS or is_hook(request)


def is_hook(request: HttpRequest) -> bool:
    """Whether a tool knocks: whoever's browser it claims to be counts for nothing."""
    return request.path_info.startswith(HOOKS_PATH)
