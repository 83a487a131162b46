"""Whose job is next: organisations take turns, whatever the number of jobs that each of them has.

It takes the place of the package's own function of this name, which hands out jobs in the order in which they came, so
that the many slow tools of one organisation hold back everybody else's.

1. Among the organisations with a job that waits, the one with the fewest jobs that run is next; among those, the one
   whose turn was the longest ago, or never; then the one whose job has waited longest.
2. Of its jobs the oldest one is taken, short ones before long ones, unless another worker is taking it at this moment.
3. The last free slot of a worker is left to the others: an organisation gets at most all but one of them, where
   another has had a job in the past day. How many a worker has, it says with its connection
   (``stratibreak.worker_slots``).
4. Nor does a long job ever take the last free slot: what was read is to be analysed, and news to be told, while the
   longest reading goes on. Which tasks are long, the worker says as well (``stratibreak.long_tasks``).

Example. A has five jobs that wait, B and C come later with one each. One slot does A, B, C, A, A, A, A. With two slots
A has one of them at most; the other does B and C, and is free for whoever comes next.
"""

from __future__ import annotations

SLOTS, LONG_TASKS = "stratibreak.worker_slots", "stratibreak.long_tasks"

OWN_COLUMNS = (
    "ALTER TABLE queue.procrastinate_jobs ADD COLUMN IF NOT EXISTS begun_at timestamptz",
    "CREATE INDEX IF NOT EXISTS jobs_by_begin ON queue.procrastinate_jobs (tenant_id, begun_at DESC)"
    " WHERE begun_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS jobs_that_wait ON queue.procrastinate_jobs (tenant_id, priority DESC, id)"
    " WHERE status = 'todo'",
    "CREATE INDEX IF NOT EXISTS jobs_that_run ON queue.procrastinate_jobs (tenant_id, worker_id)"
    " WHERE status = 'doing'",
)

FETCH_JOB = f"""
CREATE OR REPLACE FUNCTION queue.procrastinate_fetch_job_v2(target_queue_names varchar[], p_worker_id bigint)
RETURNS queue.procrastinate_jobs LANGUAGE plpgsql SET search_path = queue, pg_temp AS $body$
DECLARE
  slots integer := coalesce(nullif(current_setting('{SLOTS}', true), '')::integer, 1);
  long_tasks text[] := string_to_array(coalesce(current_setting('{LONG_TASKS}', true), ''), ',');
  may_be_long boolean := slots = 1 OR slots - 1 > (SELECT count(*) FROM procrastinate_jobs
    WHERE status = 'doing' AND worker_id = p_worker_id AND task_name = ANY (long_tasks));
  next_tenant uuid;
  found procrastinate_jobs;
BEGIN
  FOR next_tenant IN
    SELECT waiting.tenant_id
    FROM (SELECT tenant_id, min(id) AS oldest FROM procrastinate_jobs
      WHERE status = 'todo' AND (target_queue_names IS NULL OR queue_name = ANY (target_queue_names))
      GROUP BY tenant_id) waiting
    CROSS JOIN LATERAL (SELECT count(*) AS all_of_them, count(*) FILTER (WHERE worker_id = p_worker_id) AS here
      FROM procrastinate_jobs j WHERE j.tenant_id = waiting.tenant_id AND j.status = 'doing') running
    CROSS JOIN LATERAL (SELECT max(j.begun_at) AS at FROM procrastinate_jobs j
      WHERE j.tenant_id = waiting.tenant_id AND j.begun_at IS NOT NULL) turn
    WHERE slots = 1 OR running.here < slots - 1
      OR NOT EXISTS (SELECT FROM procrastinate_jobs o
        WHERE o.tenant_id <> waiting.tenant_id AND o.deferred_at > now() - interval '1 day')
    ORDER BY running.all_of_them, turn.at NULLS FIRST, waiting.oldest
  LOOP
    UPDATE procrastinate_jobs SET status = 'doing', worker_id = p_worker_id, begun_at = clock_timestamp()
    WHERE id = (SELECT id FROM procrastinate_jobs
      WHERE tenant_id = next_tenant AND status = 'todo'
        AND (target_queue_names IS NULL OR queue_name = ANY (target_queue_names))
        AND (scheduled_at IS NULL OR scheduled_at <= now())
        AND (may_be_long OR task_name <> ALL (long_tasks))
      ORDER BY task_name = ANY (long_tasks), priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING * INTO found;
    EXIT WHEN found.id IS NOT NULL;
  END LOOP;
  RETURN found;
END
$body$""".strip()  # noqa: S608 - a constant of this module
