"""What can go wrong with secrets. No message, attribute or chained error holds a secret or a key."""


class EncryptionError(Exception):
    """A secret cannot be sealed or opened. Nothing was written; the text is meant for the operator."""


class EnvelopeUnreadable(EncryptionError):
    """An envelope did not open: wrong key, other row, or changed bytes. Which of them is deliberately not told."""


class KeyRingMisconfigured(EncryptionError):
    """FIELD_KEYRING is missing or malformed."""


class DataKeyUnavailable(EncryptionError):
    """A tenant's data key is missing, destroyed, or wrapped by a key that FIELD_KEYRING does not hold."""
