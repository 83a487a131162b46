"""What the system ran over a project: analyses. Written by it, read by people."""

from __future__ import annotations

from projects.models import AnalysisRecord
from tenants.api.filters import EXACT, RANGE, SET
from tenants.api.serializers import serializer_for
from tenants.api.viewsets import ReadOnlyTenantViewSet, Routes


class AnalysisRecordViewSet(ReadOnlyTenantViewSet[AnalysisRecord]):
    """Runs of analyses: what each read, what it said, how long it took."""

    model = AnalysisRecord
    serializer_class = serializer_for(AnalysisRecord)
    filters = {"project": EXACT, "kind": SET, "readiness": SET, "as_of": RANGE, "created_at": RANGE}


RUN_ROUTES: Routes = {"analysis-records": AnalysisRecordViewSet}
