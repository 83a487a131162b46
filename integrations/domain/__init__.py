"""Use-cases of the integrations app."""
