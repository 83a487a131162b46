"""Predictions: claims about a project's future, never rewritten."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Case, Q, Value, When

from predictions.enums import OutcomeResult, PredictionStatus, PredictionType, Severity
from predictions.schemas import ASSUMPTIONS, DRIVERS, EVENT, EVIDENCE_ROWS, QUANTILES
from projects.constraints import not_blank
from projects.enums import Readiness
from projects.history.instants import last_day
from projects.plain_words import percent
from projects.schemas import REASONS
from tenants.append_only import AppendOnly
from tenants.isolation.constraints import enum_constraint
from tenants.isolation.models import TenantForeignKey, TenantModel
from tenants.validators import CheckedJSONField
from tenants.value_constraints import FieldCheck, hash_check, json_kind_check, order_check, range_check

ANSWERING = (Readiness.OK, Readiness.LIMITED, Readiness.STALE)
SHA256_CHARACTERS = 64


class Prediction(AppendOnly, TenantModel):
    """One claim that a resolvable event will happen to a project, with the probability we gave it at that moment.

    Written by the forecasting run only, and never changed or deleted afterwards: how it ended is its
    `PredictionOutcome`, and `status` is derived from that, so that the past cannot be rewritten by mistake or by will.
    A forecast that could not be made (INSUFFICIENT, MISCONFIGURED) is no prediction: the run's AnalysisRecord says so.

    `event` fixes what is settled later: the target and scope at issue, whatever moves afterwards. Predictions of the
    same event share `event_key`; those of one unbroken warning share `episode_id`, and each names the one it
    supersedes. `is_alert` says whether it was a warning, `is_late` that the warning came less than 72 h before.
    A retrospective prediction was computed for a past `as_of`; it is shown, but never chained and never scored.
    Hours count from `as_of`. `row_hash` covers the content and `previous_hash`, the hash of the project's row before.
    """

    project_path: ClassVar[str | None] = "project"

    project = TenantForeignKey("projects.Project", containing=True, related_name="predictions")
    type = models.CharField(max_length=32, choices=PredictionType)
    event = CheckedJSONField(schema=EVENT)
    event_key = models.CharField(max_length=SHA256_CHARACTERS)
    episode_id = models.UUIDField()
    supersedes = TenantForeignKey("predictions.Prediction", null=True, blank=True, related_name="superseded_by")
    probability = models.FloatField()
    probability_low = models.FloatField(null=True, blank=True)
    probability_high = models.FloatField(null=True, blank=True)
    base_rate = models.FloatField(null=True, blank=True)
    impact = models.CharField(max_length=16, choices=Severity)
    is_alert = models.BooleanField(default=False)
    is_late = models.BooleanField(default=False)
    is_retrospective = models.BooleanField(default=False)
    issued_at = models.DateTimeField()
    as_of = models.DateTimeField()
    predicted_for = models.DateTimeField()
    time_to_occurrence_p10_h = models.FloatField("time to occurrence, P10 (h)", null=True, blank=True)
    time_to_occurrence_p50_h = models.FloatField("time to occurrence, P50 (h)", null=True, blank=True)
    time_to_occurrence_p90_h = models.FloatField("time to occurrence, P90 (h)", null=True, blank=True)
    prevention_window_h = models.FloatField("prevention window (h)", null=True, blank=True)
    prevention_window_low_h = models.FloatField("prevention window, low (h)", null=True, blank=True)
    prevention_window_high_h = models.FloatField("prevention window, high (h)", null=True, blank=True)
    quantiles = CheckedJSONField(schema=QUANTILES, null=True, blank=True)
    drivers = CheckedJSONField(schema=DRIVERS, default=list, blank=True)
    assumptions = CheckedJSONField(schema=ASSUMPTIONS, default=list, blank=True)
    evidence = CheckedJSONField(schema=EVIDENCE_ROWS, default=list, blank=True)
    readiness = models.CharField(max_length=16, choices=Readiness)
    readiness_reasons = CheckedJSONField(schema=REASONS, default=list, blank=True)
    model_id = models.CharField(max_length=64)
    model_version = models.CharField(max_length=32)
    inputs_hash = models.CharField(max_length=SHA256_CHARACTERS)
    row_hash = models.CharField(max_length=SHA256_CHARACTERS, blank=True, default="")
    previous_hash = models.CharField(max_length=SHA256_CHARACTERS, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-id"]
        constraints = [
            not_blank("model_id"),
            not_blank("model_version"),
            models.UniqueConstraint(
                fields=["tenant", "project", "event_key", "inputs_hash"],
                name="predictions_prediction_once_per_inputs",
                violation_error_message="This event was already predicted from the same facts.",
            ),
            models.UniqueConstraint(
                fields=["tenant", "project", "previous_hash"],
                condition=~Q(row_hash=""),
                name="predictions_prediction_chain_has_no_fork",
                violation_error_message="Another prediction already follows this one in the ledger.",
            ),
            enum_constraint("type", PredictionType),
            enum_constraint("impact", Severity),
            enum_constraint("readiness", Readiness),
            FieldCheck(
                field="readiness",
                condition=Q(readiness__in=ANSWERING),
                rule="readiness_answers",
                message="Without sufficient facts there is no prediction.",
            ),
            FieldCheck(
                field="row_hash",
                condition=Q(is_retrospective=False) | Q(row_hash="", previous_hash=""),
                rule="retrospective_unchained",
                message="A retrospective prediction never enters the ledger.",
            ),
            FieldCheck(
                field="is_late",
                condition=Q(is_late=False) | Q(is_alert=True),
                rule="late_is_alert",
                message="Only a warning can be late.",
            ),
            range_check("probability", low=0, high=1),
            range_check("probability_low", low=0, high=1),
            range_check("probability_high", low=0, high=1),
            range_check("base_rate", low=0, high=1),
            order_check("probability_low", "probability", message="Must lie within its own interval."),
            order_check("probability", "probability_high", message="Must not lie below the probability."),
            order_check("as_of", "issued_at", message="A prediction cannot know the future: issued before its facts."),
            order_check("as_of", "predicted_for", message="The predicted instant lies before the facts."),
            range_check("time_to_occurrence_p10_h", low=0),
            range_check("time_to_occurrence_p90_h", low=0),
            order_check("time_to_occurrence_p10_h", "time_to_occurrence_p50_h"),
            order_check("time_to_occurrence_p50_h", "time_to_occurrence_p90_h"),
            range_check("prevention_window_h", low=0),
            range_check("prevention_window_high_h", low=0),
            order_check("prevention_window_low_h", "prevention_window_h"),
            order_check("prevention_window_h", "prevention_window_high_h"),
            json_kind_check("event", "object"),
            json_kind_check("quantiles", "object"),
            json_kind_check("drivers", "array"),
            json_kind_check("assumptions", "array"),
            json_kind_check("evidence", "array"),
            json_kind_check("readiness_reasons", "array"),
            hash_check("event_key"),
            hash_check("inputs_hash"),
            hash_check("row_hash", empty=True),
            hash_check("previous_hash", empty=True),
        ]
        indexes = [
            models.Index(fields=["tenant", "project", "type", "id"], name="predictions_by_project_type"),
            models.Index(fields=["tenant", "type", "id"], name="predictions_by_type"),
            models.Index(fields=["tenant", "predicted_for", "id"], name="predictions_by_predicted_for"),
            models.Index(fields=["tenant", "episode_id", "id"], name="predictions_by_episode"),
        ]

    def __str__(self) -> str:
        return f"{self.get_type_display()}, {percent(self.probability)} by {last_day(self.predicted_for):%Y-%m-%d}"

    @property
    def status(self) -> PredictionStatus:
        """Where the prediction stands.

        Free of queries when the row comes from a query annotated with `status_now=prediction_status()` or has its
        `outcomes` prefetched.
        """
        annotated = self.__dict__.get("status_now")
        if annotated is not None:
            return PredictionStatus(annotated)
        return status_of(is_alert=self.is_alert, result=next((row.result for row in self.outcomes.all()), None))


def status_of(*, is_alert: bool, result: str | None) -> PredictionStatus:
    """The status that follows from an outcome (None: not settled yet)."""
    if result is None:
        return PredictionStatus.PENDING
    if result == OutcomeResult.OCCURRED:
        return PredictionStatus.CONFIRMED
    if result == OutcomeResult.NOT_OCCURRED and is_alert:
        return PredictionStatus.FALSE_POSITIVE
    return PredictionStatus.RESOLVED


def prediction_status() -> Case:
    """`status` as an expression over predictions, for `annotate(status_now=…)`, filters and counts."""
    return Case(
        When(outcomes__isnull=True, then=Value(PredictionStatus.PENDING.value)),
        When(outcomes__result=OutcomeResult.OCCURRED, then=Value(PredictionStatus.CONFIRMED.value)),
        When(
            outcomes__result=OutcomeResult.NOT_OCCURRED,
            is_alert=True,
            then=Value(PredictionStatus.FALSE_POSITIVE.value),
        ),
        default=Value(PredictionStatus.RESOLVED.value),
        output_field=models.CharField(max_length=16),
    )
