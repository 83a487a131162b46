"""Is the process alive, and can it answer."""

from __future__ import annotations

import logging

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

logger = logging.getLogger(__name__)


def live(request: HttpRequest) -> JsonResponse:
    """Answer as long as the process runs; asks nothing else."""
    return JsonResponse({"status": "alive"})


def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the database answers, else 503: a balancer then sends requests elsewhere."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        logger.warning("not ready: %s", type(error).__name__)
        return JsonResponse({"status": "not ready", "database": "does not answer"}, status=503)
    return JsonResponse({"status": "ready", "database": "answers"})
