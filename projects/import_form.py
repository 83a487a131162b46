"""The form with which a person brings a file into a project."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.datastructures import MultiValueDict

from projects.domain.import_places import take_import_place
from projects.domain.importing import Doorway, ImportOvertaken, ImportRequest, import_file
from projects.enums import ImportStatus
from projects.imports.encodings import ENCODINGS
from projects.imports.errors import ImportFileRefused
from projects.imports.reading import known_titles, title_of
from projects.imports.written_dates import DATE_ORDERS
from projects.models import ImportRun, Project
from tenants.admin.acts import ActForm
from tenants.domain.refusals import Refusal
from tenants.models import User

SHOWN_ERRORS = 5
ORDERS = {"DMY": "The day comes first", "MDY": "The month comes first"}


class ImportForm(ActForm):
    """What the file is, and how to read what it leaves open."""

    verb: ClassVar[str] = "Import the file"
    prefix = "import"  # the project on the same page has a time zone, too

    file = forms.FileField(label="File")
    profile = forms.ChoiceField(label="What it is", required=False)
    time_zone = forms.CharField(
        label="Time zone of moments that do not say theirs", max_length=63, required=False, help_text="Such as UTC."
    )
    date_order = forms.ChoiceField(
        label="Days such as 03/04/2026",
        required=False,
        choices=[("", "Refuse them"), *((order, ORDERS[order]) for order in DATE_ORDERS)],
    )
    encoding = forms.ChoiceField(
        label="Encoding of a text",
        required=False,
        choices=[("", "As the file says, else UTF-8"), *((each, each) for each in ENCODINGS)],
    )
    strict = forms.BooleanField(label="Import nothing if a line is broken", required=False)

    def __init__(self, data: Any = None, files: Any = None, *, project: Project) -> None:
        super().__init__(data)
        self.files = files or MultiValueDict()
        profiles = self.fields["profile"]
        assert isinstance(profiles, forms.ChoiceField)  # noqa: S101 - declared above
        profiles.choices = [("", "See it by its content"), *sorted(known_titles().items(), key=lambda each: each[1])]
        self.fields["time_zone"].initial = project.time_zone

    def clean_file(self) -> Any:
        uploaded = self.cleaned_data["file"]
        if uploaded.size > settings.UPLOAD_MAX_BYTES:
            most = settings.UPLOAD_MAX_BYTES // 2**20
            raise forms.ValidationError(f"At most {most} MiB. Use manage.py import_history for more.")
        return uploaded


def import_posted(project: Project, values: dict[str, Any], by: User) -> ImportRun:
    """Read the file inside the request's own transaction. values: of a valid ImportForm. Raises a Refusal."""
    request = ImportRequest(
        file_name=values["file"].name,
        profile=values["profile"] or None,
        time_zone=values["time_zone"],
        encoding=values["encoding"],
        date_order=values["date_order"],
        is_strict=values["strict"],
        requested_by_id=by.pk,
    )
    doorway = Doorway(transaction=nullcontext, now=timezone.now)
    take_import_place()
    try:
        return import_file(project=project, stream=values["file"].file, request=request, doorway=doorway)
    except (ImportFileRefused, ImportOvertaken) as refused:
        raise Refusal(str(refused)) from refused


def told_of(run: ImportRun) -> str:
    """What became of the file, in words."""
    lines = [
        f"line {error['line']}{', ' + error['field'] if error['field'] else ''}: {error['reason']}"
        for error in run.errors[:SHOWN_ERRORS]
    ]
    broken = f" {run.failed_count:,} could not be read ({'; '.join(lines)})." if run.failed_count else ""
    if run.status == ImportStatus.REFUSED:
        return f"Nothing was imported.{broken}"
    return (
        f"Read as: {title_of(run.profile)}. {run.created_count:,} items are new, {run.updated_count:,} changed, "
        f"{run.unchanged_count:,} are as before; {run.fact_count:,} other facts.{broken}"
    )
