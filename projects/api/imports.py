"""Bringing a file with a project's past through the API."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import Throttled

from projects.api.runs import ImportRunSerializer
from projects.domain.import_places import RETRY_AFTER_S, ImportsUnderWay, take_import_place
from projects.domain.importing import Doorway, ImportOvertaken, ImportRequest, import_file
from projects.enums import AnalysisKind, ImportStatus
from projects.imports.encodings import ENCODINGS
from projects.imports.errors import ImportFileRefused
from projects.imports.reading import profile_names
from projects.imports.written_dates import DATE_ORDERS
from projects.models import AnalysisRecord, ImportRun, Project
from tenants.api.problems import Conflict
from tenants.models import User


class ImportSerializer(serializers.Serializer[Any]):
    """A history file, and how to read it."""

    file = serializers.FileField(
        help_text="An export of a tool (JSON, CSV, XLSX, ZIP, tar.gz), Jira issues in REST form, or a CSV table; also "
        "gzipped."
    )
    profile = serializers.ChoiceField(
        choices=profile_names(), required=False, help_text="What the file holds; left out: seen by its content."
    )
    time_zone = serializers.CharField(
        required=False, allow_blank=True, max_length=63, help_text="IANA name, for instants without a UTC offset."
    )
    encoding = serializers.ChoiceField(
        choices=ENCODINGS, required=False, help_text="Of a text without a byte order mark; left out: UTF-8."
    )
    date_order = serializers.ChoiceField(
        choices=DATE_ORDERS, required=False, help_text="Of days such as 03/04/2026; left out: they are refused."
    )
    strict = serializers.BooleanField(required=False, default=False, help_text="Import nothing if a line is broken.")


class ImportAnswerSerializer(ImportRunSerializer):  # type: ignore[valid-type, misc]  # made for the model
    """What became of an import, and where to go from there."""

    format = serializers.CharField(read_only=True, help_text="What the file was recognised as, in words.")
    replay = serializers.CharField(
        allow_null=True,
        read_only=True,
        help_text="POST here to replay the project's past; null where that was done before, or nothing was imported.",
    )

    class Meta:
        model = ImportRun
        fields = (*ImportRunSerializer.Meta.fields, "format", "replay")
        read_only_fields = ImportRunSerializer.Meta.read_only_fields


def replay_address(project: Project, run: ImportRun) -> str | None:
    """Where a first look back over the past is started; None where there was one, or nothing to look at."""
    if run.status != ImportStatus.COMPLETED:
        return None
    was_replayed = AnalysisRecord.objects.filter(project=project, kind=AnalysisKind.REPLAY).exists()
    return None if was_replayed else f"/api/v1/projects/{project.pk}/replay"


def import_upload(*, project: Project, upload: dict[str, Any], by: User) -> ImportRun:
    """Read an uploaded file into a project, inside the request's own transaction.

    upload: validated data of ImportSerializer
    Raises ValidationError when the file cannot be read at all, Conflict when somebody else is reading it, Throttled
    when the organisation has as many imports running as it may.
    """
    request = ImportRequest(
        file_name=upload["file"].name,
        profile=upload.get("profile"),
        time_zone=upload.get("time_zone", ""),
        encoding=upload.get("encoding", ""),
        date_order=upload.get("date_order", ""),
        is_strict=upload["strict"],
        requested_by_id=by.pk,
    )
    try:
        take_import_place()
        return import_file(
            project=project,
            stream=upload["file"].file,
            request=request,
            doorway=Doorway(transaction=nullcontext, now=timezone.now),
        )
    except ImportsUnderWay as full:
        raise Throttled(RETRY_AFTER_S, str(full)) from full
    except ImportFileRefused as refused:
        raise serializers.ValidationError({"file": [str(refused)]}) from refused
    except ImportOvertaken as overtaken:
        raise Conflict(str(overtaken)) from overtaken
