"""Say whether the forecasts of organisations have ceased to be right, as their settled claims show it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from predictions.domain.drift import describe_drift
from predictions.domain.track_record import settled_claims
from predictions.models import Prediction
from tenants.isolation.transaction import tenant_context
from tenants.management.tenant_argument import add_tenant_argument, all_tenants, find_tenant

REASON = "forecast_drift"


class Command(BaseCommand):
    """Reads only. Ends with an error when an alarm is on, so that a timer notices."""

    help = "Ask of every type of prediction whether its probabilities and dates are still right, by organisation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_tenant_argument(parser, required=False)

    def handle(self, *args: Any, **options: Any) -> None:
        tenants = [find_tenant(options["tenant"])] if options["tenant"] else all_tenants()
        now, alarms = timezone.now(), 0
        for tenant in tenants:
            with tenant_context(tenant.pk, reason=REASON):
                found = describe_drift(settled_claims(Prediction.objects.all(), at=now))
            alarms += sum(row["is_alarming"] for row in found)
            for row in found:
                self.stdout.write(_line(tenant.name, row))
            if not found:
                self.stdout.write(f"ok      {tenant.name}: nothing is settled yet")
        if alarms:
            raise CommandError(f"{alarms} alarm{'s' if alarms > 1 else ''}: see GET /api/v1/calibration.")


def _line(tenant: str, row: dict[str, Any]) -> str:
    sign = "PROBLEM" if row["is_alarming"] else "ok"
    subject = f"{tenant}, {row['type']}, {row['watched']}"
    if row["is_alarming"]:
        state = f"{row['fault']} since {row['since']:%Y-%m-%d}, seen {row['alarmed_at']:%Y-%m-%d}"
    else:
        state = f"no drift (evidence {row['evidence']:.1f} of {row['alarm_at']:.0f})"
    return f"{sign:<8}{subject}: {state}, {row['steps']} steps"
