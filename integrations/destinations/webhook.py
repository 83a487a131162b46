"""Endpoints of an organisation's own, told by signed JSON (Standard Webhooks)."""

from __future__ import annotations

import json
from typing import Final

from integrations.destinations.addresses import origin_of, web_host
from integrations.destinations.base import Network, Parcel, Sender
from integrations.destinations.signing import signed_headers
from integrations.http.addresses import AddressGuard
from integrations.http.door import Service
from integrations.http.errors import CredentialsMissing

USER_AGENT: Final = "stratibreak-webhooks/1"


class WebhookSender(Sender):
    """Any status from 200 to 299 means that it was taken; 410 that nothing more is wanted."""

    signs = True

    def described(self, address: str, guard: AddressGuard) -> str:
        return web_host(address, guard)

    def send(self, parcel: Parcel, network: Network) -> int | None:
        if not parcel.signing_secrets:
            raise CredentialsMissing("There is no secret to sign with; make a new one.")
        body = webhook_body(parcel)
        signed = signed_headers(str(parcel.message_id), body, at=parcel.at, signing_secrets=parcel.signing_secrets)
        service = Service(base_url=origin_of(parcel.address), headers={"user-agent": USER_AGENT}, keeps_answers=False)
        headers = {"content-type": "application/json", **signed}
        return network.door(service).hand_over(parcel.address, body, headers=headers).status


def webhook_body(parcel: Parcel) -> bytes:
    """The same bytes at every try: what is signed, and what a receiver may compare."""
    told = {"type": parcel.type, "timestamp": parcel.occurred_at.isoformat(), "data": parcel.data}
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
