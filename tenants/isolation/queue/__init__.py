"""The job queue's place in the database: its tables, who may touch them, and the two doors of a tenant into them."""

from .deferring import QueuedJob, defer_job, delete_jobs_of, own_jobs

__all__ = ["QueuedJob", "defer_job", "delete_jobs_of", "own_jobs"]
