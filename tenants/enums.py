"""Closed sets of the tenants app, stored as text."""

from django.db import models


class Role(models.TextChoices):
    """What a person is in their organisation. What each role may do is `tenants.permissions.MATRIX`."""

    ADMIN = "ADMIN", "Administrator"
    PROJECT_MANAGER = "PROJECT_MANAGER", "Project manager"
    TEAM_LEADER = "TEAM_LEADER", "Team leader"
    STAKEHOLDER = "STAKEHOLDER", "Stakeholder"
    ANALYST = "ANALYST", "Analyst"


class InvitationStatus(models.TextChoices):
    """What became of an invitation. An address used elsewhere has none of its own: it stays pending, then expires."""

    PENDING = "PENDING", "Pending"
    ACCEPTED = "ACCEPTED", "Accepted"
    REVOKED = "REVOKED", "Revoked"
    EXPIRED = "EXPIRED", "Expired"


class ApiScope(models.TextChoices):
    """What an API key may be used for, beside the role it carries: the narrower of the two decides."""

    READ = "read", "Read"
    WRITE = "write", "Create, change and delete"
    ANALYSE = "analyse", "Start analyses"
    IMPORT = "import", "Import history"
    EXPORT = "export", "Export"
