-- Beside the previous release: nothing came before this file.

create table projects (
  id int generated always as identity primary key,
  name text not null unique,
  created_at timestamptz not null default now()
);

create table experiments (
  id text primary key,
  project_id int not null references projects,
  name text not null,
  kind text not null check (kind in ('sweep', 'runs')),
  created_at timestamptz not null default now()
);

-- What a sweep is stands in sweep_definitions and never changes; what it has come to stands in sweeps, whose rows are
-- rewritten by every transaction, so they are kept short and no changing column is indexed (heap-only updates).
create table sweeps (
  id text primary key references experiments,
  name text not null,
  state text not null default 'running'
    check (state in ('running', 'paused', 'stopping', 'cancelling', 'completed', 'stopped', 'cancelled')),
  state_reason text,
  waiting_reason text,
  method text not null,
  metric_name text,
  metric_goal text check (metric_goal in ('minimize', 'maximize')),
  metric_target float8,
  metric_summary text check (metric_summary in ('best', 'last')),
  priority float8 not null check (priority > 0),
  parallelism int check (parallelism > 0),
  seed int8 not null,
  queue text not null,
  shape jsonb not null,
  shape_key text not null,
  retry_max int not null,
  retry_lost_max int not null,
  budget_trials int check (budget_trials > 0),
  budget_wall_ms int8 check (budget_wall_ms > 0),
  budget_gpu_seconds float8 check (budget_gpu_seconds > 0),
  fact_seq int8 not null default 0,
  trials_queued int not null default 0 check (trials_queued >= 0),
  trials_running int not null default 0 check (trials_running >= 0),
  trials_paused int not null default 0 check (trials_paused >= 0),
  trials_completed int not null default 0 check (trials_completed >= 0),
  trials_pruned int not null default 0 check (trials_pruned >= 0),
  trials_failed int not null default 0 check (trials_failed >= 0),
  trials_cancelled int not null default 0 check (trials_cancelled >= 0),
  created_trials int not null generated always as (trials_queued + trials_running + trials_paused + trials_completed
    + trials_pruned + trials_failed + trials_cancelled) stored,
  -- A queued trial has one queued attempt, a running one a running attempt, any other trial has none of either.
  outstanding int not null generated always as (trials_queued + trials_running) stored,
  running int not null generated always as (trials_running) stored,
  best_trial int,
  best_value float8,
  best_loss float8,
  gpu_seconds float8 not null default 0,
  share_pass float8 not null default 0,
  owner text,
  owner_epoch int not null default 0,
  owner_until timestamptz,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  ended_at timestamptz,
  constraint ended_when_over check ((state in ('completed', 'stopped', 'cancelled')) = (ended_at is not null)),
  constraint metric_is_whole check (num_nulls(metric_name, metric_goal, metric_summary) in (0, 3)),
  constraint best_is_whole check (num_nulls(best_trial, best_value, best_loss) in (0, 3))
) with (fillfactor = 50);

create table sweep_definitions (
  sweep_id text primary key references sweeps,
  document jsonb not null,
  source text not null,
  file text not null,
  workdir text not null
);

create table trials (
  sweep_id text not null references sweeps,
  number int not null check (number > 0),
  state text not null default 'queued'
    check (state in ('queued', 'running', 'paused', 'completed', 'pruned', 'failed', 'cancelled')),
  config jsonb not null,
  hash text not null,
  replicate int not null default 0 check (replicate >= 0),
  source text not null check (source in ('sampler', 'user')),
  -- Why it was suggested; once it has ended, why it ended that way.
  reason text not null,
  end_reason text,
  -- Raised by every claim; an attempt carries the one it was claimed with.
  epoch int not null default 0,
  attempts int not null default 1,
  user_failures int not null default 0,
  lost_failures int not null default 0,
  reports int not null default 0,
  finite_reports int not null default 0,
  last_value float8,
  last_step int8,
  best_value float8,
  best_step int8,
  value float8,
  -- `value` with the goal applied, so that lower is better; null while nothing finite stands for the trial.
  loss float8,
  failure jsonb,
  -- Why its newest ended attempt ended.
  last_cause text,
  checkpoint jsonb,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  ended_at timestamptz,
  primary key (sweep_id, number),
  unique (sweep_id, hash, replicate),
  constraint ended_when_final
    check ((state in ('completed', 'pruned', 'failed', 'cancelled')) = (ended_at is not null)),
  constraint failed_has_failure check ((state = 'failed') = (failure is not null)),
  constraint loss_is_finite
    check (loss is null or (loss <> 'NaN' and loss <> 'Infinity' and loss <> '-Infinity'))
) with (fillfactor = 70);
create index trials_by_loss on trials (sweep_id, loss, number);

create table runs (
  key int8 generated always as identity primary key,
  id text not null unique,
  experiment_id text not null references experiments,
  -- Of a trial; null for a run outside any sweep.
  sweep_id text,
  trial int,
  created_at timestamptz not null default now()
);

create table agents (
  id text primary key,
  name text not null,
  host text not null,
  state text not null default 'ready' check (state in ('ready', 'draining', 'gone')),
  slots jsonb not null,
  slot_count int not null,
  gpu_slots int not null,
  cpus float8 not null,
  memory_bytes int8 not null,
  queues text[] not null,
  launchers text[] not null,
  labels jsonb not null,
  version text not null,
  room jsonb,
  registered_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now()
) with (fillfactor = 70);

