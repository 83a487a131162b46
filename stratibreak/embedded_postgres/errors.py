"""What can go wrong with the embedded server, said so that the reader can act on it."""


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be found, made, started or stopped; the message says what to do."""
