"""One run as it is kept: its progress, what it has cost, and the answers that no step has kept yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from integrations.domain.environment import Environment, RunNetwork
from integrations.enums import IntegrationStatus
from integrations.http.errors import SwitchedOff, ToolError
from integrations.models import Integration, SyncProgress
from tenants.isolation.transaction import tenant_context

MOST_PASSES: Final = 3
REASON: Final = "sync"
STEP_FIELDS: Final = ("seen_at", "pass_number", "streams", "request_count", "waited_ms", "worked_ms")
"""What a step changes of the progress; the partitions, of which there may be thousands, are told once."""
Answer = TypeVar("Answer")


class RunRecord:
    """Where a run writes, and what it waits by.

    source: name of the tool in the record of the work;  bodies: answers since the last step, where they are kept
    """

    def __init__(
        self,
        tenant_id: UUID,
        integration: Integration,
        progress: SyncProgress,
        environment: Environment,
        *,
        source: str,
    ) -> None:
        self.tenant_id = tenant_id
        self.integration = integration
        self.progress = progress
        self.environment = environment
        self.source = source
        self.network = RunNetwork(environment)
        self.bodies: list[bytes] = []
        if environment.retention_days:
            self.network.meter.on_body = self.bodies.append
        self._began_s = environment.waiting.monotonic()
        self._before = (progress.request_count, progress.waited_ms, progress.worked_ms)
        self._requests_kept = 0

    def now(self) -> datetime:
        return self.environment.waiting.now()

    def transaction(self) -> AbstractContextManager[object]:
        """In the tenant's context; no request is made inside of one."""
        return tenant_context(self.tenant_id, reason=REASON)

    @contextmanager
    def step(self) -> Iterator[None]:
        """One transaction of the run: what is written inside, and with it how far the run is and what it has cost.

        Raises SwitchedOff behind the commit, where somebody has switched the integration off since the run began, and
        before anything is written, where somebody has removed it.
        """
        with self.transaction():
            if not Integration.objects.filter(pk=self.integration.pk).exists():
                raise SwitchedOff
            yield
            self.measure()
            self.progress.save(update_fields=STEP_FIELDS)
            is_wanted = self._is_wanted()
        self.bodies.clear()
        self._requests_kept = self.network.meter.requests
        if not is_wanted:
            raise SwitchedOff

    def _is_wanted(self) -> bool:
        off = IntegrationStatus.INACTIVE
        began_off = self.integration.status == off  # read once by command, which does not switch it on
        return began_off or not Integration.objects.filter(pk=self.integration.pk, status=off).exists()

    @property
    def share_at_stake(self) -> float:
        """Share of the run's requests that a kill would lose now."""
        requests = self.network.meter.requests
        return (requests - self._requests_kept) / max(self._before[0] + requests, 1)

    def measure(self) -> None:
        """Bring requests, waits and time of the whole run, of its earlier parts too, onto the progress."""
        meter = self.network.meter
        requests, waited_ms, worked_ms = self._before
        self.progress.request_count = requests + meter.requests
        self.progress.waited_ms = waited_ms + round(meter.waited_s * 1000)
        elapsed_s = self.environment.waiting.monotonic() - self._began_s
        self.progress.worked_ms = worked_ms + max(0, round(elapsed_s * 1000))
        self.progress.seen_at = max(self.now(), self.progress.started_at)

    def pause_before(self, pass_number: int) -> None:
        """Wait before a further pass.  pass_number: 2 or above"""
        wait_s = self.environment.waiting.backoff_s(pass_number)
        self.environment.waiting.sleep(wait_s)
        self.network.meter.waited_s += wait_s

    def in_passes(self, ask: Callable[[], Answer]) -> Answer:
        """What is asked for, up to three times where the error is a passing one.  Raises ToolError."""
        for number in range(2, MOST_PASSES + 1):
            try:
                return ask()
            except ToolError as error:
                if not error.is_transient or error.ends_run:
                    raise
                self.pause_before(number)
        return ask()
