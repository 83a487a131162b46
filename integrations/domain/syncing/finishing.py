"""The end of a run: what it was, and when the next one is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.domain.hints import forget_old_deliveries, note_hold
from integrations.domain.outgoing import announce
from integrations.domain.outgoing.links import api_link
from integrations.domain.syncing import counts
from integrations.domain.syncing.payloads import drop_old_payloads
from integrations.enums import EventType, IntegrationStatus, SyncStatus
from integrations.http.errors import BudgetSpent, ConnectionEnded, ToolError
from integrations.models import Integration, SyncProgress, SyncResult
from integrations.models.integration import LAST_ERROR_MAX_LENGTH
from projects.domain.recording import resolve_links, resolve_mentions
from tenants.audit.enums import AuditAction, Operation
from tenants.domain import auditing

FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = timedelta(hours=24)
LONGEST_PAUSE = timedelta(days=7)
"""Whatever a tool asks for: a longer pause is milliseconds for seconds, or a date that nobody meant."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """fatal: what ended the run before its time;  errors: of streams, those that count as missing

    is_unfinished: something is left that the next run goes on with
    """

    fatal: ToolError | None
    errors: tuple[tuple[str, ToolError], ...]
    is_unfinished: bool

    @property
    def first_error(self) -> ToolError | None:
        return self.fatal or (self.errors[0][1] if self.errors else None)

    def status(self, read: int) -> SyncStatus:
        """read: records that came. Nothing but errors is a failure; something with errors is partial."""
        if self.fatal is not None and not (self.fatal.is_transient and read):
            return SyncStatus.FAILED
        if self.first_error is None:
            return SyncStatus.SUCCEEDED
        return SyncStatus.PARTIAL if read else SyncStatus.FAILED

    @property
    def message(self) -> str:
        parts = [self.fatal.message] if self.fatal else []
        parts += [f"{place}: {error.message}" for place, error in self.errors]
        return " ".join(dict.fromkeys(parts))[:LAST_ERROR_MAX_LENGTH]


def finish_run(
    integration: Integration, progress: SyncProgress, end: RunEnd, *, source: str, retention_days: int, at: datetime
) -> SyncResult:
    """Keep the result, set the next time, and take away the progress: one transaction.

    Raises Integration.DoesNotExist when somebody has removed it meanwhile.
    """
    # no_key: what refers to the row, such as a message that comes in meanwhile, need not wait for the end of a run.
    current = Integration.objects.select_for_update(no_key=True).get(pk=integration.pk)
    links = resolve_links(project=integration.project, source=source)
    links += resolve_mentions(project=integration.project, at=at)
    if links and progress.streams:
        first = next(iter(progress.streams.values()))
        first["facts"] = first.get("facts", 0) + links
    result = _result(integration, progress, end)
    result.save()
    drop_old_payloads(integration, retention_days=retention_days, at=at)
    forget_old_deliveries(integration, at)
    _note_on_integration(current, end, result, at=at)
    SyncProgress.objects.filter(pk=progress.pk).delete()
    _audit(integration, result)
    _announce(integration, result, at=at)
    return result


def _result(integration: Integration, progress: SyncProgress, end: RunEnd) -> SyncResult:
    streams = progress.streams
    status = end.status(counts.total(streams, "read"))
    error = end.first_error
    return SyncResult(
        integration=integration,
        status=status,
        started_at=progress.started_at,
        duration_ms=progress.worked_ms,
        waited_ms=progress.waited_ms,
        request_count=progress.request_count,
        created_count=counts.total(streams, "created"),
        updated_count=counts.total(streams, "updated"),
        unchanged_count=counts.total(streams, "unchanged"),
        gone_count=counts.total(streams, "gone"),
        hidden_count=counts.total(streams, "hidden"),
        failed_count=counts.total(streams, "failed"),
        streams=streams,
        error_code=error.code if error is not None else "",
        error_message=end.message if error is not None else "",
    )


def _note_on_integration(integration: Integration, end: RunEnd, result: SyncResult, *, at: datetime) -> None:
    """System-kept fields, without an audit entry for each run: the run has its own."""
    failed = result.status == SyncStatus.FAILED
    error_count = integration.error_count + 1 if failed else 0 if result.status == SyncStatus.SUCCEEDED else None
    next_run_at = at + _wait(integration, end, failures=integration.error_count + 1 if failed else 0)
    note_hold(integration, next_run_at if failed or _asked_wait(end) else None)
    values: dict[str, object] = {"last_error": result.error_message, "next_run_at": next_run_at}
    if error_count is not None:
        values["error_count"] = error_count
    if not failed:
        values["last_sync_at"] = at
    if integration.status != IntegrationStatus.INACTIVE:
        values["status"] = IntegrationStatus.ERROR if failed else IntegrationStatus.ACTIVE
    Integration.objects.filter(pk=integration.pk).update(**values)


def _wait(integration: Integration, end: RunEnd, *, failures: int) -> timedelta:
    """The interval after a good run; sooner when something is left to read; later and later after failures.

    What the tool asked for is the least, so that a daily quota is not hammered at.
    """
    wait = timedelta(minutes=integration.sync_interval_minutes)
    if isinstance(end.fatal, ConnectionEnded):  # only a person can do something about it
        wait = LONGEST_RETRY
    elif failures:
        wait = min(FIRST_RETRY * 2 ** min(failures - 1, 16), LONGEST_RETRY)
    elif end.is_unfinished and not isinstance(end.fatal, BudgetSpent):  # a spent budget is there to be kept
        wait = min(wait, FIRST_RETRY)
    return max(wait, _asked_wait(end))


def _asked_wait(end: RunEnd) -> timedelta:
    """The longest pause that the tool asked for, none where it did not."""
    asked = [error.retry_after_s for error in (end.fatal, *(error for _, error in end.errors)) if error is not None]
    longest_s = max((seconds for seconds in asked if seconds), default=0.0)
    return timedelta(seconds=min(longest_s, LONGEST_PAUSE.total_seconds()))


def _announce(integration: Integration, result: SyncResult, *, at: datetime) -> None:
    """Tell who wants to know. A partial run is a finished one, whose errors are counted with the rest."""
    failed = result.status == SyncStatus.FAILED
    announce(
        type=EventType.SYNC_FAILED if failed else EventType.SYNC_FINISHED,
        key=str(result.pk),
        occurred_at=at,
        project=integration.project,
        data={
            "integration": str(integration.pk),
            "integration_type": integration.type,
            "project": str(integration.project_id),
            "sync_result": str(result.pk),
            "status": result.status,
            "counts": _counts(result),
            "error_code": result.error_code,
            "link": api_link("sync-results", result.pk),
        },
    )


def _counts(result: SyncResult) -> dict[str, int]:
    names = ("created", "updated", "unchanged", "gone", "hidden", "failed")
    return {name: getattr(result, f"{name}_count") for name in names}


def _audit(integration: Integration, result: SyncResult) -> None:
    auditing.record(
        action=AuditAction.IMPORT_DATA,
        resource=integration,
        operation=Operation.BULK,
        changes={"project": str(integration.project_id), "status": result.status, "counts": _counts(result)},
    )