create table attempts (
  id text primary key,
  -- Short name of the attempt in the tables of points and output; never looked up by, so not indexed.
  key int8 generated always as identity,
  sweep_id text not null,
  trial int not null,
  number int not null check (number > 0),
  run_key int8 not null references runs,
  state text not null default 'queued' check (state in ('queued', 'running', 'ended')),
  epoch int not null default 0,
  queue_name text not null,
  agent_id text references agents,
  slots int[] not null default '{}',
  gpus float8 not null default 0,
  lease_until timestamptz,
  stop_reason text check (stop_reason in ('pruned', 'stopped', 'cancelled', 'paused', 'budget', 'timeout', 'preempted')),
  stop_verdict jsonb,
  stop_at timestamptz,
  cause text check (cause in ('succeeded', 'pruned', 'stopped', 'cancelled', 'paused', 'budget', 'no-metric', 'nan',
    'user-error', 'bad-command', 'oom', 'timeout', 'preempted', 'node-fault', 'lost', 'withdrawn')),
  message text,
  exit_code int,
  signal text,
  -- Bytes of the run's own files that are stored; what comes again below them is ignored.
  metrics_offset int8 not null default 0,
  output_offset int8 not null default 0,
  log_offset int8 not null default 0,
  -- Values of the sweep's metric so far, and the step that the last line had.
  reports int not null default 0,
  last_step int8,
  batches int not null default 0,
  points int8 not null default 0,
  -- metric_names seen, in the order of their first point, at most 2,000; values of any further names are only counted.
  name_ids int[] not null default '{}',
  dropped_points int8 not null default 0,
  samples int not null default 0,
  last_sample_at float8,
  tickets int not null default 0,
  ticketed_at timestamptz,
  argv text[],
  environment jsonb not null default '{}',
  run_dir text,
  restore jsonb,
  checkpoint jsonb,
  gpu_seconds float8 not null default 0,
  seconds float8,
  queued_at timestamptz not null default now(),
  claimed_at timestamptz,
  started_at timestamptz,
  ended_at timestamptz,
  foreign key (sweep_id, trial) references trials,
  constraint running_has_lease
    check (state <> 'running' or num_nulls(agent_id, lease_until, claimed_at) = 0),
  constraint ended_has_cause check ((state = 'ended') = (cause is not null and ended_at is not null)),
  constraint stop_is_whole check (num_nulls(stop_reason, stop_verdict, stop_at) in (0, 3))
) with (fillfactor = 70);
create index attempts_running on attempts (agent_id, sweep_id) where state = 'running';
create index attempts_queued on attempts (sweep_id, queued_at) where state = 'queued';

-- The facts of one transaction are one row: a report of a thousand values would otherwise be a thousand rows, each with
-- its overhead and its place in the index.
create table fact_batches (
  sweep_id text not null,
  -- Number of the last of them; the first is last_seq - count + 1.
  last_seq int8 not null,
  count int not null check (count > 0),
  facts jsonb not null,
  -- Not now(), the start of the transaction: numbers are given under a lock, and times should rise with them.
  at timestamptz not null default clock_timestamp(),
  primary key (sweep_id, last_seq),
  constraint all_counted check (jsonb_array_length(facts) = count)
);

-- One row a fact, for people with a SQL prompt.
create view facts as
  select b.sweep_id, b.last_seq - b.count + f.n as seq, f.fact ->> 'kind' as kind, (f.fact ->> 'trial')::int as trial,
         f.fact - 'kind' as body, b.at
    from fact_batches b, jsonb_array_elements(b.facts) with ordinality as f (fact, n);

create table metric_names (
  id int generated always as identity primary key,
  name text not null unique
);

-- Points as they came: one row a batch, all metrics of its lines together. See docs/decisions/0001-metric-points.md.
create table metric_batches (
  attempt_key int8 not null,
  batch int not null,
  points bytea not null,
  primary key (attempt_key, batch)
);
alter table metric_batches alter column points set storage external;

-- Attempts whose batches are to be packed into chunks. A list of its own: an index on attempts over the counts of
-- batches would make every report rewrite every index.
create table metric_compactions (attempt_key int8 primary key);

-- Points of one metric of one attempt, packed in the order they came, at most 1,000 a row.
create table metric_chunks (
  attempt_key int8 not null,
  name_id int not null,
  first int not null,
  count int not null,
  points bytea not null,
  primary key (attempt_key, name_id, first)
);
alter table metric_chunks alter column points set storage external;

create table log_chunks (
  attempt_key int8 not null,
  start int8 not null,
  stop int8 not null,
  text text not null,
  primary key (attempt_key, start)
);

create table artifacts (
  key int8 generated always as identity primary key,
  run_key int8 not null references runs,
  attempt_id text references attempts,
  path text not null,
  size_bytes int8 not null check (size_bytes >= 0),
  sha256 bytea not null check (length(sha256) = 32),
  location text not null,
  created_at timestamptz not null default now(),
  unique (run_key, path)
);

create table tokens (
  id int8 generated always as identity primary key,
  hash bytea not null unique check (length(hash) = 32),
  kind text not null check (kind in ('user', 'join', 'agent')),
  role text check (role in ('viewer', 'operator', 'admin')),
  name text not null,
  agent_id text references agents,
  uses_left int check (uses_left >= 0),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  constraint user_has_role check ((kind = 'user') = (role is not null)),
  constraint agent_has_agent check ((kind = 'agent') = (agent_id is not null))
);

create table settings (
  key text primary key,
  value jsonb not null
);
