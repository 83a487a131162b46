"""Remove what has had its time: answers kept for repeated requests, tries to log in, and sessions that ended."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from tenants.domain.idempotency import forget_expired_answers
from tenants.domain.login_attempts import forget_old_attempts
from tenants.isolation.transaction import tenant_context
from tenants.management.tenant_argument import all_tenants
from tenants.sessions import SessionStore


class Command(BaseCommand):
    """Run daily, with the login of the web: it may remove these rows, and needs no more rights than that."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        answers = 0
        for tenant in all_tenants():
            with tenant_context(tenant.pk, reason="manage.py remove_expired"):
                answers += forget_expired_answers(at=now)
        attempts = forget_old_attempts(at=now)
        SessionStore.clear_expired()
        self.stdout.write(f"Removed: {answers} kept answers, {attempts} tries to log in, and ended sessions.")
