"""Endpoints of the gaps app."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from gaps.answer_tables import BRIEFING, CAUSE_MAP, EFFICACY, PORTFOLIO
from gaps.answers.matters import MatterKind
from gaps.answers.sponsor import SponsorPage
from gaps.comparing_api import ITEM_VIEWS as COMPARING_VIEWS
from gaps.domain.acting import describe_action_efficacy
from gaps.domain.briefing import describe_briefing
from gaps.domain.cause_map import describe_cause_map
from gaps.domain.lifecycle import VERBS, check_identified, record_transition
from gaps.domain.portfolio import describe_portfolio
from gaps.domain.recomputing import recompute_gap
from gaps.domain.sponsoring import as_of_text, describe_sponsor_page, sponsor_page_of
from gaps.enums import GapOrigin, GapStatus, TransitionKind
from gaps.models import AffectedArea, CorrectiveAction, Evidence, Gap, GapTransition, RootCause
from predictions.actions_api import FollowedActionViewSet
from predictions.enums import Severity
from predictions.models import Prediction, PreventiveAction
from projects.enums import Readiness
from projects.models import Goal, Project, WorkItem
from tenants.api.access import requester, visible
from tenants.api.filters import EXACT, RANGE, SET, TenantFilterBackend
from tenants.api.reads import record_read
from tenants.api.search import SEARCH_PARAMETER
from tenants.api.serializers import serializer_for
from tenants.api.tables import file_handler, file_view
from tenants.api.viewsets import ReadOnlyTenantViewSet, Routes, TenantViewSet, answer, created_step, said
from tenants.permissions import Action
from tenants.unnamed import hidden_kinds, told_kinds
from tenants.validators import MAX_NOTE_CHARACTERS

GapTransitionSerializer = serializer_for(GapTransition)
TRANSITIONS = "/api/v1/gap-transitions"


class GapMoveSerializer(serializers.Serializer[Any]):
    """One move of a gap, with what there is to say about it."""

    kind = serializers.ChoiceField(choices=[(kind.value, kind.label) for kind in VERBS])
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=MAX_NOTE_CHARACTERS)


class RecomputedGapSerializer(serializers.Serializer[Any]):
    """A gap's value as it is kept and as the record of then gives it again."""

    gap = serializers.UUIDField()
    as_of = serializers.DateTimeField(allow_null=True, help_text="The record as it was known then.")
    reproduced = serializers.BooleanField(help_text="Whether inputs and value are the same to the last bit.")
    stored = serializers.DictField(help_text="current_value, target_value, effect, severity, inputs_hash, model.")
    recomputed = serializers.DictField(allow_null=True, help_text="The same; null where nothing is found any more.")
    reasons = serializers.ListField(child=serializers.DictField(), help_text="Why not: code and message.")


class MappedCauseSerializer(serializers.Serializer[Any]):
    """One cause of a gap among the others."""

    id = serializers.UUIDField()
    rank = serializers.IntegerField(help_text="1 explains most.")
    code = serializers.CharField(allow_blank=True)
    description = serializers.CharField()
    contribution_share = serializers.FloatField(allow_null=True, help_text="Of the gap; null: not measured.")
    waits_for = serializers.ListField(
        child=serializers.UUIDField(), help_text="Causes to deal with before this one; empty where it is in no order."
    )


class CauseMapSerializer(serializers.Serializer[Any]):
    """The causes of a gap, which of them has to be dealt with before which, and the order for most effect."""

    gap = serializers.UUIDField()
    causes = MappedCauseSerializer(many=True)
    order = serializers.ListField(
        child=serializers.UUIDField(), help_text="Causes that somebody can deal with, what to deal with first in front."
    )


