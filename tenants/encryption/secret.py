"""A plain value on its way into or out of an envelope, which does not show itself."""

from __future__ import annotations

import hmac
import json
from typing import Any, NoReturn

from tenants.encryption.errors import EncryptionError


class Secret:
    """Plain bytes, text or JSON that only `reveal…()` gives out: logs, tracebacks and error pages show a placeholder.

    Immutable. It can be copied, but not pickled: a pickle would carry the plain value into caches and queues.
    """

    __slots__ = ("_plain",)

    def __init__(self, plain: str | bytes) -> None:
        self._plain = plain.encode() if isinstance(plain, str) else bytes(plain)

    @classmethod
    def of_json(cls, value: Any) -> Secret:
        """Canonical JSON: sorted keys, no spaces, so that equal values have equal bytes.

        Raises EncryptionError when the value is not JSON (NaN and infinities are not).
        """
        try:
            return cls(json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False))
        except (TypeError, ValueError, RecursionError):
            value = None
        # Raised outside of `except`: the caught error and its frames hold the value.
        raise EncryptionError("The value is not JSON and was not sealed.")

    def reveal(self) -> bytes:
        return self._plain

    def reveal_text(self) -> str:
        """Raises EncryptionError when the bytes are not UTF-8."""
        try:
            return self._plain.decode()
        except UnicodeDecodeError:
            pass
        raise EncryptionError("The secret was opened but is not text.")

    def reveal_json(self) -> Any:
        """Raises EncryptionError when the bytes are not JSON."""
        try:
            return json.loads(self._plain)
        except (ValueError, RecursionError):
            pass
        raise EncryptionError("The secret was opened but is not JSON.")

    def __len__(self) -> int:
        return len(self._plain)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return "<Secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._plain, other._plain)

    def __hash__(self) -> int:
        return hash(self._plain)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret is not pickled; pass the row's primary key instead.")
