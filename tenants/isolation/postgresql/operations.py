"""Operations: only the place where the compilers are found differs."""

from __future__ import annotations

from django.db.backends.postgresql import operations


class DatabaseOperations(operations.DatabaseOperations):
    """PostgreSQL operations whose compilers add the tenant to every statement."""

    compiler_module = "tenants.isolation.postgresql.compiler"
