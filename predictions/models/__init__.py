"""Rows of the predictions app."""

from predictions.models.action import Action
from predictions.models.action_transition import ActionTransition
from predictions.models.alert import Alert
from predictions.models.alert_decision import AlertDecision
from predictions.models.alert_mute import AlertMute
from predictions.models.missed_event import MissedEvent, MissedEventVerdict
from predictions.models.prediction import Prediction
from predictions.models.prediction_outcome import PredictionOutcome
from predictions.models.prediction_override import PredictionOverride
from predictions.models.preventive_action import PreventiveAction
from predictions.models.risk_indicator import RiskIndicator

__all__ = [
    "Action",
    "ActionTransition",
    "Alert",
    "AlertDecision",
    "AlertMute",
    "MissedEvent",
    "MissedEventVerdict",
    "Prediction",
    "PredictionOutcome",
    "PredictionOverride",
    "PreventiveAction",
    "RiskIndicator",
]
