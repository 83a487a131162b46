"""What can be asked of a project's date: when, why not, what if, and why it moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from predictions.answer_tables import FORECAST, MOVES, SLIP, WHAT_IF
from predictions.domain.forecast_answer import MAX_MOVES, describe_full_forecast
from predictions.domain.forecast_moves import describe_move
from predictions.domain.open_items import CutBy, CutOrder
from predictions.domain.slip import describe_slip
from predictions.domain.what_if import AskedCut, AskedOption, Question, UnacceptableItems, answer_question
from predictions.forecasters.prevention import RAMP_UP_DAYS
from predictions.forecasters.what_if import (
    MAX_ADDED_SHARE,
    AddCapacity,
    DeferItems,
    DropItems,
    LimitWip,
    MoveDate,
    Scenario,
    Step,
)
from predictions.models import Prediction
from projects.enums import Readiness
from projects.models import Project
from tenants.api.access import visible
from tenants.api.fields import AwareDateTimeField, FiniteFloatField, StrictIntegerField
from tenants.api.problems import InvalidParameter
from tenants.api.reads import record_read
from tenants.api.serializers import serializer_for
from tenants.api.tables import file_handler, file_view
from tenants.api.viewsets import ReadOnlyTenantViewSet, answer, said
from tenants.permissions import Action

MAX_OPTIONS, MAX_STEPS, MAX_IDS, MAX_IDS_TOGETHER = 10, 10, 1_000, 3_000
"""What is answered within the blink that a comparison on a page may take."""
MAX_ITEMS = 1_000_000
MAX_PEOPLE, MAX_TEAM, MAX_RAMP_UP_DAYS = 1_000, 10_000, 730
EARLIEST, LATEST = date(1990, 1, 1), date(2200, 1, 1)
DEFAULT_MOVE_OVER = timedelta(days=7)
TWO_MOMENTS = [
    OpenApiParameter("from", datetime, description="The earlier moment; left out: a week before the later."),
    OpenApiParameter("to", datetime, description="The later moment; left out: now."),
]


# --- answers ---


class AnswerSerializer(serializers.Serializer[Any]):
    """What every answer about a project has. Without readiness every value is null, never a guess."""

    project = serializers.UUIDField()
    as_of = serializers.DateTimeField(allow_null=True)
    readiness = serializers.ChoiceField(choices=Readiness.choices)
    readiness_reasons = serializers.ListField(child=serializers.DictField())
    model = serializers.DictField(allow_null=True, help_text="id, version and inputs_hash.")


class ForecastSerializer(AnswerSerializer):
    """The newest forecast of a project. Without readiness every value is null, never a guess."""

    computed_at = serializers.DateTimeField(allow_null=True)
    prediction = serializers.UUIDField(allow_null=True, help_text="The claim that holds now.")
    result = serializers.DictField(allow_null=True, help_text="Dates by probability, assumptions, drivers, evidence.")
    override = serializers.DictField(
        allow_null=True, help_text="What a person said last of the claim's event: probability, reason, made_at."
    )
    track_record = serializers.DictField(
        help_text="How often the first day given for 85 % was kept, of the project and of all projects you see; "
        "share and sentence are null while missing_events are missing."
    )
    target_history = serializers.ListField(
        child=serializers.DictField(),
        help_text="Every target date that was in force, since when, and by whose word; never rewritten.",
    )
    history = serializers.DictField(
        help_text=f"moves: the last {MAX_MOVES} forecasts that said something new, newest first; has_more."
    )


class SlipSerializer(AnswerSerializer):
    """Why a project slips, in days."""

    computed_at = serializers.DateTimeField(allow_null=True)
    assumptions = serializers.ListField(child=serializers.CharField())
    result = serializers.DictField(
        allow_null=True,
        help_text="slip_days: P50 finish after the target; parts and unknown_days add up to it exactly. Each part has "
        "an interval (95 % over all parts together), what was measured, and the items behind it. untold: factors that "
        "the record cannot tell, and why.",
    )


class MoveSerializer(AnswerSerializer):
    """Why the forecast moved between two moments."""

    result = serializers.DictField(
        allow_null=True,
        help_text="p85_moved_days and p_on_time_moved, and parts that add up to both exactly; one of them is null "
        "where a forecast had no such value.",
    )

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name in Python."""
        ends = {
            name: serializers.DictField(allow_null=True, help_text=f"The forecast that stood at `{name}`.")
            for name in ("from", "to")
        }
        return {**super().get_fields(), **ends}


