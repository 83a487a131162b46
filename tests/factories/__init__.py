"""Factories for every tenant model, one module per app; importing this package fills `FACTORIES`."""

from __future__ import annotations

from importlib import import_module

from tests.factories.base import FACTORIES, TenantModelFactory, register

for _module in ("tenants", "projects", "predictions", "gaps", "integrations"):
    import_module(f"tests.factories.{_module}")

__all__ = ["FACTORIES", "TenantModelFactory", "register"]
