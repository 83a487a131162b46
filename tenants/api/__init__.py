"""The API's small kit, and the endpoints of the tenants app.

The kit is here because tenants is the lowest app: problem documents, strict parsing, entity tags, keyset pages,
filters, the permission that reads the role matrix, and the view set every endpoint stands on (`viewsets.py`).
"""
