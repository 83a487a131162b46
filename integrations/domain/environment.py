"""What the world outside is to a run: clock, chance, network, and what the operator allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.conf import settings

from integrations.connectors.credentials import App
from integrations.http.addresses import AddressGuard
from integrations.http.door import Door, DoorLimits, Meter, Service
from integrations.http.waiting import Waiting


@dataclass(frozen=True, slots=True)
class SyncStep:
    """How far a run has come. read: records of the tool so far;  requests: so far"""

    stream: str
    partition: str
    read: int
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """gateways: type of a tool -> where it is reached instead of directly;  retention_days: of raw payloads, 0: none

    apps: type of a tool -> the app that the operator has registered there
    on_step: told after each commit
    """

    waiting: Waiting = field(default_factory=Waiting)
    guard: AddressGuard = field(default_factory=AddressGuard)
    limits: DoorLimits = field(default_factory=DoorLimits)
    gateways: Mapping[str, str] = field(default_factory=dict)
    apps: Mapping[str, App] = field(default_factory=dict, repr=False)
    retention_days: int = 0
    on_step: Callable[[SyncStep], object] = field(default=lambda _: None)

    @classmethod
    def configured(cls, *, on_step: Callable[[SyncStep], object] = lambda _: None) -> Environment:
        """As the operator's settings say."""
        return cls(
            guard=AddressGuard.allowing(settings.INTEGRATION_NETWORKS),
            gateways=settings.INTEGRATION_GATEWAYS,
            apps={tool: App(*pair) for tool, pair in settings.INTEGRATION_APPS.items()},
            retention_days=settings.RAW_PAYLOAD_RETENTION_DAYS,
            on_step=on_step,
        )


class RunNetwork:
    """Makes the doors of one run, which share one meter and one budget. Close it when the run is over."""

    def __init__(self, environment: Environment, meter: Meter | None = None) -> None:
        self.meter = meter or Meter()
        self._environment = environment
        self._doors: list[Door] = []

    def door(self, service: Service) -> Door:
        environment = self._environment
        door = Door(
            service,
            guard=environment.guard,
            waiting=environment.waiting,
            limits=environment.limits,
            meter=self.meter,
        )
        self._doors.append(door)
        return door

    def close(self) -> None:
        for door in self._doors:
            door.close()
