"""The two doors of a tenant into the queue: to defer a job for itself, and to see its own.

Both run with the owner's rights and take the tenant from the verified context of the transaction, never from their
arguments: what is injected into one tenant's statement can neither see another's jobs nor make one that runs there.
"""

from __future__ import annotations

DEFER_JOB = """
CREATE OR REPLACE FUNCTION stratibreak.defer_job(
  task text, subject uuid, actor uuid, reason text, is_needless_while_running boolean) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = queue, pg_temp AS $body$
DECLARE
  tenant uuid := stratibreak.current_tenant();
  name text := concat_ws(' ', task, tenant, subject);
  found uuid;
BEGIN
  IF tenant IS NULL THEN
    RAISE EXCEPTION 'A job is deferred in the context of a tenant.' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF is_needless_while_running
      AND EXISTS (SELECT FROM procrastinate_jobs WHERE tenant_id = tenant AND queueing_lock = name
        AND status = 'doing') THEN
    RETURN NULL;
  END IF;
  INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args)
    VALUES ('work', task, name, jsonb_build_object('tenant_id', tenant, 'actor_id', coalesce(actor::text, ''),
      'reason', reason, 'subject', subject))
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
    RETURNING public_id INTO found;
  RETURN found;
END
$body$"""

OWN_JOBS = """
CREATE OR REPLACE FUNCTION stratibreak.own_jobs()
RETURNS TABLE (id uuid, task text, subject uuid, status text, deferred_at timestamptz, attempts integer, note text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = queue, pg_temp AS $body$
  SELECT j.public_id, j.task_name::text, (j.args ->> 'subject')::uuid, j.status::text, j.deferred_at, j.attempts, j.note
  FROM procrastinate_jobs j WHERE j.tenant_id = stratibreak.current_tenant() ORDER BY j.id DESC
$body$"""

FUNCTIONS = (DEFER_JOB.strip(), OWN_JOBS.strip())
FUNCTION_NAMES = ("stratibreak.defer_job(text, uuid, uuid, text, boolean)", "stratibreak.own_jobs()")
