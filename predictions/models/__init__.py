"""Rows of the predictions app."""

from predictions.models.action import Action
from predictions.models.prediction import Prediction
from predictions.models.prediction_outcome import PredictionOutcome
from predictions.models.preventive_action import PreventiveAction
from predictions.models.risk_indicator import RiskIndicator

__all__ = ["Action", "Prediction", "PredictionOutcome", "PreventiveAction", "RiskIndicator"]
