"""Entity tags: the strong tag of an answer is the hash of its bytes (RFC 9110, sections 8.8.3 and 13.1).

A hash, not the row's updated_at: two writes in one tick, a bulk write that forgets the column or a change of the
representation itself would all keep the old instant.
"""

from __future__ import annotations

from hashlib import blake2b

from django.http import HttpRequest
from django.utils.http import parse_etags

from tenants.api.problems import PreconditionFailed, PreconditionRequired


def etag_of(body: bytes) -> str:
    """The quoted strong tag of a body: 128 bits, so that two bodies never share one by chance."""
    return f'"{blake2b(body, digest_size=16).hexdigest()}"'


def is_not_modified(request: HttpRequest, etag: str) -> bool:
    """Whether the client already holds this answer. If-None-Match compares weakly."""
    header = request.headers.get("If-None-Match")
    if not header:
        return False
    tags = parse_etags(header)
    return "*" in tags or etag in {tag.removeprefix("W/") for tag in tags}


def check_if_match(request: HttpRequest, etag: str) -> None:
    """Refuse a change that is not of the current version. If-Match compares strongly: a weak tag never matches.

    Raises PreconditionRequired without the header, PreconditionFailed when it names another version.
    """
    header = request.headers.get("If-Match")
    if not header:
        raise PreconditionRequired
    tags = parse_etags(header)
    if "*" not in tags and etag not in tags:
        raise PreconditionFailed