class GapViewSet(TenantViewSet[Gap]):
    """Differences between what a project intended and what is happening, followed until they are gone."""

    model = Gap
    serializer_class = serializer_for(Gap)
    filters = {
        "project": EXACT,
        "type": SET,
        "category": SET,
        "severity": SET,
        "status": SET,
        "origin": SET,
        "owner": EXACT,
        "identified_at": RANGE,
    }
    orderings = ("id", "identified_at", "severity")
    custom_actions = {
        "transitions": Action.TRANSITION,
        "recompute": Action.VIEW,
        "cause_map": Action.VIEW,
        "cause_map_file": Action.EXPORT,
    }
    read_is_audited = True

    def perform_create(self, serializer: BaseSerializer[Gap]) -> Gap:
        at = timezone.now()
        check_identified(identified_at=serializer.validated_data["identified_at"], at=at)
        gap = serializer.save(origin=GapOrigin.MANUAL, status=GapStatus.OPEN)
        record_transition(gap=gap, kind=TransitionKind.OPENED, before=None, by=requester(self.request), at=at, note="")
        return gap

    @extend_schema(request=GapMoveSerializer, responses={201: GapTransitionSerializer})
    @action(detail=True, methods=["post"])
    def transitions(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Move a gap on: start, pause, resolve, close or reopen it. The move stays in its history."""
        gap = self.find()
        asked = said(GapMoveSerializer, request)
        VERBS[asked["kind"]](gap=gap, by=requester(request), at=timezone.now(), note=asked["note"])
        return created_step(request, GapTransition.objects.filter(gap=gap), GapTransitionSerializer, TRANSITIONS)

    @extend_schema(request=None, responses={200: RecomputedGapSerializer})
    @action(detail=True, methods=["post"])
    def recompute(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Compute its value again from the record as it was known when the gap was last seen. Changes nothing."""
        gap = self.find()
        told = recompute_gap(gap)
        record_read(Gap, [gap.pk])
        return answer(request, told)

    @extend_schema(responses={200: CauseMapSerializer})
    @action(detail=True, methods=["get"], url_path="cause-map")
    def cause_map(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Which of its causes should be dealt with first? The map of what waits for what, and the order."""
        gap = self.find()
        record_read(Gap, [gap.pk])
        return answer(request, describe_cause_map(gap))

    cause_map_file = file_handler(
        lambda view, request: describe_cause_map(view.find()), CAUSE_MAP, operation_id="gaps_cause_map_export"
    )


class GapTransitionViewSet(ReadOnlyTenantViewSet[GapTransition]):
    """What happened to gaps: opened, worse, resolved. Never rewritten."""

    model = GapTransition
    serializer_class = GapTransitionSerializer
    filters = {"gap": EXACT, "kind": SET, "at": RANGE}
    read_is_audited = True


class RootCauseViewSet(TenantViewSet[RootCause]):
    """Why a gap is there, with the part of it that each cause explains."""

    model = RootCause
    serializer_class = serializer_for(RootCause)
    filters = {"gap": EXACT, "category": SET}
    read_is_audited = True


class AffectedAreaViewSet(TenantViewSet[AffectedArea]):
    """What a gap touches, and how hard; never a person."""

    model = AffectedArea
    serializer_class = serializer_for(AffectedArea)
    filters = {"gap": EXACT, "kind": SET, "impact_level": SET}
    read_is_audited = True


class EvidenceViewSet(TenantViewSet[Evidence]):
    """The facts a gap rests on, down to the source item."""

    model = Evidence
    serializer_class = serializer_for(Evidence)
    filters = {"gap": EXACT, "object_type": SET}
    read_is_audited = True

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """A search finds by names only what may be named to the requester."""
        found = super().filter_queryset(queryset)
        hidden = hidden_kinds(requester(self.request).role)
        is_narrowed = bool(hidden) and SEARCH_PARAMETER in self.request.query_params
        return found.filter(object_type__in=told_kinds(hidden)) if is_narrowed else found


class CorrectiveActionViewSet(FollowedActionViewSet[CorrectiveAction]):
    """What could be done to close a gap."""

    model = CorrectiveAction
    serializer_class = serializer_for(CorrectiveAction)
    filters = {"gap": EXACT, **FollowedActionViewSet.filters}


class ActionEfficacySerializer(serializers.Serializer[Any]):
    """What kinds of actions were worth, the best first; numbers are null below the required number of measured ones."""

    required_actions = serializers.IntegerField()
    codes = serializers.ListField(
        child=serializers.DictField(),
        help_text="code, title, measured_actions, uncompared_actions (measured, but beside fewer than five forecasts "
        "left alone, so not counted), missing_actions, standing (TESTED, UNTESTED), and means in days of the finish "
        "with their 80 % interval (value, low, high): expected_effect_days, measured_effect_days (shrunk).",
    )


class ActionEfficacyViewSet(ReadOnlyTenantViewSet[CorrectiveAction]):
    """What actions were worth."""

    model = CorrectiveAction
    serializer_class = serializer_for(CorrectiveAction)
    custom_actions = {"efficacy": Action.VIEW, "efficacy_file": Action.EXPORT}
    pagination_class = None
    filter_backends = [TenantFilterBackend]  # none is declared: a parameter nobody reads is refused

    def own_parameters(self) -> frozenset[str]:
        return self.file_parameters

    @extend_schema(operation_id="action_efficacy_retrieve", responses=ActionEfficacySerializer)
    def efficacy(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """What helped? Measured effects by kind of action, over the actions that the requester may see."""
        return answer(request, self._told(request))

    def _told(self, request: Request) -> dict[str, Any]:
        corrective = self.filter_queryset(self.get_queryset())
        return describe_action_efficacy(corrective, visible(PreventiveAction, request))

    efficacy_file = file_handler(_told, EFFICACY, operation_id="action_efficacy_export")


class BriefingRowSerializer(serializers.Serializer[Any]):
    """One thing to deal with, and one action that would help."""

    kind = serializers.ChoiceField(choices=[(kind.value, kind.value) for kind in MatterKind])
    id = serializers.UUIDField(help_text="Of the gap, or of the prediction.")
    project = serializers.UUIDField()
    project_name = serializers.CharField()
    type = serializers.CharField()
    title = serializers.CharField()
    subject = serializers.DictField(
        allow_null=True, help_text="What a warning names in its title: type, id and key; null for a gap."
    )
    severity = serializers.ChoiceField(choices=Severity.choices)
    expected_loss_tolerances = serializers.FloatField()
    hours_left = serializers.FloatField(allow_null=True, help_text="To act, from now; null where no window is known.")
    as_of = serializers.DateTimeField(allow_null=True)
    readiness = serializers.ChoiceField(choices=Readiness.choices)
    action = serializers.DictField(allow_null=True)


class BriefingSerializer(serializers.Serializer[Any]):
    """What to deal with first. What was left out is counted by its reason."""

    as_of = serializers.DateTimeField()
    rows = BriefingRowSerializer(many=True)
    suppressed = serializers.DictField(child=serializers.IntegerField())
    projects = serializers.IntegerField(help_text="How many were looked at.")
    projects_never_analysed = serializers.ListField(child=serializers.CharField())
    analysed_at_earliest = serializers.DateTimeField(allow_null=True)


class BriefingViewSet(ReadOnlyTenantViewSet[Gap]):
    """Monday morning."""

    model = Gap
    serializer_class = serializer_for(Gap)
    custom_actions = {"briefing": Action.VIEW, "briefing_file": Action.EXPORT}
    pagination_class = None
    filter_backends = [TenantFilterBackend]  # none is declared: a parameter nobody reads is refused

    def own_parameters(self) -> frozenset[str]:
        return self.file_parameters

    @extend_schema(operation_id="me_briefing_retrieve", responses=BriefingSerializer)
    def briefing(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """What should I deal with first? At most seven rows over all projects I see, the dearest first."""
        told = self._told(request)
        record_read(Gap, [row["id"] for row in told["rows"]])
        return answer(request, told)

    def _told(self, request: Request) -> dict[str, Any]:
        return describe_briefing(
            projects=visible(Project, request),
            gaps=self.filter_queryset(self.get_queryset()),
            predictions=visible(Prediction, request),
            at=timezone.now(),
        )

    briefing_file = file_handler(_told, BRIEFING, operation_id="me_briefing_export")


class PortfolioSerializer(serializers.Serializer[Any]):
    """All projects in a table, the one with most to lose first; totals are sums over the rows."""

    as_of = serializers.DateTimeField()
    changed_since = serializers.DateTimeField()
    projects = serializers.ListField(child=serializers.DictField())
    totals = serializers.DictField()
    joint_dates = serializers.ListField(
        child=serializers.DictField(),
        help_text="Groups of projects that share people: the chance that all keep their dates, and dates all can keep.",
    )


class PortfolioViewSet(ReadOnlyTenantViewSet[Project]):
    """How everything stands."""

    model = Project
    serializer_class = serializer_for(Project)
    custom_actions = {"portfolio": Action.VIEW, "portfolio_file": Action.EXPORT}
    pagination_class = None
    filter_backends = [TenantFilterBackend]  # none is declared: a parameter nobody reads is refused

    def permission_label(self) -> str:
        return Gap._meta.label_lower

    def own_parameters(self) -> frozenset[str]:
        return self.file_parameters

    @extend_schema(operation_id="portfolio_retrieve", responses=PortfolioSerializer)
    def portfolio(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """How do all my projects stand? Ranked, with a heat map of gap types; what nobody knows is UNKNOWN."""
        told = self._told(request)
        record_read(Gap, [row["project"] for row in told["projects"]])
        return answer(request, told)

    def _told(self, request: Request) -> dict[str, Any]:
        return describe_portfolio(
            projects=self.filter_queryset(self.get_queryset()),
            gaps=visible(Gap, request),
            items=visible(WorkItem, request),
            at=timezone.now(),
        )

    portfolio_file = file_handler(_told, PORTFOLIO, operation_id="portfolio_export")


class SponsorPageSerializer(serializers.Serializer[Any]):
    """One page for a sponsor; every sentence names what it rests on, and no sentence names a person."""

    goal = serializers.CharField()
    project = serializers.CharField()
    as_of = serializers.DateTimeField(allow_null=True)
    readiness = serializers.ChoiceField(choices=Readiness.choices)
    now = serializers.ListField(child=serializers.DictField())
    likely = serializers.ListField(child=serializers.DictField())
    reasons = serializers.ListField(child=serializers.DictField())
    decisions = serializers.ListField(child=serializers.DictField())
    unknown = serializers.ListField(child=serializers.CharField())


class SponsorPageViewSet(ReadOnlyTenantViewSet[Goal]):
    """What a sponsor reads about one goal."""

    model = Goal
    serializer_class = serializer_for(Goal)
    custom_actions = {"sponsor_page": Action.VIEW, "as_html": Action.VIEW, "as_pdf": Action.VIEW}
    pagination_class = None
    filter_backends = [TenantFilterBackend]

    def permission_label(self) -> str:
        return Gap._meta.label_lower

    def own_parameters(self) -> frozenset[str]:
        return frozenset()

    @extend_schema(operation_id="goals_sponsor_page_retrieve", responses=SponsorPageSerializer)
    def sponsor_page(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Goal, now, likely, three reasons, decisions needed: without jargon, and without people's names."""
        return answer(request, describe_sponsor_page(self._page()))

    @extend_schema(operation_id="goals_sponsor_page_html", responses={(HTTPStatus.OK, "text/html"): OpenApiTypes.STR})
    def as_html(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """The same page for a browser, and for printing."""
        page = self._page()
        return HttpResponse(render_to_string("gaps/sponsor_page.html", {"page": page, "as_of": as_of_text(page.as_of)}))

    @extend_schema(
        operation_id="goals_sponsor_page_pdf", responses={(HTTPStatus.OK, "application/pdf"): OpenApiTypes.BINARY}
    )
    def as_pdf(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """The same page on one sheet."""
        from gaps.answers.sponsor_pdf import sponsor_pdf  # noqa: PLC0415  # fonts and images load for a PDF only

        page = self._page()
        sheet = sponsor_pdf(page, as_of=as_of_text(page.as_of), made_at=timezone.now())
        headers = {"Content-Disposition": 'attachment; filename="sponsor-page.pdf"'}
        return HttpResponse(sheet, content_type="application/pdf", headers=headers)

    def _page(self) -> SponsorPage:
        self.filter_queryset(self.get_queryset())  # refuses a parameter that nobody reads
        goal = self.find()
        record_read(Gap, [])
        return sponsor_page_of(goal, at=timezone.now())


ITEM_VIEWS: dict[str, Callable[..., Any]] = {
    **COMPARING_VIEWS,
    "gaps/<str:pk>/cause-map/export": file_view(GapViewSet, "cause_map_file"),
    "goals/<str:pk>/sponsor-page": SponsorPageViewSet.as_view({"get": "sponsor_page"}),
    "goals/<str:pk>/sponsor-page.html": SponsorPageViewSet.as_view({"get": "as_html"}),
    "goals/<str:pk>/sponsor-page.pdf": SponsorPageViewSet.as_view({"get": "as_pdf"}),
}
"""Further things to ask of an item, by address."""

REPORT_VIEWS: dict[str, Callable[..., Any]] = {
    "action-efficacy": ActionEfficacyViewSet.as_view({"get": "efficacy"}),
    "action-efficacy/export": file_view(ActionEfficacyViewSet, "efficacy_file"),
    "me/briefing": BriefingViewSet.as_view({"get": "briefing"}),
    "me/briefing/export": file_view(BriefingViewSet, "briefing_file"),
    "portfolio": PortfolioViewSet.as_view({"get": "portfolio"}),
    "portfolio/export": file_view(PortfolioViewSet, "portfolio_file"),
}
"""What can be asked of all that a person sees at once, by address."""

ROUTES: Routes = {
    "gaps": GapViewSet,
    "gap-transitions": GapTransitionViewSet,
    "root-causes": RootCauseViewSet,
    "affected-areas": AffectedAreaViewSet,
    "evidence": EvidenceViewSet,
    "corrective-actions": CorrectiveActionViewSet,
}
