-- The previous release can keep running beside this; agents of it don't know the stop that `health: {…: stop}` asks for.

alter table attempts
  drop constraint attempts_stop_reason_check,
  add constraint attempts_stop_reason_check check (stop_reason in
    ('pruned', 'stopped', 'cancelled', 'paused', 'budget', 'unhealthy', 'timeout', 'preempted')),
  drop constraint attempts_cause_check,
  add constraint attempts_cause_check check (cause in ('succeeded', 'pruned', 'stopped', 'cancelled', 'paused', 'budget',
    'unhealthy', 'no-metric', 'nan', 'user-error', 'bad-command', 'oom', 'timeout', 'preempted', 'node-fault', 'lost',
    'withdrawn'));

-- What the metrics of a run have shown to be wrong: one row a rule and metric, which stays when it is so no more.
create table run_findings (
  run_key int8 not null references runs,
  rule text not null,
  metric text not null,
  severity text not null check (severity in ('warning', 'error')),
  message text not null,
  advice text not null,
  step float8,
  since float8,
  evidence jsonb not null,
  -- Raised by every change of the row: who has seen all up to one number has missed nothing (one process writes them).
  change int8 not null generated always as identity,
  found_at timestamptz not null default now(),
  cleared_at timestamptz,
  primary key (run_key, rule, metric)
);
create index run_findings_by_change on run_findings (change);

-- Runs that have ended and are to be looked at once more.
create table health_due (run_key int8 primary key);
create index runs_running on runs (key) where status = 'running';

-- Work that one process at a time does for all, such as looking after the health of runs.
create table service_leases (
  name text primary key,
  owner text not null,
  until timestamptz not null
);
