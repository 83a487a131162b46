"""Backoffice pages of organisations, people, keys and the audit trail."""

from tenants.admin import pages

__all__ = ["pages"]
