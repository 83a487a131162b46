"""What the system ran over a project: analyses and imports. Written by it, read by people."""

from __future__ import annotations

from projects.models import AnalysisRecord, ImportRun
from tenants.api.filters import EXACT, RANGE, SET
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import ReadOnlyTenantViewSet, Routes

ImportRunSerializer = serializer_for(ImportRun)


class AnalysisRecordViewSet(ReadOnlyTenantViewSet[AnalysisRecord]):
    """Runs of analyses: what each read, what it said, how long it took."""

    model = AnalysisRecord
    serializer_class = serializer_for(AnalysisRecord)
    filters = {"project": EXACT, "kind": SET, "readiness": SET, "as_of": RANGE, "created_at": RANGE}


class ImportRunViewSet(ReadOnlyTenantViewSet[ImportRun]):
    """Readings of files: how far each came, and what became of every record."""

    model = ImportRun
    serializer_class = ImportRunSerializer
    filters = {"project": EXACT, "status": SET, "started_at": RANGE}


RUN_ROUTES: Routes = {"analysis-records": AnalysisRecordViewSet, "import-runs": ImportRunViewSet}
