"""Secrets at rest: each tenant's values are sealed with a key of that tenant, which a key ring wraps.

    FIELD_KEYRING (environment) ── wraps ──> data key (a row per tenant and version) ── seals ──> envelope (a value)

`secret`, `envelope` and `keyring` are pure; `fields` puts envelopes into models, forms and serializers.
"""
