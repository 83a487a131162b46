"""Django's entry for the app."""

from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    """Claims about what will happen to projects, written before it does and scored afterwards."""

    name = "predictions"
    verbose_name = "Predictions"
