"""The people of the demo tenant, whose passwords everybody knows: fixtures only, refused where DEBUG is off."""

from __future__ import annotations

from dataclasses import dataclass

from tenants.enums import Role


@dataclass(frozen=True, slots=True)
class DefaultUser:
    """One person of the demo tenant, and the password printed in the README."""

    email: str
    password: str
    role: Role


DEFAULT_USERS = (
    DefaultUser("admin@stratibreak.com", "admin123", Role.ADMIN),
    DefaultUser("manager@stratibreak.com", "manager123", Role.PROJECT_MANAGER),
    DefaultUser("user@stratibreak.com", "user123", Role.STAKEHOLDER),
    # Not asked for as default users, but without them two of the five roles could not be tried.
    DefaultUser("leader@stratibreak.com", "leader123", Role.TEAM_LEADER),
    DefaultUser("analyst@stratibreak.com", "analyst123", Role.ANALYST),
)
