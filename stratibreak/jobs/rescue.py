"""What a worker does for all: jobs whose worker is dead, jobs that are long over, and whose turn the minute is.

    worker is heard of every 10 s ── killed ── not heard of for 30 s → its jobs wait again, for anybody

1. A job is dead when it runs in a worker that is gone, or that was not heard of for too long.
2. It waits again, and goes on from what it has committed; unless the same job waits already, or it has been begun too
   often: then it ends as failed, and says so. This is why the queue's own retry is not used: of two equal jobs, one
   that runs and one that waits, it can put neither back.
"""

from __future__ import annotations

from procrastinate.connector import BaseConnector

MOST_ATTEMPTS = 5
"""Whatever kills its worker so often is not tried again by itself."""

_DEAD = """
  SELECT j.id, j.attempts, j.queueing_lock,
    row_number() OVER (PARTITION BY coalesce(j.queueing_lock, j.id::text) ORDER BY j.id) AS place
  FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
  WHERE j.status = 'doing'
    AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => %(stalled_after_s)s))"""
RESCUE = f"""
WITH dead AS ({_DEAD}), decided AS (
  SELECT dead.id, CASE
    WHEN dead.attempts + 1 >= %(most)s THEN 'its worker died too often'
    WHEN dead.place > 1 OR EXISTS (SELECT FROM procrastinate_jobs o
      WHERE o.status = 'todo' AND o.queueing_lock = dead.queueing_lock) THEN 'its worker died; the same job waits'
    END AS obstacle
  FROM dead
)
UPDATE procrastinate_jobs j SET attempts = j.attempts + 1, worker_id = NULL,
  status = (CASE WHEN obstacle IS NULL THEN 'todo' ELSE 'failed' END)::procrastinate_job_status,
  note = coalesce(obstacle, 'its worker died')
FROM decided WHERE decided.id = j.id AND j.status = 'doing' RETURNING j.id"""  # noqa: S608 - constants of this module
# A note is of use for a day; of what failed, for two weeks.
_REMOVE = """
DELETE FROM procrastinate_jobs WHERE (status IN ('succeeded', 'cancelled', 'aborted')
  AND deferred_at < now() - interval '1 day') OR (status = 'failed' AND deferred_at < now() - interval '14 days')"""
_CLAIM = """
INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)
VALUES ('tick', '', %(minute)s) ON CONFLICT DO NOTHING RETURNING id"""
_FORGET = "DELETE FROM procrastinate_periodic_defers WHERE defer_timestamp < %(minute)s"
_LEAVE = "DELETE FROM procrastinate_workers WHERE id = %(worker_id)s"


async def rescue_jobs(connector: BaseConnector, *, stalled_after_s: float) -> int:
    """Let the jobs of dead workers be taken up again; answers how many were found."""
    found = await connector.execute_query_all_async(RESCUE, stalled_after_s=stalled_after_s, most=MOST_ATTEMPTS)
    return len(found)


async def remove_old_jobs(connector: BaseConnector) -> None:
    await connector.execute_query_async(_REMOVE)


async def claim_minute(connector: BaseConnector, minute: int) -> bool:
    """Whether this worker is the one that looks at what is due in this minute (of the epoch)."""
    claimed = await connector.execute_query_all_async(_CLAIM, minute=minute)
    await connector.execute_query_async(_FORGET, minute=minute)
    return bool(claimed)


async def leave_jobs(connector: BaseConnector, worker_id: int) -> None:
    """Take a worker off the list, so that others need not wait to see that it is gone."""
    await connector.execute_query_async(_LEAVE, worker_id=worker_id)
