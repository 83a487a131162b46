"""Teams: the address of a workflow that posts what it is sent.

The address holds its own key (`sig=`), so all of it is the secret. A workflow answers 202: it has taken the card and
posts it later, and of what goes wrong then nobody tells us.

https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
https://devblogs.microsoft.com/microsoft365dev/retirement-of-office-365-connectors-within-microsoft-teams/
"""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import parse_qs, urlsplit

from integrations.destinations.addresses import origin_of, web_host
from integrations.destinations.base import AddressUnfit, Network, Parcel, Sender
from integrations.http.addresses import AddressGuard
from integrations.http.door import Service
from integrations.messages.notice import notice_of_json
from integrations.messages.teams import teams_message

USER_AGENT: Final = "stratibreak-notices/1"
RETIRED: Final = ("webhook.office.com", "outlook.office.com", "outlook.office365.com")


class TeamsSender(Sender):
    """See the module."""

    def described(self, address: str, guard: AddressGuard) -> str:
        host = web_host(address, guard)
        if any(host == each or host.endswith(f".{each}") for each in RETIRED):
            raise AddressUnfit(
                "This is an Office 365 connector, and those are retired. Make a workflow in Teams instead."
            )
        if not parse_qs(urlsplit(address).query).get("sig"):
            raise AddressUnfit("Enter the whole address that the workflow shows, with what follows sig=.")
        return host

    def send(self, parcel: Parcel, network: Network) -> int | None:
        body = json.dumps(teams_message(notice_of_json(parcel.notice))).encode()
        service = Service(base_url=origin_of(parcel.address), headers={"user-agent": USER_AGENT}, keeps_answers=False)
        return (
            network.door(service).hand_over(parcel.address, body, headers={"content-type": "application/json"}).status
        )
