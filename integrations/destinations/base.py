"""What a kind of destination has to know. A new one is a module with a `Sender`, and a line in the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from integrations.http.addresses import AddressGuard
from integrations.http.door import Door, Service


class AddressUnfit(ValueError):
    """An address that a kind cannot use. Its words are for people and do not repeat the address."""


class Network(Protocol):
    """Makes the doors of one sending. They are closed by whoever made the network."""

    def door(self, service: Service) -> Door: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A message on its way to one destination, with all that is needed to send it.

    message_id: the same at each try, by which a receiver knows that it has it already
    data: as it was put in, the same at each try
    project_name: of the project it is about, empty where it is about none: not part of `data`, which is thin
    time_zone: the organisation's, for words
    at: of this try;  address: opened;  signing_secrets: the newest first, empty for kinds that do not sign
    notice: the message in words, as `integrations.messages.notice` reads it, empty where it has none
    memory: what the sender puts here is kept, whether it succeeds or not, and is here again at the next try
    thread_memory: that of the first message of the same thread that this destination has, empty where there is none
    """

    message_id: UUID
    type: str
    occurred_at: datetime
    data: Mapping[str, Any]
    project_name: str
    time_zone: str
    at: datetime
    address: str = field(repr=False)
    signing_secrets: tuple[str, ...] = field(default=(), repr=False)
    notice: Mapping[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    thread_memory: Mapping[str, Any] = field(default_factory=dict)


class Sender(ABC):
    """One kind of destination. It keeps nothing between two calls, and touches no rows.

    signs: whether destinations of this kind are given a secret to sign with
    """

    signs: bool = False

    @abstractmethod
    def described(self, address: str, guard: AddressGuard) -> str:
        """What may be seen of an address, such as its host. Looks nothing up. Raises AddressUnfit.

        guard: what the operator allows
        """

    @abstractmethod
    def send(self, parcel: Parcel, network: Network) -> int | None:
        """Send it, once. Returns the status it was taken with, None where the way knows none.

        Raises a ToolError otherwise: `Gone` switches the destination off; any other is tried again later, after
        `retry_after_s` where the error has it. Trying again is the caller's affair.
        """
