"""The audit trail's machinery: what is kept of whom, how a row is written, hashed, partitioned and kept unchanged.

It imports the kernel only. Whoever wants to record something calls ``tenants.domain.auditing``.
"""
