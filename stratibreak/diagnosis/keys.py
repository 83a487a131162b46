"""Whether the keys in the environment are those that the rows of the database need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from tenants.audit.seal_keys import SealKeysMisconfigured, seal_keys
from tenants.domain.audit_sealing import trail_tenants
from tenants.domain.keys import key_ring
from tenants.domain.peppers import pepper_versions
from tenants.encryption.errors import KeyRingMisconfigured
from tenants.isolation.postgresql.rows import rows
from tenants.isolation.roles import database_roles
from tenants.isolation.signing import ContextSigner
from tenants.isolation.transaction import tenant_context

from .finding import Finding

_DATA_KEYS = "SELECT key_ring_version, count(*) FROM tenants_tenantdatakey WHERE wrapped_key IS NOT NULL GROUP BY 1"
_API_KEYS = (
    "SELECT pepper_version, count(*) FROM tenants_apikey WHERE revoked_at IS NULL AND expires_at > now() GROUP BY 1"
)
_SEALS = "SELECT key_version, count(*) FROM tenants_auditseal GROUP BY 1"
_CONTEXT_KEYS = "SELECT version, inner_pad, outer_pad FROM stratibreak.context_key ORDER BY version"


def key_findings() -> Iterator[Finding]:
    """Compare every ring with the versions in use. Runs with the owner's access."""
    yield from _data_keys()
    yield from _api_keys()
    yield from _seal_keys()
    if database_roles() is not None and settings.CONTEXT_SIGNING_KEY:
        yield from _context_keys()


def _data_keys() -> Iterator[Finding]:
    try:
        held = key_ring().versions
    except KeyRingMisconfigured:
        return  # said among the settings
    mend = (
        "Put the entry {version}:… back behind the first of FIELD_KEYRING, from where it is kept, then run "
        "`manage.py rotate_keys --ring`."
    )
    yield from _coverage("data keys", "wrapped by key {version} of FIELD_KEYRING", _DATA_KEYS, held, mend)


def _api_keys() -> Iterator[Finding]:
    try:
        held = pepper_versions()
    except ImproperlyConfigured as error:
        yield Finding("API keys", str(error), True, "Set API_KEY_PEPPER=1:$(openssl rand -base64 32).")
        return
    mend = "Put the entry {version}:… back behind the first of API_KEY_PEPPER, or revoke those keys and make new ones."
    yield from _coverage("API keys", "made with pepper {version} of API_KEY_PEPPER", _API_KEYS, held, mend)


def _seal_keys() -> Iterator[Finding]:
    try:
        held = seal_keys().versions
    except SealKeysMisconfigured as error:
        made = sum(_counted(_SEALS).values())
        is_wrong = bool(settings.AUDIT_SEAL_KEYS) or made > 0
        state = f"{made} seals cannot be verified" if made else "off"
        yield Finding("audit seals", f"{state}: {error}" if is_wrong else state, is_wrong, str(error))
        return
    mend = "Put the entry {version}:… back behind the first of AUDIT_SEAL_KEYS, from where it is kept."
    yield from _coverage("audit seals", "made with key {version} of AUDIT_SEAL_KEYS", _SEALS, held, mend)


def _coverage(subject: str, made: str, sql: str, held: Iterable[int], mend: str) -> Iterator[Finding]:
    used = _counted(sql)
    lost = sorted(set(used) - set(held))
    for version in lost:
        state = f"{used[version]} {made.format(version=version)}, which is not there"
        yield Finding(subject, state, True, mend.format(version=version))
    if not lost:
        yield Finding(subject, f"{sum(used.values())} in use, every key of theirs is there")


def _counted(sql: str) -> Counter[int]:
    """Count over all organisations: at once for the owner, one after another for a single database user."""
    if database_roles() is not None:
        return Counter(dict(rows(connection, sql)))
    found: Counter[int] = Counter()
    for tenant_id in trail_tenants():
        with tenant_context(tenant_id):
            found.update(dict(rows(connection, sql)))
    return found


def _context_keys() -> Iterator[Finding]:
    signer = ContextSigner(settings.CONTEXT_SIGNING_KEY, settings.CONTEXT_SIGNING_KEY_VERSION)
    stored: dict[int, tuple[Any, ...]] = {
        version: (bytes(inner), bytes(outer)) for version, inner, outer in rows(connection, _CONTEXT_KEYS)
    }
    if stored.get(signer.version) != signer.pads():
        what = "another key" if signer.version in stored else "no key"
        state = f"the database holds {what} under version {signer.version}: it refuses every context"
        yield Finding("context key", state, True, "manage.py migrate")
    elif others := sorted(set(stored) - {signer.version}):
        state = f"version {signer.version}; the database still believes {', '.join(map(str, others))}"
        statement = f"DELETE FROM stratibreak.context_key WHERE version <> {signer.version};"  # noqa: S608 - a number
        yield Finding("context key", state, mend=f"Once every process has the new key, as the owner: {statement}")
    else:
        yield Finding("context key", f"version {signer.version}, as in the database")
