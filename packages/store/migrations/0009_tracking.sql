-- The previous release can keep running beside this; of the points that it packs, the summaries of metrics know nothing.

alter table projects
  add column description text not null default '',
  add column owner text,
  add column team text,
  add column tags jsonb not null default '{}',
  add column settings jsonb not null default '{}';

alter table experiments
  add column description text not null default '',
  add column hypothesis text not null default '',
  -- Of a sweep only `archived` counts: whether it is over stands in sweeps.
  add column status text not null default 'active' check (status in ('active', 'completed', 'archived')),
  add column tags jsonb not null default '{}',
  -- {name, goal} of what its runs are judged by; of a sweep it stands in sweeps.
  add column metric jsonb,
  add column created_by text;
-- Sweeps may share their names.
create unique index experiments_by_name on experiments (project_id, name) where kind = 'runs';

-- A trial's run has no state of its own: status and times are read off the trial, see runs.ts in src/tracking. Its
-- params are the trial's config, which never changes, and what its program has logged beside it.
alter table runs
  add column name text,
  add column group_name text,
  add column status text check (status in ('pending', 'running', 'completed', 'failed', 'killed')),
  add column parent_key int8 references runs,
  -- By dotted name; nested objects are taken apart, lists are values.
  add column params jsonb,
  add column tags jsonb not null default '{}',
  add column resources jsonb,
  add column created_by text,
  add column started_at timestamptz,
  add column ended_at timestamptz,
  add column deleted_at timestamptz,
  add constraint status_unless_trial check ((sweep_id is null) = (status is not null)),
  add constraint run_ended_when_over check ((status in ('completed', 'failed', 'killed')) = (ended_at is not null));
create index runs_by_experiment on runs (experiment_id, key);
create index runs_by_parent on runs (parent_key) where parent_key is not null;

with recursive parts (key, name, value) as (
  select r.key, c.key, c.value
    from runs r join trials t on t.sweep_id = r.sweep_id and t.number = r.trial, jsonb_each(t.config) c
  union all
  select p.key, p.name || '.' || c.key, c.value
    from parts p, jsonb_each(case when jsonb_typeof(p.value) = 'object' then p.value else '{}' end) c),
flat as (
  select key, jsonb_object_agg(name, value) as params from parts
   where jsonb_typeof(value) <> 'object' or value = '{}' group by key)
update runs r set params = coalesce((select params from flat where flat.key = r.key), '{}');

-- What is large and seldom looked at, so that lists of runs stay narrow.
create table run_details (
  run_key int8 primary key references runs,
  notes text not null default '',
  -- Why it ended.
  message text,
  source jsonb,
  environment jsonb
);

-- Points that were logged to a run itself, rather than reported by an agent: where they lie in metric_batches and
-- metric_chunks. The key is of the sequence of attempts.key.
create table run_streams (
  run_key int8 primary key references runs,
  attempt_key int8 not null unique,
  batches int not null default 0,
  points int8 not null default 0,
  last_step int8,
  -- As in attempts.
  name_ids int[] not null default '{}',
  dropped_points int8 not null default 0
) with (fillfactor = 70);

-- Batches of one writer are numbered 1, 2, 3, …; what comes again up to `seq` is ignored.
create table run_writers (
  run_key int8 not null references runs,
  writer text not null,
  seq int8 not null check (seq > 0),
  primary key (run_key, writer)
) with (fillfactor = 70);

-- What each metric of a run has come to, over all its points. NaN is no minimum and no maximum.
create table run_metrics (
  -- Of a run; not checked, as with points: it would lock the run once for each of its metrics.
  run_key int8 not null,
  name_id int not null,
  -- Key of the attempt (or stream) that the last point is of: what an earlier one has reported is older.
  attempt_key int8 not null,
  points int8 not null,
  last_value float8 not null,
  last_step int8 not null,
  last_at float8 not null,
  min_value float8,
  min_step int8,
  max_value float8,
  max_step int8,
  primary key (run_key, name_id)
) with (fillfactor = 90);

-- Batches of an attempt that run_metrics has; the next is number `batches`.
create table metric_summaries (
  attempt_key int8 primary key,
  batches int not null
) with (fillfactor = 70);

-- Null for what needs no summary any more.
alter table metric_compactions add column run_key int8;
insert into metric_compactions (attempt_key, run_key)
select key, run_key from attempts where batches > 0
    on conflict (attempt_key) do update set run_key = excluded.run_key;

-- The newest version of each file stands in artifacts, those before it here.
alter table artifacts
  add column type text not null default 'file',
  add column metadata jsonb not null default '{}',
  add column version int not null default 1 check (version > 0);
create table artifact_versions (
  run_key int8 not null references runs,
  path text not null,
  version int not null check (version > 0),
  type text not null,
  metadata jsonb not null,
  size_bytes int8 not null check (size_bytes >= 0),
  sha256 bytea not null check (length(sha256) = 32),
  created_at timestamptz not null,
  primary key (run_key, path, version)
);
create index artifact_versions_by_object on artifact_versions (sha256);
-- Names for versions, such as `best`; `latest` is always the newest.
create table artifact_aliases (
  run_key int8 not null references runs,
  path text not null,
  alias text not null check (alias <> 'latest'),
  version int not null,
  primary key (run_key, path, alias)
);
-- Which runs have read which files of others.
create table artifact_uses (
  run_key int8 not null references runs,
  source_key int8 not null references runs,
  path text not null,
  version int not null,
  created_at timestamptz not null default now(),
  primary key (run_key, source_key, path, version)
);
create index artifact_uses_by_source on artifact_uses (source_key, path);
