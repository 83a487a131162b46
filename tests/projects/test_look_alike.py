"""The two tenants that every isolation test rests on: do they hide anything that would let a leak go unseen?"""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db.models import BinaryField, ForeignKey

from tenants.encryption.fields import EncryptedField
from tenants.isolation.models import TenantModel
from tests.factories import FACTORIES
from tests.factories.look_alike import LookAlike

pytestmark = pytest.mark.django_db

UNLIKE = {"id", "created_at", "updated_at"}


def looks(row: Any) -> dict[str, Any]:
    """What a person sees of a row: everything but identifiers, references, secrets and what the clock set."""
    return {
        field.name: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if not isinstance(field, ForeignKey | BinaryField | EncryptedField) and field.name not in UNLIKE
    }


def test_every_tenant_model_has_a_factory() -> None:
    missing = {model.__name__ for model in apps.get_models() if issubclass(model, TenantModel)} - {
        model.__name__ for model in FACTORIES
    }

    assert missing == set()


def test_both_tenants_hold_a_row_of_every_model(ours: LookAlike, theirs: LookAlike) -> None:
    assert set(ours.rows) == set(theirs.rows) == set(FACTORIES)
    for model, row in ours.rows.items():
        assert row.pk != theirs.rows[model].pk
        assert (row.tenant_id, theirs.rows[model].tenant_id) == (ours.tenant.pk, theirs.tenant.pk)


@pytest.mark.parametrize("model", list(FACTORIES), ids=lambda model: model._meta.label)
def test_rows_look_alike(ours: LookAlike, theirs: LookAlike, model: type[TenantModel]) -> None:
    assert looks(ours.rows[model]) == looks(theirs.rows[model])
