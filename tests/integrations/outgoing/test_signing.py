"""Signatures are those of the standard, and a receiver that follows our README accepts them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine
from django.conf import settings

from integrations.destinations.signing import new_secret, signed_headers

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
BODY = b'{"type":"test"}'


def test_signature_is_that_of_the_standard_s_own_example() -> None:
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        at=datetime.fromtimestamp(1614265330, UTC),
        signing_secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_secret_has_as_many_bytes_as_the_standard_asks_for() -> None:
    secrets = {new_secret() for _ in range(20)}

    assert len(secrets) == 20
    assert {len(base64.b64decode(each.removeprefix("whsec_"), validate=True)) for each in secrets} == {32}


def readme_receiver() -> Callable[[str, dict[str, str], bytes], bool]:
    """What the README tells a receiver to do."""
    text = Path(settings.BASE_DIR, "integrations/README.md").read_text()
    [code] = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "def is_ours" in block]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own README
    found: Callable[[str, dict[str, str], bytes], bool] = names["is_ours"]
    return found


def test_receiver_of_the_readme_tells_ours_from_others() -> None:
    is_ours, secret, other = readme_receiver(), new_secret(), new_secret()
    headers = signed_headers("1", BODY, at=AT, signing_secrets=[secret, other])

    with time_machine.travel(AT, tick=False):
        assert is_ours(secret, headers, BODY)
        assert is_ours(other, headers, BODY)
        assert not is_ours(new_secret(), headers, BODY)
        assert not is_ours(secret, headers, BODY + b" ")
        assert not is_ours(secret, {**headers, "webhook-id": "2"}, BODY)
        assert not is_ours(secret, {**headers, "webhook-timestamp": str(int(AT.timestamp()) + 1)}, BODY)
    with time_machine.travel(AT + timedelta(minutes=6), tick=False):
        assert not is_ours(secret, headers, BODY)