class WhatIfSerializer(AnswerSerializer):
    """What each option leads to, under the same random numbers as the forecast."""

    computed_at = serializers.DateTimeField(allow_null=True)
    forecast = serializers.UUIDField(allow_null=True, help_text="The analysis record that was played again.")
    assumptions = serializers.ListField(child=serializers.CharField(), help_text="Of all options.")
    evidence = serializers.ListField(child=serializers.DictField())
    options = serializers.ListField(
        child=serializers.DictField(),
        help_text="The first is doing nothing: the forecast itself. Each has P(on time) with interval, its change with "
        "interval, dates by probability, days saved at P85, further assumptions, readiness of its own.",
    )
    minimal_cut = serializers.DictField(
        allow_null=True, help_text="The smallest set whose removal brings P85 to the date, with its proof."
    )


# --- questions ---


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses what it does not know: a misspelt option must not be answered as if it were not there."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := [name for name in data if name not in self.fields]):
            raise serializers.ValidationError({str(name): ["There is no such field."] for name in unknown})
        return super().to_internal_value(data)


def _day(**options: Any) -> serializers.DateField:
    limits = [MinValueValidator(EARLIEST), MaxValueValidator(LATEST)]
    return serializers.DateField(validators=limits, required=False, **options)


class StepSerializer(StrictSerializer):
    """One thing that is done. Which fields it takes depends on its kind; null is left out."""

    kind = serializers.ChoiceField(choices=["DROP", "DEFER", "ADD_CAPACITY", "LIMIT_WIP", "MOVE_DATE"])
    items = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        allow_null=True,
        min_length=1,
        max_length=MAX_IDS,
        help_text="DROP, DEFER: ids of open work items; or else count.",
    )
    count = StrictIntegerField(
        required=False, allow_null=True, min_value=1, max_value=MAX_ITEMS, help_text="DROP, DEFER: so many items."
    )
    share = FiniteFloatField(
        required=False,
        allow_null=True,
        min_value=0.001,
        max_value=MAX_ADDED_SHARE,
        help_text="ADD_CAPACITY: of what the team does now; or else people.",
    )
    people = FiniteFloatField(
        required=False, allow_null=True, min_value=0.01, max_value=MAX_PEOPLE, help_text="ADD_CAPACITY: heads."
    )
    team_size = FiniteFloatField(
        required=False,
        allow_null=True,
        min_value=0.1,
        max_value=MAX_TEAM,
        help_text="ADD_CAPACITY with people: heads now; left out: as the record shows.",
    )
    start_date = _day(allow_null=True, help_text="ADD_CAPACITY: first day; left out: now.")
    ramp_up_days = FiniteFloatField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=MAX_RAMP_UP_DAYS,
        help_text=f"ADD_CAPACITY: from start to full weight; left out: {RAMP_UP_DAYS:.0f}.",
    )
    limit = StrictIntegerField(
        required=False, allow_null=True, min_value=1, max_value=MAX_ITEMS, help_text="LIMIT_WIP: items at once."
    )
    target_date = _day(allow_null=True, help_text="MOVE_DATE: the new day.")

    OF_KIND: Mapping[str, tuple[frozenset[str], Sequence[tuple[str, ...]]]] = {
        "DROP": (frozenset({"items", "count"}), [("items", "count")]),
        "DEFER": (frozenset({"items", "count"}), [("items", "count")]),
        "ADD_CAPACITY": (
            frozenset({"share", "people", "team_size", "start_date", "ramp_up_days"}),
            [("share", "people")],
        ),
        "LIMIT_WIP": (frozenset({"limit"}), [("limit",)]),
        "MOVE_DATE": (frozenset({"target_date"}), [("target_date",)]),
    }
    """By kind: what may be said, and of which names exactly one must be."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in attrs.items() if value is not None}
        may, needed = self.OF_KIND[given["kind"]]
        wrong = {name: [f"{given['kind']} does not take this."] for name in given if name not in {*may, "kind"}}
        for names in needed:
            if sum(name in given for name in names) != 1:
                wrong[names[0]] = [f"Give {' or '.join(names)}."]
        if "share" in given and "team_size" in given:
            wrong["team_size"] = ["A share needs no team size."]
        if wrong:
            raise serializers.ValidationError(wrong)
        return given


class OptionSerializer(StrictSerializer):
    """An option: steps that are taken together."""

    name = serializers.CharField(required=False, max_length=100, help_text="To find it again; left out: a number.")
    steps = serializers.ListField(child=StepSerializer(), min_length=1, max_length=MAX_STEPS)

    def validate_steps(self, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for kind in ("LIMIT_WIP", "MOVE_DATE"):
            if sum(step["kind"] == kind for step in steps) > 1:
                raise serializers.ValidationError(f"{kind} can be there once.")
        return steps


class CutSerializer(StrictSerializer):
    """The smallest set of items, parents (epics, stories) or iterations whose removal brings P85 to a day."""

    before = serializers.DateField(
        validators=[MinValueValidator(EARLIEST), MaxValueValidator(LATEST)], help_text="P85 is then, or earlier."
    )
    by = serializers.ChoiceField(choices=[str(each) for each in CutBy], required=False, default=str(CutBy.ITEM))
    order = serializers.ChoiceField(
        choices=[str(each) for each in CutOrder],
        required=False,
        default=str(CutOrder.PRIORITY),
        help_text="Which items go first, where all of them count alike.",
    )
    keep = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        default=list,
        max_length=MAX_IDS,
        help_text="Items that must stay; a parent or iteration with one of them stays whole.",
    )


class WhatIfRequestSerializer(StrictSerializer):
    """Options to compare, all with doing nothing."""

    scenarios = serializers.ListField(child=OptionSerializer(), required=False, default=list, max_length=MAX_OPTIONS)
    minimal_cut = CutSerializer(required=False, allow_null=True, default=None)

    def validate_scenarios(self, options: list[dict[str, Any]]) -> list[dict[str, Any]]:
        named = sum(len(step.get("items", ())) for option in options for step in option["steps"])
        if named > MAX_IDS_TOGETHER:
            raise serializers.ValidationError(f"No more than {MAX_IDS_TOGETHER:,} items in all; or give a count.")
        return options


def question_of(asked: Mapping[str, Any]) -> Question:
    """The question that a validated body asks."""
    cut = asked["minimal_cut"]
    return Question(
        options=tuple(_option(number, option) for number, option in enumerate(asked["scenarios"], start=1)),
        cut=None
        if cut is None
        else AskedCut(cut["before"], CutBy(cut["by"]), CutOrder(cut["order"]), tuple(dict.fromkeys(cut["keep"]))),
    )


def _option(number: int, asked: Mapping[str, Any]) -> AskedOption:
    steps = asked["steps"]
    return AskedOption(
        Scenario(asked.get("name", f"Option {number}"), tuple(_step(step) for step in steps)),
        {position: tuple(step["items"]) for position, step in enumerate(steps) if "items" in step},
    )


def _step(asked: Mapping[str, Any]) -> Step:
    match asked["kind"]:
        case "DROP":
            return DropItems(asked.get("count") or len(asked["items"]))
        case "DEFER":
            return DeferItems(asked.get("count") or len(asked["items"]))
        case "ADD_CAPACITY":
            return AddCapacity(**{name: value for name, value in asked.items() if name != "kind"})
        case "LIMIT_WIP":
            return LimitWip(asked["limit"])
        case _:
            return MoveDate(asked["target_date"])


class MoveQuerySerializer(serializers.Serializer[Any]):
    """Two moments."""

    until = AwareDateTimeField(required=False)
    since = AwareDateTimeField(required=False)


# --- views ---


class ProjectDateViewSet(ReadOnlyTenantViewSet[Project]):
    """A project's date. Asking changes nothing, whatever the method."""

    model = Project
    serializer_class = serializer_for(Project)
    custom_actions = {
        **dict.fromkeys(("forecast", "slip", "moves", "what_if"), Action.VIEW),
        **dict.fromkeys(("forecast_file", "slip_file", "moves_file", "what_if_file"), Action.EXPORT),
    }
    pagination_class = None
    filter_backends = []

    def permission_label(self) -> str:
        return Prediction._meta.label_lower

    @extend_schema(operation_id="projects_forecast_retrieve", responses=ForecastSerializer)
    def forecast(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """What date can be promised? Dates by probability, or null with the reasons why there are none."""
        told = self._forecast(request)
        record_read(Prediction, [])
        return answer(request, told)

    def _forecast(self, request: Request) -> dict[str, Any]:
        project = self.find()
        _check_parameters(request, self.file_parameters)
        return describe_full_forecast(project, predictions=visible(Prediction, request), at=timezone.now())

    forecast_file = file_handler(_forecast, FORECAST, operation_id="projects_forecast_export")

    @extend_schema(operation_id="projects_slip_retrieve", responses=SlipSerializer)
    def slip(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Why did it slip? Parts in days that add up exactly, each with the items behind it. Of the newest analysis."""
        told = self._slip(request)
        record_read(Prediction, [])
        return answer(request, told)

    def _slip(self, request: Request) -> dict[str, Any]:
        project = self.find()
        _check_parameters(request, self.file_parameters)
        return describe_slip(project)

    slip_file = file_handler(_slip, SLIP, operation_id="projects_slip_export")

    @extend_schema(
        operation_id="projects_forecast_moves_retrieve",
        responses=MoveSerializer,
        parameters=TWO_MOMENTS,
    )
    def moves(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Why did the forecast move? The change of P85 and of P(on time), in parts that add up exactly."""
        told = self._moves(request)
        record_read(Prediction, [])
        return answer(request, told)

    def _moves(self, request: Request) -> dict[str, Any]:
        project = self.find()
        since, until = _moments(request, known=self.file_parameters)
        return describe_move(project, since=since, until=until)

    moves_file = file_handler(_moves, MOVES, operation_id="projects_forecast_moves_export", parameters=TWO_MOMENTS)

    @extend_schema(
        operation_id="projects_what_if_create", request=WhatIfRequestSerializer, responses={200: WhatIfSerializer}
    )
    def what_if(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """What are the options? Each is played on the trials of the forecast; the first is doing nothing."""
        told = self._what_if(request)
        record_read(Prediction, [])
        return answer(request, told)

    def _what_if(self, request: Request) -> dict[str, Any]:
        project = self.find()
        question = question_of(said(WhatIfRequestSerializer, request))
        try:
            return answer_question(project, question, at=timezone.now())
        except UnacceptableItems as refused:
            raise serializers.ValidationError(_nested(refused.places)) from refused

    what_if_file = file_handler(
        _what_if, WHAT_IF, operation_id="projects_what_if_export", request_body=WhatIfRequestSerializer
    )


def _check_parameters(request: Request, known: frozenset[str] = frozenset()) -> None:
    if unknown := sorted(set(request.query_params) - known):
        raise InvalidParameter({name: ["There is no such parameter here."] for name in unknown})


def _moments(request: Request, *, known: frozenset[str]) -> tuple[datetime, datetime]:
    """From and to. Raises InvalidParameter.  known: further parameters"""
    _check_parameters(request, known | {"from", "to"})
    named = {"since": "from", "until": "to"}
    given = {name: request.query_params[asked] for name, asked in named.items() if asked in request.query_params}
    wanted = MoveQuerySerializer(data=given)
    if not wanted.is_valid():
        raise InvalidParameter({named[name]: messages for name, messages in wanted.errors.items()})
    until: datetime = wanted.validated_data.get("until") or timezone.now()
    try:
        since: datetime = wanted.validated_data.get("since") or until - DEFAULT_MOVE_OVER
    except OverflowError:
        raise InvalidParameter({"to": ["There is no week before this."]}) from None
    if since >= until:
        raise InvalidParameter({"from": ["Must be before `to`."]})
    return since, until


def _nested(places: Mapping[tuple[str | int, ...], str]) -> dict[str, Any]:
    """Messages by path as DRF nests them."""
    errors: dict[str, Any] = {}
    for (*path, last), message in places.items():
        inner = errors
        for step in path:
            inner = inner.setdefault(str(step), {})
        inner[str(last)] = [message]
    return errors


FORECAST_VIEWS: dict[str, Callable[..., Any]] = {
    "projects/<str:pk>/forecast": ProjectDateViewSet.as_view({"get": "forecast"}),
    "projects/<str:pk>/forecast/export": file_view(ProjectDateViewSet, "forecast_file"),
    "projects/<str:pk>/forecast/moves": ProjectDateViewSet.as_view({"get": "moves"}),
    "projects/<str:pk>/forecast/moves/export": file_view(ProjectDateViewSet, "moves_file"),
    "projects/<str:pk>/slip": ProjectDateViewSet.as_view({"get": "slip"}),
    "projects/<str:pk>/slip/export": file_view(ProjectDateViewSet, "slip_file"),
    "projects/<str:pk>/what-if": ProjectDateViewSet.as_view({"post": "what_if"}),
    "projects/<str:pk>/what-if/export": file_view(ProjectDateViewSet, "what_if_file", method="post"),
}
"""By address."""
