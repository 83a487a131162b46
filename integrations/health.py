"""How a connection is doing, in the words of somebody who has a project to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from integrations.connectors.base import ConnectionReport
from integrations.domain.progress import RunState, RunUnderWay
from integrations.enums import IntegrationStatus, SyncStatus
from integrations.http.errors import ConnectionEnded
from integrations.models import Integration, SyncResult
from projects.plain_words import duration

LATE: Final = timedelta(minutes=15)
"""A run that is so long overdue has no worker. The tick is a minute."""
_MINUTES_PER_HOUR: Final = 60
FIRST_STEPS: Final = (
    "First “Test the connection”, then “Synchronise now”. What follows needs nobody: a worker reads the tool, analyses "
    "the project and replays its past. The forecast then stands on the project's page."
)

ADVICE: Final[Mapping[str, str]] = {
    "address_refused": "Correct the address below. An address inside of a private network needs the operator's word.",
    "foreign_address": "Correct the address below: it should be the one of the tool itself, not one that leads on.",
    "credentials_missing": "Enter the credentials below: they are tested before they are kept.",
    "connect_again": "Have the tool give new credentials, and enter them under “Replace or revoke” below.",
    "unauthorized": "Make a new token in the tool, and put it in place under “Replace or revoke” below.",
    "forbidden": "Give the account of the token the right to read this in the tool, and test the connection.",
    "not_found": "Check the names in the settings below, and whether the account of the token is a member there.",
    "gone": "It was removed or moved in the tool. Take it out of the settings below, or name its new place.",
    "rate_limited": "Nothing to do: it goes on when the tool allows it. A longer interval asks for less.",
    "budget_spent": "Nothing to do: the next run goes on where this one stopped.",
    "switched_off": "Nothing to do. “Synchronise now” switches it on again, and goes on from there.",
    "server_error": "Nothing to do, if it stays short. The tool's own status page tells more.",
    "unreachable": "Nothing to do, if it stays short. Otherwise check the address, and whether the tool is up.",
    "details_missing": "Nothing to do: the next run asks for the rest.",
    "not_json": "Nothing to do, if it stays short. Otherwise check the address.",
    "wrong_content_type": "Check the address below: something answers there that is not the tool's interface.",
    "internal_error": "Tell whoever runs the installation: its log says what failed.",
}
"""What a person can do about each way in which a run fails."""
_ABOUT_CREDENTIALS: Final = frozenset({"connect_again", "credentials_missing", "unauthorized"})


class Standing(StrEnum):
    """How a connection stands; the value is the class of its box."""

    GOOD = "on-course"
    BAD = "at-risk"
    UNKNOWN = "not-known"


@dataclass(frozen=True, slots=True)
class Health:
    """standing_words: one or two words;  headline: one sentence;  sentences: what else there is to say

    advice: what a person can do, empty where there is nothing
    last_success, next_run: in words
    """

    standing: Standing
    standing_words: str
    headline: str
    sentences: tuple[str, ...]
    advice: str
    last_success: str
    next_run: str
    failures_in_a_row: int


def describe_health(
    integration: Integration, latest: SyncResult | None, under_way: RunUnderWay | None, *, at: datetime
) -> Health:
    """latest: the run that ended last, None where none did"""
    standing, words, headline = _standing(integration, latest, under_way)
    is_in_trouble = latest is not None and latest.status != SyncStatus.SUCCEEDED
    return Health(
        standing=standing,
        standing_words=words,
        headline=headline,
        sentences=tuple(_sentences(integration, latest, under_way, at)),
        advice=ADVICE.get(latest.error_code, "") if latest is not None and is_in_trouble else "",
        last_success="never" if integration.last_sync_at is None else moment_in_words(integration.last_sync_at, at),
        next_run=_next_run(integration, under_way, at),
        failures_in_a_row=integration.error_count,
    )


def _standing(
    integration: Integration, latest: SyncResult | None, under_way: RunUnderWay | None
) -> tuple[Standing, str, str]:
    if under_way is not None and under_way.state == RunState.RUNNING:
        return Standing.UNKNOWN, "Reading", "The tool is being read at this moment."
    if not integration.is_connected:
        return Standing.UNKNOWN, "Not connected", "It has no credentials, so it is not read. What was read is kept."
    if integration.status == IntegrationStatus.INACTIVE:
        return Standing.UNKNOWN, "Switched off", "It is not read. “Synchronise now” switches it on."
    if latest is None:
        return Standing.UNKNOWN, "Not read yet", "Nothing has been read from the tool yet."
    return _standing_after(latest, failures=integration.error_count)


def _standing_after(latest: SyncResult, *, failures: int) -> tuple[Standing, str, str]:
    if latest.error_code == ConnectionEnded.code:
        return Standing.BAD, "Connect again", "The tool has ended the credentials. What was read before is kept."
    if latest.status == SyncStatus.FAILED:
        times = "The last run" if failures <= 1 else f"The last {failures} runs"
        return Standing.BAD, "Failing", f"{times} brought nothing. What was read before is kept."
    if latest.status == SyncStatus.PARTIAL:
        return Standing.BAD, "Incomplete", "The last run brought something, and not everything."
    return Standing.GOOD, "In step", "The record is what the tool showed when it was last read."


def _sentences(
    integration: Integration, latest: SyncResult | None, under_way: RunUnderWay | None, at: datetime
) -> list[str]:
    said = [FIRST_STEPS] if latest is None and under_way is None else []
    if latest is not None and latest.error_message:
        said.append(latest.error_message)
    if latest is not None and _are_newer(integration, latest):
        said.append("The credentials were replaced since; the next run uses the new ones.")
    if under_way is not None and under_way.state == RunState.INTERRUPTED:
        said.append("A run was interrupted. Nothing it brought is lost; the next one carries it on.")
    due = integration.next_run_at
    if integration.error_count and due is not None and due > at:
        said.append(_why_wait(latest, due, at))
    if latest is not None and latest.failed_count:
        said.append(f"{latest.failed_count:,} records could not be read; they are named with the run.")
    if _is_late(integration, under_way, at):
        said.append("It is overdue: no worker has taken it. Whoever runs the installation can start one.")
    return said


def _are_newer(integration: Integration, latest: SyncResult) -> bool:
    """Whether credentials were put in place after a run that had none, or none that were any good."""
    changed_at, is_about_them = integration.credentials_changed_at, latest.error_code in _ABOUT_CREDENTIALS
    return is_about_them and integration.is_connected and changed_at is not None and changed_at > latest.started_at


def _why_wait(latest: SyncResult | None, due: datetime, at: datetime) -> str:
    until = f"It is tried again {moment_in_words(due, at)}"
    if latest is not None and latest.error_code == "rate_limited":
        return f"{until}, because the tool asked for a pause."
    return f"{until}. Each failure doubles the wait, up to a day, so that a tool in trouble is left alone."


def _next_run(integration: Integration, under_way: RunUnderWay | None, at: datetime) -> str:
    if not integration.is_connected:
        return "none: not connected"
    if integration.status == IntegrationStatus.INACTIVE:
        return "none: switched off"
    if under_way is not None and under_way.state == RunState.RUNNING:
        return "when this one has ended"
    due = integration.next_run_at
    return "as soon as a worker is free" if due is None or due <= at else moment_in_words(due, at)


def _is_late(integration: Integration, under_way: RunUnderWay | None, at: datetime) -> bool:
    if integration.status == IntegrationStatus.INACTIVE or (under_way and under_way.state == RunState.RUNNING):
        return False
    return integration.next_run_at is not None and at - integration.next_run_at > LATE


def moment_in_words(moment: datetime, at: datetime) -> str:
    """Such as "2 h ago (3 March, 09:00 UTC)"."""
    minutes = round(abs((moment - at).total_seconds()) / 60)
    distance = duration(minutes / _MINUTES_PER_HOUR) if minutes >= _MINUTES_PER_HOUR else f"{max(1, minutes)} min"
    relative = f"{distance} ago" if moment <= at else f"in {distance}"
    return f"{relative} ({moment:%-d %B, %H:%M} UTC)"


# --- the connection test ---


def report_sentences(report: ConnectionReport) -> Sequence[str]:
    """What the tool said of itself and of our credentials, or why it said nothing."""
    if report.error is not None:
        return [part for part in (report.error.message, ADVICE.get(report.error.code, ""), *report.notes) if part]
    said = [f"The tool answers as {report.server or 'itself'}; the credentials are those of {report.account or '—'}."]
    if report.missing_scopes:
        said.append(f"They lack the right to: {', '.join(report.missing_scopes)}.")
    if report.expires_at is not None:
        said.append(f"They are good until {report.expires_at:%-d %B %Y}.")
    return [*said, *report.notes]
