"""Search over a tenant's text: what is searched, the index behind it, and the functions that may use the index.

Matching words is not leakproof, so under a policy PostgreSQL reads every row of the tenant first.  A function of the
role ``search``, whose policy lets it see everything, can use the index, and chooses the tenant itself, from the same
signed context as the policies.  It answers ids and nothing else; rows are then read through all layers as ever.
"""
