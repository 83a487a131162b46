"""The tables inside answers about dates and the record of predictions, as columns of files."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from projects.answer_tables import REASONS, RUN, with_place
from tenants.api.tables import Row, TableOf, Told, alone, counted, listed, under, value_at

EVIDENCE = ("object_type", "object_id", "object_key", "field", "value", "observed_at", "url")
ESTIMATE = ("p_on_time.value", "p_on_time.low", "p_on_time.high")
GROUPS = ("all", "acted", "unacted")
"""Of the record of predictions."""
ASSUMPTIONS = TableOf("assumptions", ("assumption",), listed("assumptions", column="assumption"))


def _within(*path: str, inner: str, **kept: str) -> Callable[[Told], Iterator[Row]]:
    """The rows inside the rows at a path.  inner: where in one;  kept: columns of the outer row, by their new name"""

    def rows(told: Told) -> Iterator[Row]:
        for outer in value_at(told, path) or ():
            said = {name: value_at(outer, column.split(".")) for name, column in kept.items()}
            for row in value_at(outer, inner.split(".")) or ():
                yield {**said, **row}

    return rows


# --- what date can be promised ---

PROMISES = ("p", "kept", "judged", "share", "low", "high", "missing_events", "sentence")
RISK = ("claims", "above_alert_level", "readiness", "reasons", "model.id", "model.version")


def _delay(told: Told) -> Iterator[Row]:
    if (delay := value_at(told, ("result", "delay_risk"))) is not None:
        yield delay


def _promises(told: Told) -> Iterator[Row]:
    return ({"of": whose, **record} for whose, record in told["track_record"].items())


def _weekly_finishes(told: Told) -> Iterator[Row]:
    return with_place(({"finished": each} for each in value_at(told, ("result", "weekly_finishes")) or ()), "week")


FORECAST = (
    TableOf("dates", ("p", "value"), under("result", "quantiles")),
    TableOf(
        "about",
        (
            *RUN,
            "prediction",
            *(
                f"result.{name}"
                for name in (
                    "target_date",
                    *ESTIMATE,
                    "remaining_items",
                    "demonstrated_rate",
                    "required_rate",
                    "rate_unit",
                    "newcomer_share",
                    "own_forecasts",
                    "own_weight",
                    "is_reconstructed",
                    "outlook.needed_per_week",
                )
            ),
            "override.probability",
            "override.reason",
            "override.made_at",
            "history.has_more",
        ),
        alone,
    ),
    TableOf("drivers", ("code", "text", "effect", "unit"), under("result", "drivers")),
    TableOf("past", ("day", "done", "scope", "approved"), under("result", "outlook", "past")),
    TableOf("cone", ("day", "p10", "p50", "p90"), under("result", "outlook", "cone")),
    TableOf("weekly_finishes", ("week", "finished"), _weekly_finishes),
    TableOf("risks", ("type", "level", *RISK), under("result", "risks")),
    TableOf(
        "delay_risk",
        (
            "probability.value",
            "probability.low",
            "probability.high",
            "base_rate",
            "expected_slip_days",
            "impact",
            "prevention_window_h",
            "readiness",
            "reasons",
            "model.id",
            "model.version",
        ),
        _delay,
    ),
    TableOf(
        "likeliest_risks",
        (
            "type",
            "level",
            "claim",
            "subject.type",
            "subject.id",
            "subject.key",
            "ends_at",
            "probability.value",
            "probability.low",
            "probability.high",
            "base_rate",
            "impact",
            "prevention_window_h",
        ),
        _within("result", "risks", inner="likeliest", type="type", level="level"),
    ),
    TableOf(
        "moves",
        (
            "forecast",
            "as_of",
            "computed_at",
            "is_retrospective",
            "model.id",
            "model.version",
            "target_date",
            "p_on_time",
        ),
        under("history", "moves"),
    ),
    TableOf(
        "dates_of_moves",
        ("forecast", "as_of", "p", "value"),
        _within("history", "moves", inner="quantiles", forecast="forecast", as_of="as_of"),
    ),
    TableOf("targets", ("target_date", "since", "source"), under("target_history")),
    TableOf("promises", ("of", *PROMISES), _promises),
    TableOf("assumptions", ("assumption",), listed("result", "assumptions", column="assumption")),
    TableOf("evidence", EVIDENCE, under("result", "evidence")),
    REASONS,
)

# --- why it slipped, and why the forecast moved ---

SLIP = (
    TableOf(
        "parts",
        ("factor", "label", "days", "low_days", "high_days", "is_named", "measured", "evidence_count"),
        under("result", "parts"),
    ),
    TableOf(
        "items",
        ("factor", "object_type", "object_id", "object_key", "url", "share", "days"),
        _within("result", "parts", inner="evidence", factor="factor"),
    ),
    TableOf("untold", ("factor", "label", "code", "message"), under("result", "untold")),
    TableOf(
        "about",
        (
            *RUN,
            *(
                f"result.{name}"
                for name in ("measure", "target_date", "p50_date", "slip_days", "unknown_days", "interval")
            ),
        ),
        alone,
    ),
    ASSUMPTIONS,
    REASONS,
)

RUN_ROW = ("forecast", "as_of", "computed_at", "target_date", *ESTIMATE, "model.id", "model.version")


def _ends(told: Told) -> Iterator[Row]:
    return ({"end": end, **told[end]} for end in ("from", "to") if told[end] is not None)


MOVES = (
    TableOf("parts", ("component", "label", "days", "p_on_time", "measured"), under("result", "parts")),
    TableOf("forecasts", ("end", *RUN_ROW, "model.inputs_hash"), _ends),
    TableOf(
        "dates",
        ("end", "p", "value"),
        lambda told: ({"end": row["end"], **point} for row in _ends(told) for point in row["quantiles"] or ()),
    ),
    TableOf(
        "about",
        (
            *(name for name in RUN if name != "computed_at"),
            "result.p85_moved_days",
            "result.p_on_time_moved",
        ),
        alone,
    ),
    REASONS,
)

# --- what if ---

CUT = (
    "before", "by", "order", "rule", "kept_items", "p85_now", "needed_items", "cut_count", "cut_items", "p85_after",
    "p85_with_one_item_less", "proof", "readiness", "readiness_reasons",
)  # fmt: skip


def _cut(told: Told) -> Iterator[Row]:
    if told["minimal_cut"] is not None:
        yield told["minimal_cut"]


WHAT_IF = (
    TableOf(
        "options",
        (
            "name",
            "readiness",
            "target_date",
            "promised_items",
            *ESTIMATE,
            *(f"change_of_p_on_time.{end}" for end in ("value", "low", "high")),
            "days_saved_p85",
            *(f"cycle_time.{name}" for name in ("now_days", "then_days", "in_progress", "limit")),
            "evidence_count",
            "steps",
            "assumptions",
            "readiness_reasons",
        ),
        under("options"),
    ),
    TableOf("dates", ("option", "p", "value"), _within("options", inner="quantiles", option="name")),
    TableOf(
        "dates_of_everything",
        ("option", "p", "value"),
        _within("options", inner="quantiles_of_everything", option="name"),
    ),
    TableOf(
        "items",
        ("option", "object_type", "object_id", "object_key", "url"),
        _within("options", inner="evidence", option="name"),
    ),
    TableOf("minimal_cut", CUT, _cut),
    TableOf("cut_items", ("object_type", "object_id", "object_key", "url", "items"), under("minimal_cut", "cut")),
    TableOf("about", (*RUN, "forecast"), alone),
    ASSUMPTIONS,
    TableOf("evidence", EVIDENCE, under("evidence")),
    REASONS,
)

# --- what the past would have shown ---


def _summary(told: Told) -> Iterator[Row]:
    if (result := told["result"]) is not None:
        yield result["summary"]


REPLAY = (
    TableOf(
        "events",
        ("target", "source", "first_as_of", "steps", "alerts", "result", "verdict", "lead_time_h"),
        under("result", "events"),
    ),
    TableOf(
        "steps",
        (
            "as_of",
            "target",
            "source",
            "probability",
            "base_rate",
            "is_alert",
            "result",
            "result_reason",
            "promised_on",
            "promise_kept",
            "readiness",
            "reasons",
            "is_reconstructed",
        ),
        under("result", "steps"),
    ),
    TableOf(
        "types",
        (
            "type",
            "moments",
            "answered",
            "events",
            "hits",
            "late",
            "misses",
            "unforeseeable",
            "false_alarms",
            "lead_time_p50_h",
            "false_alarms_per_project_month",
            "closed_by",
        ),
        under("result", "types"),
    ),
    TableOf(
        "summary",
        (
            "moments",
            "answered",
            "lead_time_p50_h",
            "false_alarms_per_project_month",
            "promises.p",
            "promises.judged",
            "promises.kept",
        ),
        _summary,
    ),
    TableOf("verdicts", ("verdict", "events"), counted("result", "summary", "events", of="verdict", number="events")),
    TableOf("about", (*RUN, "id", "result.months", "result.step_days", "result.is_reconstructed"), alone),
    TableOf("notes", ("note",), listed("result", "notes", column="note")),
    REASONS,
)

# --- what predictions were worth ---

SCORE = tuple(f"{name}.{end}" for name in ("brier", "brier_skill") for end in ("value", "low", "high"))
WARNINGS = (
    "occurred_events", "knowable_72h_events", "warned_72h_events", "known_late_events", "reported_misses",
    "recall_72h.value", "recall_72h.low", "recall_72h.high", "lead_time_p10_h", "lead_time_p50_h", "false_alarms",
    "project_months", "false_alarms_per_project_month",
)  # fmt: skip


def _groups(told: Told) -> Iterator[Row]:
    return ({"group": group, **told[group]} for group in GROUPS)


def _of_groups(*inner: str) -> Callable[[Told], Iterator[Row]]:
    def rows(told: Told) -> Iterator[Row]:
        for group in GROUPS:
            for row in value_at(told[group], inner) or ():
                yield {"group": group, **row}

    return rows


def _warnings(told: Told) -> Iterator[Row]:
    for group in GROUPS:
        if told[group]["warnings"] is not None:
            yield {"group": group, **told[group]["warnings"]}


CALIBRATION = (
    TableOf(
        "groups",
        (
            "group",
            "events",
            "predictions",
            "censored_predictions",
            "missing_events",
            *SCORE,
            "brier_bounds.low",
            "brier_bounds.high",
            "brier_base_rate",
        ),
        _groups,
    ),
    TableOf("reliability", ("group", "forecast", "observed", "low", "high", "events"), _of_groups("reliability")),
    TableOf("coverage", ("group", "p", "share", "low", "high", "events"), _of_groups("coverage")),
    TableOf("warnings", ("group", *WARNINGS), _warnings),
    TableOf("lead_times", ("group", "from_h", "to_h", "events"), _of_groups("warnings", "lead_time_histogram")),
    TableOf(
        "worst_misses",
        ("group", "prediction", "project", "probability", "occurred", "squared_error", "as_of", "predicted_for"),
        _of_groups("worst_misses"),
    ),
    TableOf(
        "overrides",
        (
            "events",
            "overrides",
            "in_hindsight",
            "missing_events",
            "brier_people",
            "brier_model",
            "difference.value",
            "difference.low",
            "difference.high",
        ),
        lambda told: [told["overrides"]],
    ),
    TableOf("reported_misses", ("status", "number"), counted("reported_misses", of="status")),
    TableOf(
        "drift",
        (
            "type",
            "watched",
            "steps",
            "is_alarming",
            "fault",
            "evidence",
            "alarm_at",
            "since",
            "alarmed_at",
            "alarms",
        ),
        under("drift"),
    ),
    TableOf(
        "probation",
        (
            "type",
            "warned_events",
            "occurred_events",
            "precision",
            "required_precision",
            "missing_events",
            "is_on_probation",
        ),
        under("probation"),
    ),
    TableOf(
        "about",
        (
            "as_of",
            "readiness",
            "model.id",
            "model.version",
            "model.inputs_hash",
            "required_events",
            "evidence.predictions",
            "evidence.outcomes",
        ),
        alone,
    ),
    REASONS,
)
